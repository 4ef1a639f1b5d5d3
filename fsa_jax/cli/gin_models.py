"""What gin files say, read without configuring anything: sizes of students, macros of run files."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gin import config_parser

from fsa_jax.cli import gin_files
from fsa_jax.model.network import T5Config


@dataclasses.dataclass(frozen=True)
class _Macro:
    name: str


class _Reader(config_parser.ParserDelegate):
    """Leaves references and macros as they are written."""

    def configurable_reference(self, scoped_name: str, evaluate: bool) -> str:
        return f"@{scoped_name}"

    def macro(self, scoped_name: str) -> _Macro:
        return _Macro(scoped_name)


def bindings(name: str) -> dict[str, Any]:
    """Returns what a gin file binds, includes in their order, later ones win.

    Args:
        name: The file, as a path or below the project's folder of gin files.

    Returns:
        Values by macro, or by ``<configurable>.<argument>`` without the configurable's module.
    """
    found: dict[str, Any] = {}
    for selector, argument, value in _statements(name):
        key = f"{selector.rpartition('.')[2]}.{argument}" if argument else selector
        _bind(found, key, value)
    return found


def _bind(found: dict[str, Any], key: str, value: Any) -> None:
    """Binds a value, which unsets what it replaces."""
    found[key] = value
    for one, other in (*gin_files.RIVALS, *(pair[::-1] for pair in gin_files.RIVALS)):
        if key == one and value is not None:
            found[other] = None


def _statements(name: str) -> Iterator[tuple[str, str, Any]]:
    path = gin_files.find_file(name, [gin_files.gin_folder()])
    for statement in config_parser.ConfigParser(path.read_text(encoding="utf-8"), _Reader()):
        if isinstance(statement, config_parser.IncludeStatement):
            yield from _statements(statement.filename)
        elif isinstance(statement, config_parser.BindingStatement):
            yield statement.selector, statement.arg_name, statement.value


def read(names: Iterable[str], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what gin files and flags bind together, macros by their values.

    Args:
        names: The files; where two bind the same, the later wins.
        settings: What flags set besides.
    """
    found: dict[str, Any] = {}
    for one in (*map(bindings, names), settings):
        for key, value in one.items():
            _bind(found, key, value)
    for key, value in found.items():
        while isinstance(value, _Macro):
            value = found.get(value.name)
        found[key] = value
    return found


def macros(run_file: str) -> frozenset[str]:
    """Returns the macros that a file of ``runs/`` declares."""
    return frozenset(name for name in bindings(f"runs/{run_file}") if "." not in name)


class Models(Mapping[str, T5Config]):
    """The students by size: the files of ``gin/models`` that say all that a student needs."""

    def __init__(self) -> None:
        folder = gin_files.gin_folder() / "models"
        files = {path.stem: _fields(f"models/{path.name}") for path in folder.glob("*.gin")}
        needed = {field.name for field in dataclasses.fields(T5Config) if _is_needed(field)}
        self._fields = {name: files[name] for name in sorted(files) if needed <= set(files[name])}

    def __getitem__(self, size: str) -> T5Config:
        return T5Config(**self._fields[size])

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)


def _is_needed(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING


def _fields(name: str) -> dict[str, Any]:
    """The fields of a student that a model file says; macros of run files are left to defaults."""
    found = read([name], {})
    told = {f.name: found.get(f"T5Config.{f.name}") for f in dataclasses.fields(T5Config)}
    return {field: value for field, value in told.items() if value is not None}
