"""The commands: ``t5x`` trains, evaluates and infers; ``fsa`` does all that comes before and after.

Nothing heavy is imported until a command that needs it runs, so that help answers at once and
``fsa generate`` works where neither JAX nor TensorFlow is installed.
"""

import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

import fsa_jax
from fsa_jax.runtime import exits, process

# Name → (module, attribute, line of help). The attribute is a typer app or a function.
_COMMANDS = {
    "sample": ("generation.commands", "sample", "Write the sample world: reviews, benchmark."),
    "reviews": ("generation.commands", "reviews", "Collect and sample reviews."),
    "generate": ("generation.commands", "generate", "Let a teacher write about reviews."),
    "corpus": ("generation.commands", "corpus", "Build or import the corpus (TFRecords)."),
    "evaluate": ("generation.commands", "evaluate", "Let LLMs do benchmark tasks, untrained."),
    "humaneval": ("generation.commands", "humaneval", "Let people judge teachers (Label Studio)."),
    "judge": ("generation.commands", "judge", "Let an LLM judge teachers, beside people."),
    "annotate": ("generation.commands", "annotate", "Let people annotate new benchmark data."),
    "errors": ("generation.commands", "errors", "Let people sort wrong predictions."),
    "benchmark": (
        "fsa_jax.cli.benchmark",
        "benchmark",
        "Convert, validate and count benchmark files.",
    ),
    "score": ("fsa_jax.cli.benchmark", "score", "Score prediction files."),
    "predict": ("fsa_jax.cli.predict", "predict", "Let a student answer your own text."),
    "serve": ("fsa_jax.cli.serve", "serve", "Serve students over HTTP, with a page."),
    "calibrate": ("fsa_jax.cli.predict", "calibrate", "Make a student's confidence honest."),
    "export": ("fsa_jax.cli.publishing", "export", "Export a student to Hugging Face."),
    "push": ("fsa_jax.cli.publishing", "push", "Push a student or corpora to the Hub."),
    "report": ("fsa_jax.cli.report", "report", "Draw runs and scores as one HTML page."),
    "experiment": (
        "fsa_jax.cli.experiments",
        "experiment",
        "Plan, run and report a table or a figure as one thing.",
    ),
    "cache": ("fsa_jax.cli.cache", "cache", "List and remove tokens that are kept on disk."),
    "doctor": ("fsa_jax.cli.doctor.command", "doctor", "Check the installation and the data."),
}

_HOME = re.compile(r"^(?P<option>--[\w-]+=)?(?P<home>~(?=/|$))")


def _expanded(match: re.Match[str]) -> str:
    return (match["option"] or "") + os.path.expanduser(match["home"])


class _Group(typer.core.TyperGroup):
    """A group whose commands end in words where typer itself would only say "Aborted"."""

    def invoke(self, ctx: Any) -> Any:
        """Runs a command; the end of a file that came too early is a fault of the input."""
        try:
            return super().invoke(ctx)
        except EOFError as error:
            raise ValueError(f"a file ends too early ({error or 'no more bytes'})") from error


class _LazyGroup(_Group):
    """A group that imports a command's module only when that command is run."""

    def __init__(self, **settings: Any):
        super().__init__(**settings)
        # What help needs to list the commands, and typer to tell which name comes near.
        self.commands = {
            name: typer.core.TyperCommand(name, help=line)
            for name, (_, _, line) in _COMMANDS.items()
        }

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Expands ``~``, which shells do not where it stands behind ``--option=``."""
        return super().parse_args(ctx, [_HOME.sub(_expanded, word) for word in args])

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Returns the command itself, to run it."""
        name, _, rest = super().resolve_command(ctx, args)
        module, attribute, _ = _COMMANDS[str(name)]
        app = getattr(importlib.import_module(module), attribute)
        if not isinstance(app, typer.Typer):
            function, app = app, typer.Typer(add_completion=False)
            app.command(name)(function)
        command = typer.main.get_command(app)
        command.name = name
        return name, command, rest


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"fsa_jax {fsa_jax.__version__}")
        raise typer.Exit


_Version = Annotated[
    bool,
    typer.Option(
        "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
    ),
]
fsa = typer.Typer(
    cls=_LazyGroup,
    no_args_is_help=True,
    help="From reviews to a scored student; `t5x` trains it. `fsa doctor` checks the installation; "
    "FSA_TRACEBACK=1 shows tracebacks.",
)
t5x = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    help="Train, evaluate and infer from gin files. FSA_TRACEBACK=1 shows tracebacks.",
)


@fsa.callback()
@t5x.callback()
def _app(version: _Version = False) -> None:
    pass


_SETTINGS = {"allow_extra_args": True, "ignore_unknown_options": True}
_GinFile = Annotated[
    list[str], typer.Option("--gin_file", help="Such as finetune.gin; later files win.")
]
_GinBindings = Annotated[
    list[str] | None, typer.Option("--gin_bindings", help="A gin binding 'NAME = VALUE'.")
]
_SearchPaths = Annotated[
    str, typer.Option("--gin_search_paths", help="Folders of gin files, comma-separated.")
]
_Engine = Annotated[str, typer.Option("--engine", help="builtin, or t5x where it is installed.")]


