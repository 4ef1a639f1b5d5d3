"""Gin files: where they lie, what they say, and copies whose includes name one file each.

Gin takes ``include 'runs/pretrain.gin'`` for a file of a Python package ``runs`` wherever one can
be imported, which a folder of that name in the working directory or on ``PYTHONPATH`` makes true.
So includes are looked up here, and gin gets copies that name them by absolute paths.
"""

import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from gin import config_parser

import fsa_jax
from fsa_jax.runtime.files import near

COMMAND_LINE = "the command line"
REQUIRED = "%gin.REQUIRED"
# Two macros that say one thing: the one that is set last replaces the other.
RIVALS = (("TRAIN_STEPS", "TRAIN_EPOCHS"), ("BATCH_SIZE", "EXAMPLES_PER_BATCH"))


def gin_folder() -> pathlib.Path:
    """The gin files of this project: inside the installed package, else in the checkout."""
    package = pathlib.Path(fsa_jax.__file__).parent
    for folder in (package / "gin", package.parent / "gin"):
        if (folder / "models").is_dir():
            return folder
    raise FileNotFoundError(f"no gin files beside {package}: the installation is incomplete")


def search_folders(paths: Iterable[str]) -> list[pathlib.Path]:
    """Folders to find files and includes in, the first first; the project's own come last.

    Args:
        paths: Folders as given from here; ``gin/…`` from anywhere means the project's own files.

    Raises:
        FileNotFoundError: A path is no folder.
    """
    own = gin_folder()
    return list(dict.fromkeys([*(_folder(path, own) for path in paths), own]))


def _folder(path: str, own: pathlib.Path) -> pathlib.Path:
    given = pathlib.Path(path).expanduser()
    if given.is_dir() or given.is_absolute():
        return given.absolute()
    inside = own.joinpath(*given.parts[1:]) if given.parts[:1] == ("gin",) else own / given
    if not inside.is_dir():
        raise FileNotFoundError(f"--gin_search_paths: {path} is no folder, here or in {own}")
    return inside


def find_file(name: str, folders: Sequence[pathlib.Path]) -> pathlib.Path:
    """Finds a gin file: as a path, else in the search folders.

    Raises:
        FileNotFoundError: Names the files that come near.
    """
    for path in (pathlib.Path(name), *(folder / name for folder in folders)):
        if path.is_file():
            return path.absolute()
    known = {
        str(path.relative_to(folder)): None for folder in folders for path in folder.rglob("*.gin")
    }
    raise FileNotFoundError(
        f"gin file {name!r} is neither here nor in {', '.join(map(str, folders))}"
        + near(name, known)
    )


class _Reader(config_parser.ParserDelegate):
    """Reads values without looking anything up; notes the macros that they refer to."""

    def __init__(self) -> None:
        self.macros: set[str] = set()

    def configurable_reference(self, scoped_name: str, evaluate: bool) -> str:
        return f"@{scoped_name}"

    def macro(self, scoped_name: str) -> str:
        self.macros.add(scoped_name)
        return f"%{scoped_name}"


def _parse(text: str, reader: _Reader, path: pathlib.Path | None) -> Iterator[Any]:
    try:
        yield from config_parser.ConfigParser(text, reader)
    except SyntaxError as error:
        place = f"{path}:{error.lineno}" if path else COMMAND_LINE
        raise ValueError(f"gin: {place}: {error.msg}") from error


@dataclasses.dataclass(frozen=True)
class Setting:
    """The last value of a macro.

    Attributes:
        value: As gin reads it; ``%NAME`` and ``@name`` for references.
        source: The file that sets it, or the command line.
        rank: Grows from setting to setting.
    """

    value: object
    source: str
    rank: int


class Macros:
    """The macros that files and bindings set, read, and declare (in run and model files).

    Args:
        files: Gin files; later ones win.
        bindings: ``NAME = VALUE`` lines, which win over files.
        folders: Where to find includes.

    Attributes:
        settings: The last setting of each macro.
        read: Names that some value refers to.
        declared: Names that run and model files set.

    Raises:
        FileNotFoundError: An included file is in no folder.
        ValueError: What is no gin, with file and line.
    """

    def __init__(
        self,
        files: Sequence[pathlib.Path],
        bindings: Sequence[str],
        folders: Sequence[pathlib.Path],
    ):
        self.settings: dict[str, Setting] = {}
        self.read: set[str] = set()
        self.declared: set[str] = set()
        self._folders, self._rank = folders, 0
        for path in files:
            self._add(path.read_text(encoding="utf-8"), path)
        self._add("\n".join(bindings), None)

    def given(self, name: str) -> bool:
        """Whether a macro has a value other than None."""
        setting = self.settings.get(name)
        return setting is not None and setting.value not in (None, REQUIRED)

    def check(self) -> None:
        """Raises ValueError where a macro is read by nothing, or required or read but not set."""
        known = self.declared | self.read
        for name in self.settings:
            if name not in known:
                hint = near(name, sorted(known))
                raise ValueError(f"nothing reads the macro {name}{hint}")
        for name, setting in self.settings.items():
            if setting.value == REQUIRED:
                raise ValueError(f"{name} is not set: give --gin.{name}=…")
        if missing := sorted(self.read - set(self.settings) - {"gin.REQUIRED"}):
            hint = near(missing[0], self.settings)
            raise ValueError(f"the macro {missing[0]} is read but never set{hint}")

    def _add(self, text: str, path: pathlib.Path | None) -> None:
        reader = _Reader()
        for statement in _parse(text, reader, path):
            if isinstance(statement, config_parser.IncludeStatement):
                included = find_file(statement.filename, self._folders)
                self._add(included.read_text(encoding="utf-8"), included)
            elif isinstance(statement, config_parser.BindingStatement) and not statement.arg_name:
                self._rank += 1
                source = str(path) if path else COMMAND_LINE
                self.settings[statement.selector] = Setting(statement.value, source, self._rank)
                if path and path.parent.name in ("runs", "models"):
                    self.declared.add(statement.selector)
        self.read |= reader.macros


class Copies:
    """Copies of gin files that include each other by absolute paths.

    Args:
        folder: Where to write them; a copy is named by its content.
        folders: Where to find includes.

    Attributes:
        originals: Path of the file by the path of its copy.
    """

    def __init__(self, folder: pathlib.Path, folders: Sequence[pathlib.Path]):
        self._folder, self._folders = folder, folders
        self.originals: dict[str, str] = {}

    def write(self, path: pathlib.Path) -> str:
        """Writes the copy of a file, and of what it includes; returns its path."""
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines(keepends=True)
        for statement in _parse(text, _Reader(), path):
            if isinstance(statement, config_parser.IncludeStatement):
                copy = self.write(find_file(statement.filename, self._folders))
                lines[statement.location.line_num - 1] = f"include {copy!r}\n"
        content = "".join(lines).encode()
        digest = hashlib.sha256(content).hexdigest()[:16]
        target = self._folder / f"{path.stem}-{digest}.gin"
        if not target.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            partial = target.with_suffix(f".{os.getpid()}")
            partial.write_bytes(content)
            partial.replace(target)
        self.originals[str(target)] = str(path)
        return str(target)
