"""Stages: commands in folders of their own, each known by a key.

The key is a hash of what decides a stage's result: its recipe (settings, not paths), the data that
it reads, the keys of the stages that it starts from, and the version of the code. Two systems that
ask for the same thing share one stage.
"""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fsa_jax.experiments.costs import Work
from fsa_jax.runtime.run_directory import RunDirectory

_KEY_LENGTH = 12


@dataclasses.dataclass(frozen=True)
class Requirement:
    """A file or folder that must be there, and the command that makes it."""

    path: Path
    remedy: str

    def missing(self) -> str | None:
        """Says what is missing and how to get it; None where all is there."""
        return None if self.path.exists() else f"{self.path} is missing: {self.remedy}"


@dataclasses.dataclass(frozen=True)
class Command:
    """One command of a stage.

    Attributes:
        arguments: The program (``t5x`` or ``fsa``) and its arguments; ``{folder}`` stands for the
            stage's folder.
        runs: The run directories that it fills, below the stage's folder.
    """

    arguments: tuple[str, ...]
    runs: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Stage:
    """A piece of work with a result of its own.

    Attributes:
        kind: Data, pretrain, finetune or evaluate.
        name: What people read.
        root: Folder that the folders of all stages lie in.
        recipe: What decides the result, but for data and needs; JSON-able.
        commands: One after the other.
        needs: Stages that must be finished before.
        data: Fingerprint of the outside data that it reads.
        code: Version of the code.
        environment: Variables of its commands; ``{folder}`` stands for the stage's folder.
        requires: What must be there from outside.
        runs: Run directories by seed, below the stage's folder.
        task: What it is scored on.
        work: How much there is to compute.
    """

    kind: str
    name: str
    root: Path
    recipe: Mapping[str, Any]
    commands: tuple[Command, ...]
    needs: tuple["Stage", ...] = ()
    data: str = ""
    code: str = ""
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    requires: tuple[Requirement, ...] = ()
    runs: Mapping[int, str] = dataclasses.field(default_factory=dict)
    task: str = ""
    work: Work = dataclasses.field(default_factory=Work)

    @functools.cached_property
    def config_key(self) -> str:
        """Hash of the recipe alone, with those of the stages that it starts from."""
        needs = [stage.config_key for stage in self.needs]
        return digest([self.kind, self.recipe, needs])

    @functools.cached_property
    def data_fingerprint(self) -> str:
        """Hash of the data of this stage and of those that it starts from."""
        return digest([self.data, *(stage.data_fingerprint for stage in self.needs)])

    @functools.cached_property
    def key(self) -> str:
        """Hash of all that decides the result."""
        return digest([self.config_key, self.data_fingerprint, self.code])

    @property
    def folder(self) -> Path:
        """Where it works; kept by its key, so nothing else is ever written there."""
        return self.root / self.kind / f"{slug(self.name)}-{self.key}"

    @property
    def run_directories(self) -> dict[int, RunDirectory]:
        """The run directories by seed."""
        return {seed: RunDirectory(self.folder / run) for seed, run in self.runs.items()}

    def arguments(self, command: Command) -> list[str]:
        """The words of a command, with the folder put in."""
        return [word.replace("{folder}", str(self.folder)) for word in command.arguments]

    def variables(self) -> dict[str, str]:
        """The environment of its commands, with the folder put in."""
        folder = str(self.folder)
        return {k: v.replace("{folder}", folder) for k, v in self.environment.items()}

    def missing(self) -> list[str]:
        """Says what is missing from outside, a line each."""
        return [line for line in (need.missing() for need in self.requires) if line]


def lacking(stages: Iterable[Stage]) -> list[str]:
    """Says what stages miss from outside: a line for each way to get it."""
    found: dict[str, dict[Path, None]] = {}
    for stage in stages:
        for need in stage.requires:
            if not need.path.exists():
                found.setdefault(need.remedy, {})[need.path] = None
    lines = []
    for remedy, paths in found.items():
        first, *rest = paths
        more = f" and {len(rest)} more" if rest else ""
        lines.append(f"{first}{more}: {remedy}")
    return lines


def digest(value: Any) -> str:
    """A short hash of a JSON-able value."""
    text = json.dumps(value, sort_keys=True, default=list)
    return hashlib.sha256(text.encode()).hexdigest()[:_KEY_LENGTH]


def slug(name: str) -> str:
    """A name as a folder may be called."""
    kept = "".join(letter if letter.isalnum() or letter in "_.=" else "-" for letter in name)
    while "--" in kept:
        kept = kept.replace("--", "-")
    return kept.strip("-.")[:60]


def in_order(stages: Iterable[Stage]) -> list[Stage]:
    """Returns the stages and all that they need, each once, needs first."""
    found: dict[str, Stage] = {}

    def visit(stage: Stage) -> None:
        if stage.key not in found:
            for need in stage.needs:
                visit(need)
            found[stage.key] = stage

    for stage in stages:
        visit(stage)
    return list(found.values())


def levels(stages: Sequence[Stage]) -> list[list[Stage]]:
    """Splits stages into groups that can run side by side, each after the one before."""
    depth: dict[str, int] = {}
    for stage in stages:  # in order: needs come first
        depth[stage.key] = 1 + max((depth[need.key] for need in stage.needs), default=-1)
    count = max(depth.values(), default=-1) + 1
    return [[stage for stage in stages if depth[stage.key] == level] for level in range(count)]
