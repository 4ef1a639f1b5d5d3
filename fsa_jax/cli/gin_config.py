"""Settings: gin files and ``--gin.NAME=VALUE`` flags, checked before anything is run.

Gin itself accepts whatever macro it is given; here a macro that nothing reads, a file that is not
there, and a required macro that is not set end with one line that says what was meant.
"""

import ast
import dataclasses
import logging
import os
import pathlib
import re
import tempfile
from collections.abc import Iterable, Sequence

import gin

from fsa_jax.cli.gin_files import COMMAND_LINE, RIVALS, Copies, Macros, find_file, search_folders

_FLAG = re.compile(r"--gin\.(?P<name>[^=]+)=(?P<value>.*)", re.DOTALL)
_WITHOUT_GIN = re.compile(r"-*(?P<rest>[A-Z][A-Z_]+=.*)", re.DOTALL)
# Macros that name a file or folder: text, whatever it looks like, and `~` is a home folder.
_PATHS = (
    "MODEL_DIR",
    "CHECKPOINT_PATH",
    "INITIAL_CHECKPOINT_PATH",
    "RESUME_CHECKPOINT_PATH",
    "EVAL_OUTPUT_DIR",
    "INFER_OUTPUT_DIR",
)


def read_flags(arguments: Iterable[str]) -> list[str]:
    """Turns ``--gin.NAME=VALUE`` flags into gin bindings; bare words need no inner quotes.

    Raises:
        ValueError: An argument of another form.
    """
    bindings = []
    for argument in arguments:
        match = _FLAG.fullmatch(argument)
        if not match:
            meant = _WITHOUT_GIN.fullmatch(argument)
            hint = f"; did you mean --gin.{meant['rest']}?" if meant else ""
            raise ValueError(
                f"unknown argument {argument!r}; settings look like --gin.NAME=VALUE{hint}"
            )
        name, value = match["name"], match["value"]
        bindings.append(f"{name} = {quoted(value, is_path=name in _PATHS)}")
    return bindings


def quoted(value: str, is_path: bool = False) -> str:
    """Returns a value as gin reads it: literals and references as they are, other text quoted.

    Args:
        value: What stands behind the ``=`` of a flag.
        is_path: Take numbers, too, for text.
    """
    if re.fullmatch(r"[@%][\w./()]+", value):
        return value
    try:
        literal = ast.literal_eval(value)
    except (ValueError, SyntaxError):
        if any(sign in value for sign in "@%") and value[:1] in "[({":
            return value  # a list or dict that holds references
        return repr(value)
    return repr(value) if is_path and not isinstance(literal, str | None) else value


@dataclasses.dataclass(frozen=True)
class Configuration:
    """Files and bindings that belong together and have been checked.

    Attributes:
        files: Paths of the gin files; later ones win.
        bindings: ``NAME = VALUE`` lines, which win over files.
        folders: Where includes are found.
        macros: What they set.
    """

    files: list[pathlib.Path]
    bindings: list[str]
    folders: list[pathlib.Path]
    macros: Macros


def read(
    files: Sequence[str], bindings: Sequence[str], search_paths: Sequence[str]
) -> Configuration:
    """Finds files and settles what they and the bindings say, without running anything.

    Args:
        files: Gin files, later ones win.
        bindings: ``NAME = VALUE`` lines, which win over files.
        search_paths: Folders to find files and includes in, the first first; relative ones are
            taken from here, else from the project's gin files. Those come last in any case.

    Raises:
        FileNotFoundError: A file that is in no folder.
        ValueError: A macro that nothing reads, a required one that is missing, or two that say the
            same thing.
    """
    folders = search_folders(search_paths)
    paths = [find_file(name, folders) for name in files]
    macros = Macros(paths, bindings, folders)
    macros.check()
    settled = [*bindings, *_without_rivals(macros), *_plain_paths(macros)]
    return Configuration(paths, settled, folders, macros)


def _without_rivals(macros: Macros) -> list[str]:
    """Bindings that unset what a later macro replaces."""
    bindings = []
    for pair in RIVALS:
        if not all(map(macros.given, pair)):
            continue
        one, other = (macros.settings[name] for name in pair)
        if one.source == other.source:
            where = "" if one.source == COMMAND_LINE else f" in {one.source}"
            raise ValueError(
                f"{pair[0]}={one.value} and {pair[1]}={other.value} are both given{where}: they "
                "say the same thing, keep one of them"
            )
        bindings.append(f"{pair[0] if one.rank < other.rank else pair[1]} = None")
    return bindings


def _plain_paths(macros: Macros) -> list[str]:
    """Bindings of paths that files or flags do not say as gin and the engines need them."""
    bindings = []
    for name in _PATHS:
        value = macros.settings[name].value if macros.given(name) else None
        if value is not None and not str(value).startswith(("@", "%")):
            path = os.path.expanduser(str(value))
            if path != value:
                bindings.append(f"{name} = {path!r}")
    return bindings


def load(files: Sequence[str], bindings: Sequence[str], search_paths: Sequence[str]) -> None:
    """Loads files, then bindings, into gin; see ``read``.

    Raises:
        FileNotFoundError: A file that is in no folder.
        ValueError: What ``read`` or gin refuses.
    """
    found = read(files, bindings, search_paths)
    logging.disable(logging.ERROR)  # gin logs where it looks for files
    with tempfile.TemporaryDirectory(prefix="fsa_jax_gin_") as folder:
        copies = Copies(pathlib.Path(folder), found.folders)
        try:
            gin.parse_config_files_and_bindings(
                [copies.write(path) for path in found.files], found.bindings
            )
        except (
            ValueError,
            TypeError,
            NameError,
            AttributeError,
            ImportError,
            SyntaxError,
        ) as error:
            message = first_line(error)
            for copy, original in copies.originals.items():
                message = message.replace(copy, original)
            raise ValueError(f"gin: {message}") from error
        finally:
            logging.disable(logging.NOTSET)


def copies_folder() -> pathlib.Path:
    """Where copies of gin files lie that a process of its own reads: in the user's cache folder."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return pathlib.Path(home).expanduser() / "fsa_jax" / "gin"


def first_line(error: BaseException) -> str:
    """An exception's message in one line, without what gin appends to it."""
    message = str(error).split("\n  In call to configurable")[0]
    return " ".join(message.split())
