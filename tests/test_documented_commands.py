"""The commands of the documents: each can be typed as it stands.

Every command of every block is parsed as the command itself parses it: a renamed option, file,
macro or make target is found here. ``test_pages_in_order.py`` and
``test_tutorial.py`` run them.
"""

import importlib.util
import itertools
import re

import gin
import pytest
import typer
from documents import DOCUMENTS, ROOT, command_lines, commands

from fsa_jax.cli import gin_config
from fsa_jax.cli.main import fsa, t5x

USAGE_ERROR = typer.BadParameter.__bases__[0]  # typer brings a click of its own
PLAIN = {"cat", "cd", "curl", "export", "head", "kill", "mkdir", "printf", "tail"}


# CONTRIBUTING's commands are about files that it shows: test_docs.py runs them.
COMMANDS = [
    words
    for path in DOCUMENTS
    if path.name != "CONTRIBUTING.md"
    for line in command_lines(path)
    for words in commands(line)
]
SHOWN = [" ".join(command)[:60] for command in COMMANDS]


@pytest.fixture(autouse=True)
def _fresh_gin():
    gin.clear_config()
    yield
    gin.clear_config()


def parse(app, words):
    """Parses a command line as the command itself does; runs nothing."""
    command, context = typer.main.get_command(app), None
    while hasattr(command, "resolve_command"):
        context = typer.Context(command, parent=context, info_name=words[0])
        _, command, words = command.resolve_command(context, words)
    return command.make_context(command.name, words)


def check_t5x(words):
    """Files, macros and required settings, as ``t5x`` checks them before anything is read."""
    context = parse(t5x, words)
    gin_config.load(context.params["gin_file"], gin_config.read_flags(context.args), [])


def check_script(path, words):
    """Options of a shell script are those that it names; what follows ``--`` is for ``t5x``."""
    known = re.findall(r"^ +(--[^)]*)\)", (ROOT / path).read_text(), re.MULTILINE)
    own = words[: words.index("--")] if "--" in words else words
    for option in [word for word in own if word.startswith("--")]:
        assert option in " | ".join(known).split(" | "), f"{path} has no option {option}"
    if "--" in words:
        check_t5x(words[words.index("--") + 1 :])


def check_pip(words):
    """The constraints file and the extras are there."""
    assert words[0] in ("install", "wheel")
    setup = (ROOT / "setup.py").read_text()
    for option, value in itertools.pairwise(words):
        if option == "-c":
            assert (ROOT / value).is_file()
        for extra in re.findall(r"\[([\w,-]+)\]", value):
            assert all(f'"{name}"' in setup for name in extra.split(",")), extra


@pytest.mark.parametrize("words", COMMANDS, ids=SHOWN)
def test_every_command_can_be_typed_as_shown(words, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FSA_DATA_DIR", str(tmp_path))
    name, *rest = words
    if name == "fsa":
        context = parse(fsa, rest)
        if rest[0] == "experiment":
            declared = ROOT / "fsa_jax" / "experiments" / "declared"
            assert (declared / f"{context.params['name']}.yaml").is_file()
    elif name == "t5x":
        check_t5x(rest)
    elif name == "make":
        assert re.search(rf"^{rest[0]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    elif name == "pip":
        check_pip(rest)
    elif name == "python":
        assert rest[0] == "-m"
        assert importlib.util.find_spec(rest[1]), f"no module {rest[1]}"
    elif name.endswith(".sh"):
        check_script(name, rest)
    else:
        assert name in PLAIN, f"no test knows how to check {name}"


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("fsa score runs/x --per polarity", "No such option"),
        ("fsa scores runs/x", "No such command"),
        ("t5x train --gin_file=finetunes.gin --gin.MODEL_DIR=x", "did you mean"),
        ("t5x train --gin_file=finetune.gin --gin.MODEL_DIRS=x", "nothing reads the macro"),
        ("t5x train --gin_file=finetune.gin", "MODEL_DIR is not set"),
        ("scripts/tpu_job.sh --named x", "has no option"),
        ("make quikstart", "assert"),
    ],
)
def test_a_command_that_is_not_there_is_found(line, error, monkeypatch, tmp_path):
    with pytest.raises((USAGE_ERROR, ValueError, OSError, AssertionError)) as caught:
        test_every_command_can_be_typed_as_shown(line.split(), monkeypatch, tmp_path)
    shown = getattr(caught.value, "message", None) or str(caught.value)
    assert error in shown