@t5x.command(context_settings=_SETTINGS)
def train(
    ctx: typer.Context,
    gin_file: _GinFile,
    gin_bindings: _GinBindings = None,
    gin_search_paths: _SearchPaths = "",
    engine: _Engine = "builtin",
    dry_run: Annotated[
        bool, typer.Option("--dry_run", help="Compile only; print sizes, FLOPs and memory.")
    ] = False,
    topology: Annotated[
        str | None, typer.Option("--topology", help="With --dry_run: e.g. v5e:2x4, or cpu:8.")
    ] = None,
    profile_steps: Annotated[
        str | None, typer.Option("--profile_steps", help="a:b writes a trace of these steps.")
    ] = None,
) -> None:
    """Train a student; settings are given as --gin.NAME=VALUE."""
    if engine != "builtin":
        _run_t5x("train", engine, gin_file, ctx.args, gin_bindings, gin_search_paths)
        return
    _load(gin_file, ctx.args, gin_bindings, gin_search_paths)
    import dataclasses

    import gin

    from fsa_jax.runtime import hosts, process
    from fsa_jax.runtime.run_directory import RunDirectory

    process.set_up()
    from fsa_jax.training import loop, seeds

    config = gin.get_configurable(loop.RunConfig)()
    if dry_run:
        from fsa_jax.training import dry_run as dry

        dry.dry_run(config, topology=topology)
        return
    if profile_steps:
        config = dataclasses.replace(config, profile_steps=_steps(profile_steps))
    if hosts.is_first():
        RunDirectory(config.model_dir).write_config(gin.config_str())
    if config.seeds:
        seeds.train_seeds(config, config.seeds)
    else:
        loop.train(config)


@t5x.command("eval", context_settings=_SETTINGS, help="Score a checkpoint on a task's splits.")
@t5x.command(
    "infer", context_settings=_SETTINGS, help="Write a checkpoint's answers to a task's examples."
)
def _ask(
    ctx: typer.Context,
    gin_file: _GinFile,
    gin_bindings: _GinBindings = None,
    gin_search_paths: _SearchPaths = "",
    engine: _Engine = "builtin",
) -> None:
    mode = str(ctx.info_name)
    if engine != "builtin":
        _run_t5x(mode, engine, gin_file, ctx.args, gin_bindings, gin_search_paths)
        return
    _load(gin_file, ctx.args, gin_bindings, gin_search_paths)
    import gin

    process.set_up()

    from fsa_jax.student.eval import evaluate_checkpoint
    from fsa_jax.student.infer import infer as answer_examples

    gin.get_configurable({"eval": evaluate_checkpoint, "infer": answer_examples}[mode])()


def _load(
    gin_file: list[str], args: list[str], gin_bindings: list[str] | None, search_paths: str
) -> None:
    from fsa_jax.cli import gin_config

    process.import_quietly("seqio")
    bindings = [*(gin_bindings or []), *gin_config.read_flags(args)]
    gin_config.load(gin_file, bindings, [path for path in search_paths.split(",") if path])


def _steps(text: str) -> tuple[int, int]:
    first, _, last = text.partition(":")
    if not (first.isdigit() and last.isdigit() and int(first) < int(last)):
        raise ValueError(f"--profile_steps={text}: give first:last, for example 10:15")
    return int(first), int(last)


def _run_t5x(
    mode: str,
    engine: str,
    gin_file: list[str],
    args: list[str],
    gin_bindings: list[str] | None,
    search_paths: str,
) -> None:
    """Hands the same gin files to T5X itself, with our twins of models/ and runs/ first."""
    from fsa_jax.cli import gin_config, gin_files

    if engine != "t5x":
        raise ValueError(f"--engine={engine}: it is builtin or t5x")
    found = importlib.util.find_spec("t5x")
    if found is None:
        raise ValueError("--engine=t5x: T5X is not installed; `fsa doctor` says how to")
    own = str(gin_files.gin_folder())
    # T5X finds its own gin files beside its package.
    theirs = os.path.dirname(os.path.dirname(str(found.origin)))
    paths = [path for path in search_paths.split(",") if path] or [os.path.join(own, "t5x"), own]
    bindings = [*(gin_bindings or []), *gin_config.read_flags(args)]
    settled = gin_config.read(gin_file, bindings, [*paths, theirs])
    copies = gin_files.Copies(gin_config.copies_folder(), settled.folders)
    command = [sys.executable, "-m", "t5x.main", f"--run_mode={mode}"]
    command += [f"--gin_search_paths={','.join(map(str, settled.folders))}"]
    command += [f"--gin_file={copies.write(path)}" for path in settled.files]
    command += [f"--gin.{binding.replace(' = ', '=', 1)}" for binding in settled.bindings]
    os.execv(sys.executable, command)


def _main(app: typer.Typer, name: str) -> None:
    """Runs an app; what the user can mend ends in one line, what is a bug in a traceback."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    _guard(lambda: app(prog_name=name, standalone_mode=True))


def _guard(run: Callable[[], Any]) -> None:
    try:
        run()
    except exits.TOLD_IN_ONE_LINE as error:
        if os.environ.get("FSA_TRACEBACK"):
            raise
        from fsa_jax.cli.gin_config import first_line

        print(f"error: {first_line(error) or type(error).__name__}", file=sys.stderr)
        sys.exit(exits.code_of(error))


def fsa_main() -> None:
    """Entry point of ``fsa``."""
    _main(fsa, "fsa")


def t5x_main() -> None:
    """Entry point of ``t5x``."""
    _main(t5x, "t5x")
