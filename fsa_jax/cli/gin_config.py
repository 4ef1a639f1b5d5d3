"""Gin files and flags: found from any directory, checked before anything is run.

Gin itself accepts whatever macro it is given; here a macro that nothing reads, a file that is not
there, and a required macro that is not set end with one line that says what was meant.
"""

import ast
import dataclasses
import difflib
import logging
import pathlib
import re
from collections.abc import Iterable, Sequence

import gin
from gin import config_parser

import fsa_jax

_FLAG = re.compile(r"--gin\.(?P<name>[^=]+)=(?P<value>.*)", re.DOTALL)


def gin_folder() -> pathlib.Path:
    """The gin files of this project: inside the installed package, else in the checkout."""
    package = pathlib.Path(fsa_jax.__file__).parent
    for folder in (package / "gin", package.parent / "gin"):
        if (folder / "models").is_dir():
            return folder
    raise FileNotFoundError(f"no gin files beside {package}: the installation is incomplete")


def read_flags(arguments: Iterable[str]) -> list[str]:
    """Turns ``--gin.NAME=VALUE`` flags into gin bindings; bare words need no inner quotes.

    Raises:
      ValueError: An argument of another form.
    """
    bindings = []
    for argument in arguments:
        match = _FLAG.fullmatch(argument)
        if not match:
            raise ValueError(f"unknown argument {argument!r}; settings look like --gin.NAME=VALUE")
        bindings.append(f"{match['name']} = {quoted(match['value'])}")
    return bindings


def quoted(value: str) -> str:
    """Returns a value as gin reads it: literals and references as they are, other text quoted."""
    if re.fullmatch(r"[@%][\w./()]+", value):
        return value
    try:
        ast.literal_eval(value)
    except (ValueError, SyntaxError):
        if any(sign in value for sign in "@%") and value[:1] in "[({":
            return value  # a list or dict that holds references
        return repr(value)
    return value


class _Reader(config_parser.ParserDelegate):
    """Reads values without looking anything up; notes the macros that they refer to."""

    def __init__(self):
        self.macros: set[str] = set()

    def configurable_reference(self, scoped_name, evaluate):
        return f"@{scoped_name}"

    def macro(self, scoped_name):
        self.macros.add(scoped_name)
        return f"%{scoped_name}"


@dataclasses.dataclass
class _Statements:
    """Macros that a configuration sets (last value), reads, and declares in run or model files."""

    values: dict[str, object] = dataclasses.field(default_factory=dict)
    read: set[str] = dataclasses.field(default_factory=set)
    declared: set[str] = dataclasses.field(default_factory=set)

    def add(self, text: str, folders: Sequence[pathlib.Path], declares: bool) -> None:
        """Reads one file's text, and the files that it includes."""
        reader = _Reader()
        for statement in config_parser.ConfigParser(text, reader):
            if isinstance(statement, config_parser.IncludeStatement):
                path = find_file(statement.filename, folders)
                inner = path.parent.name in ("runs", "models")
                self.add(path.read_text(encoding="utf-8"), folders, inner)
            elif isinstance(statement, config_parser.BindingStatement) and not statement.arg_name:
                self.values[statement.selector] = statement.value
                if declares:
                    self.declared.add(statement.selector)
        self.read |= reader.macros


def find_file(name: str, folders: Sequence[pathlib.Path]) -> pathlib.Path:
    """Finds a gin file: as a path, else in the search folders.

    Raises:
      FileNotFoundError: Names the files that come near.
    """
    for path in (pathlib.Path(name), *(folder / name for folder in folders)):
        if path.is_file():
            return path
    known = {
        str(path.relative_to(folder)): None for folder in folders for path in folder.rglob("*.gin")
    }
    raise FileNotFoundError(
        f"gin file {name!r} is neither here nor in {', '.join(map(str, folders))}"
        + did_you_mean(name, known)
    )


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Returns ``; did you mean …?`` with the names that come near, or nothing."""
    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def load(files: Sequence[str], bindings: Sequence[str], search_paths: Sequence[str]) -> None:
    """Loads files, then bindings, into gin.

    Args:
      files: Gin files, later ones win.
      bindings: ``NAME = VALUE`` lines, which win over files.
      search_paths: Folders to find files and includes in, the first first; relative ones are taken
        from here, else from the project's gin files. Those come last in any case.

    Raises:
      FileNotFoundError: A file that is in no folder.
      ValueError: A macro that nothing reads, a required one that is missing, or what gin refuses.
    """
    own = gin_folder()
    folders = [_resolve(path, own) for path in search_paths]
    folders += [folder for folder in (own,) if folder not in folders]
    statements = _Statements()
    for name in files:
        path = find_file(name, folders)
        declares = path.parent.name in ("runs", "models")
        statements.add(path.read_text(encoding="utf-8"), folders, declares)
    statements.add("\n".join(bindings), folders, declares=False)
    _check(statements)
    for folder in reversed(folders):
        gin.add_config_file_search_path(str(folder))
    logging.disable(logging.ERROR)  # gin logs each folder in which it does not find an include
    try:
        gin.parse_config_files_and_bindings(
            [str(find_file(name, folders)) for name in files], list(bindings)
        )
    except (ValueError, TypeError, AttributeError, ImportError, SyntaxError) as error:
        raise ValueError(f"gin: {first_line(error)}") from error
    finally:
        logging.disable(logging.NOTSET)


def _resolve(path: str, own: pathlib.Path) -> pathlib.Path:
    """A search path as given from here; ``gin/…`` from anywhere means the project's own files."""
    given = pathlib.Path(path)
    if given.is_dir() or given.is_absolute():
        return given.absolute()
    inside = own.joinpath(*given.parts[1:]) if given.parts[:1] == ("gin",) else own / given
    if not inside.is_dir():
        raise FileNotFoundError(f"--gin_search_paths: {path} is no folder, here or in {own}")
    return inside


def _check(statements: _Statements) -> None:
    known = statements.declared | statements.read
    for name in statements.values:
        if name not in known:
            raise ValueError(f"nothing reads the macro {name}" + did_you_mean(name, sorted(known)))
    for name, value in statements.values.items():
        if value == "%gin.REQUIRED":
            raise ValueError(f"{name} is not set: give --gin.{name}=…")
    if missing := sorted(statements.read - set(statements.values) - {"gin.REQUIRED"}):
        near = did_you_mean(missing[0], statements.values)
        raise ValueError(f"the macro {missing[0]} is read but never set{near}")


def first_line(error: BaseException) -> str:
    """An exception's message in one line, without what gin appends to it."""
    message = str(error).split("\n  In call to configurable")[0]
    return " ".join(message.split())
