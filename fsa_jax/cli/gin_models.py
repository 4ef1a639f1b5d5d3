"""What gin files say, read without configuring anything: sizes of students, macros of run files."""

import dataclasses
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

from gin import config_parser

from fsa_jax.cli import gin_config
from fsa_jax.model.network import T5Config


@dataclasses.dataclass(frozen=True)
class _Macro:
    name: str


class _Reader(config_parser.ParserDelegate):
    """Leaves references and macros as they are written."""

    def configurable_reference(self, scoped_name, evaluate):
        return f"@{scoped_name}"

    def macro(self, scoped_name):
        return _Macro(scoped_name)


def bindings(name: str) -> dict[str, Any]:
    """Returns what a gin file of the project binds, includes in their order, later ones win.

    Args:
      name: The file, below the folder of gin files.

    Returns:
      Values by macro, or by ``<configurable>.<argument>`` without the configurable's module.
    """
    found: dict[str, Any] = {}
    for selector, argument, value in _statements(gin_config.gin_folder() / name):
        key = f"{selector.rpartition('.')[2]}.{argument}" if argument else selector
        found[key] = value
    return found


def _statements(path: pathlib.Path) -> Iterator[tuple[str, str, Any]]:
    folder = gin_config.gin_folder()
    for statement in config_parser.ConfigParser(path.read_text(encoding="utf-8"), _Reader()):
        if isinstance(statement, config_parser.IncludeStatement):
            yield from _statements(folder / statement.filename)
        elif isinstance(statement, config_parser.BindingStatement):
            yield statement.selector, statement.arg_name, statement.value


def macros(run_file: str) -> frozenset[str]:
    """Returns the macros that a file of ``runs/`` declares."""
    return frozenset(name for name in bindings(f"runs/{run_file}") if "." not in name)


class Models(Mapping[str, T5Config]):
    """The students by size: the files of ``gin/models``, each read when it is asked for."""

    def __init__(self) -> None:
        folder = gin_config.gin_folder() / "models"
        self._names = sorted(path.stem for path in folder.glob("*.gin"))

    def __getitem__(self, size: str) -> T5Config:
        if size not in self._names:
            raise KeyError(size)
        found = bindings(f"models/{size}.gin")
        fields = {}
        for field in dataclasses.fields(T5Config):
            value = found.get(f"T5Config.{field.name}")
            if isinstance(value, _Macro):
                value = found.get(value.name)  # the run file's own macros are left at the default
            if value is not None:
                fields[field.name] = value
        return T5Config(**fields)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
