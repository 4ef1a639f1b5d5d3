"""An experiment as it is declared: a small YAML file, checked before anything is planned.

    title: Students of my own teacher
    baseline: T5-base
    tasks: [tsa_rest14, asa_rest16]
    defaults: {size: base, weights: t5-base}
    systems:
      - {name: T5-base}
      - {name: mine, pretraining: distill, teacher: mine, prompts: anl_rw, reviews: 10k}
      - {name: mine, for_each: {fraction: [10, 50]}, pretraining: distill, teacher: mine}

What a system does not say, ``defaults`` says, and then the fields of ``System``. ``for_each`` makes
a system of each value (of each combination, where it names several fields).
"""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from fsa_jax.experiments import known
from fsa_jax.runtime.files import near

PRETRAINING = ("none", "distill", "dapt", "rating_prediction", "general_distillation")
PROMPTS = ("anl", "rw", "anl_rw", "anl_without_reasoning", "anl_without_labels")
SUBSETS = ("all", "implicit", "multiple", "hard", "original")
STAGE_KINDS = ("pretrain", "finetune", "evaluate")
_DECLARED = Path(__file__).parent / "declared"


@dataclasses.dataclass(frozen=True)
class System:
    """One row of a table, or one point of a figure.

    Attributes:
        name: Its name; that of a system of ``for_each`` ends with its values.
        series: The name as declared: the points of one line share it.
        group: Heading that it stands under, such as its teacher.
        x: Its place along a figure's axis: the values of ``for_each``.
        panel: Title of the figure's panel that it is drawn in.
        size: The student, one of ``gin/models``.
        weights: What it starts from: a Hugging Face folder or name, a checkpoint, or none.
        pretraining: One of ``PRETRAINING``.
        teacher: Whose corpus, where it is distilled.
        prompts: Which of the teacher's texts, one of ``PROMPTS``.
        reviews: How many reviews to pretrain on; None for all.
        scheme: How reviews were drawn by their stars.
        instructions: Fine-tune with definition and examples before the sentence (InstructABSA).
        fraction: Percentage of the fine-tuning data.
        draw: ``fixed``, or ``per_seed``: each seed draws a part of the data of its own.
        tasks: What it is scored on; empty for the experiment's.
        seeds: Of fine-tuning; empty for the experiment's.
        dropout, optimizer, learning_rate: By stage kind.
        decoding: Fields of ``DecodingConfig``.
        settings: Further gin settings by stage kind.
        gin_files: The gin file of a stage kind, instead of the usual one.
        predictions: Of an LLM: the folder of its prediction files; nothing is trained.
        paper: What the paper reports, a number for each column.
    """

    name: str
    series: str = ""
    group: str = ""
    x: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    panel: str = ""
    size: str = "base"
    weights: str = "none"
    pretraining: str = "none"
    teacher: str = ""
    prompts: str = "anl_rw"
    reviews: int | None = None
    scheme: str = "R12421"
    instructions: bool = False
    fraction: int = 100
    draw: str = "fixed"
    tasks: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    dropout: Mapping[str, float] = dataclasses.field(default_factory=dict)
    optimizer: Mapping[str, str] = dataclasses.field(default_factory=dict)
    learning_rate: Mapping[str, float] = dataclasses.field(default_factory=dict)
    decoding: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    settings: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    gin_files: Mapping[str, str] = dataclasses.field(default_factory=dict)
    predictions: str = ""
    paper: tuple[float, ...] = ()


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A table or a figure, declared.

    Attributes:
        name: Of the file, without its ending.
        title: One line.
        tasks: What every system is scored on.
        subsets: Of each task's test sentences; a column for each.
        systems: The rows, in order.
        baseline: The series that the others are tested against; empty for none.
        metric: The score that is shown.
        world: Where the data is made up (``fsa sample``): the number of reviews; None for real
            data.
        figure: Title of the horizontal axis by panel; empty for a table alone.
        notes: Lines under the table.
    """

    name: str
    title: str
    tasks: tuple[str, ...]
    subsets: tuple[str, ...]
    systems: tuple[System, ...]
    baseline: str = ""
    metric: str = "f1"
    world: int | None = None
    figure: Mapping[str, str] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """The (task, sub-set) pairs that a table has a column for."""
        return tuple((task, subset) for task in self.tasks for subset in self.subsets)

    def baseline_of(self, system: System) -> System | None:
        """Returns what a system is compared with: the baseline of its own size, fraction, ….

        Those fields count that the baseline's ``for_each`` varies. None for the baseline itself.
        """
        found = [other for other in self.systems if other.series == self.baseline]
        same = [
            other
            for other in found
            if all(getattr(system, field) == value for field, value in other.x.items())
        ]
        return same[0] if same and system.series != self.baseline else None


_EXPERIMENT_KEYS = {field.name for field in dataclasses.fields(Experiment)} - {"name"} | {
    "defaults",
    "seeds",
}
_SYSTEM_KEYS = {field.name for field in dataclasses.fields(System)} - {"series", "x"} | {"for_each"}


def declared() -> dict[str, Path]:
    """Returns the files of the experiments that come with the package, by name."""
    return {path.stem: path for path in sorted(_DECLARED.glob("*.yaml"))}


def load(name: str, sizes: Iterable[str]) -> Experiment:
    """Reads a declaration.

    Args:
        name: Of an experiment that comes with the package, or the path of a YAML file.
        sizes: The students there are.

    Raises:
        FileNotFoundError: There is no such experiment or file.
        ValueError: The file is no declaration; the message names the file, the place and the fix.
    """
    files = declared()
    path = Path(name) if name.endswith((".yaml", ".yml")) else files.get(name)
    if path is None or not path.is_file():
        raise FileNotFoundError(
            f"no experiment {name!r}{near(name, files)}; it is one of {', '.join(files)}, or "
            "the path of a .yaml file"
        )
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no YAML: {' '.join(str(error).split())}") from None
    try:
        return _Reader(sizes).experiment(path.stem, content)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from None


class _Reader:
    """Turns what YAML holds into the dataclasses, and names what is wrong with it."""

    def __init__(self, sizes: Iterable[str]):
        self._sizes = list(sizes)

    def experiment(self, name: str, content: Any) -> Experiment:
        _check_keys("the experiment", content, _EXPERIMENT_KEYS)
        systems = content.get("systems")
        if not isinstance(systems, list) or not systems:
            raise ValueError("it has no systems: a list of at least one is expected")
        tasks = _texts(content, "tasks")
        subsets = _texts(content, "subsets") or ("all",)
        for subset in subsets:
            _check_one("sub-set", subset, SUBSETS)
        shared = {"seeds": content.get("seeds", list(known.SEEDS)), "tasks": list(tasks)}
        shared |= _mapping(content, "defaults")
        found = [
            system
            for number, row in enumerate(systems, 1)
            for system in self._systems(f"system {number}", row, shared)
        ]
        names = [system.name for system in found]
        for system in found:
            if names.count(system.name) > 1:
                raise ValueError(
                    f"two systems are named {system.name!r}: each writes cells of its own, so give "
                    "them two names"
                )
        baseline = str(content.get("baseline", ""))
        if baseline:
            _check_one("baseline", baseline, {system.series for system in found})
        world = content.get("world")
        experiment = Experiment(
            name,
            str(content.get("title", name)),
            tasks or tuple(dict.fromkeys(task for system in found for task in system.tasks)),
            subsets,
            tuple(found),
            baseline,
            str(content.get("metric", "f1")),
            None if world is None else int(world),
            {str(k): str(v) for k, v in _mapping(content, "figure").items()},
            _texts(content, "notes"),
        )
        _check_paper(experiment)
        return experiment

    def _systems(self, place: str, row: Any, shared: Mapping[str, Any]) -> Iterator[System]:
        _check_keys(place, row, _SYSTEM_KEYS)
        _check_keys("defaults", shared, _SYSTEM_KEYS)
        if not isinstance(row.get("name"), str):
            raise ValueError(f"{place} has no name")
        row = {**shared, **row}
        each = row.pop("for_each", None) or {}
        _check_keys(f"for_each of {row['name']}", each, _SYSTEM_KEYS - {"for_each", "name"})
        for field, values in each.items():
            if not isinstance(values, list):
                raise ValueError(f"{row['name']}: for_each.{field} is {values!r}, not a list")
        for values in itertools.product(*each.values()):
            x = dict(zip(each, values, strict=True))
            name = " ".join([row["name"], *(f"{k}={v}" for k, v in x.items())])
            fields = {**row, **x, "series": row["name"], "name": name, "x": x}
            try:
                yield self._system(fields)
            except (ValueError, TypeError) as error:
                raise ValueError(f"system {name!r}: {error}") from None

    def _system(self, row: dict[str, Any]) -> System:
        row["reviews"] = known.read_count(row.get("reviews"))
        row["x"] = {k: row["reviews"] if k == "reviews" else v for k, v in row["x"].items()}
        row["weights"] = str(row.get("weights") or "none")
        for name in ("tasks", "seeds", "paper"):
            row[name] = tuple(row.get(name) or ())
        for name in ("dropout", "optimizer", "learning_rate"):
            row[name] = _by_kind(name, row.get(name))
        system = System(**row)
        _check_one("pretraining", system.pretraining, PRETRAINING)
        _check_one("size", system.size, self._sizes)
        _check_one("prompts", system.prompts, PROMPTS)
        _check_one("scheme", system.scheme, known.SCHEMES)
        _check_one("draw", system.draw, ("fixed", "per_seed"))
        _check_kinds("settings", system.settings)
        _check_kinds("gin_files", system.gin_files)
        for task in system.tasks:
            _check_one("task", task, known.tasks())
        if not system.tasks:
            raise ValueError("it has no tasks: list them here or for the whole experiment")
        if system.pretraining == "distill":
            if not system.teacher:
                raise ValueError("it is distilled from no one: name its teacher")
            known.check_teacher(system.teacher)
        _check_fraction(system)
        return system


def _check_fraction(system: System) -> None:
    if system.fraction != 100:
        _check_one("fraction", system.fraction, known.PERCENTAGES)
        if system.instructions:
            raise ValueError("instructions are there for the whole data only: drop the fraction")
    if system.draw == "per_seed" and system.fraction != 100:
        for seed in system.seeds:
            _check_one("seed of a part of the data", seed, known.SEEDS)


def _check_paper(experiment: Experiment) -> None:
    for system in experiment.systems:
        wanted = len(system.tasks) * len(experiment.subsets)
        if system.paper and len(system.paper) != wanted:
            raise ValueError(
                f"system {system.name!r}: {len(system.paper)} values of the paper for {wanted} "
                "columns"
            )


def _check_keys(place: str, found: Any, wanted: Iterable[str]) -> None:
    if not isinstance(found, Mapping):
        raise ValueError(f"{place} is {found!r}: fields with values are expected")
    for key in found:
        if key not in wanted:
            raise ValueError(f"{place} has an unknown field {key!r}{near(str(key), wanted)}")


def _check_one(what: str, value: Any, wanted: Iterable[Any]) -> None:
    wanted = list(wanted)
    if value not in wanted:
        names = [str(x) for x in wanted]
        shown = "" if len(names) > 12 else f"; it is one of {', '.join(names)}"
        raise ValueError(f"unknown {what} {value!r}{near(str(value), names)}{shown}")


def _check_kinds(field: str, found: Mapping[str, Any]) -> None:
    if not isinstance(found, Mapping):
        raise ValueError(f"{field} is {found!r}: values by stage kind are expected")
    for kind in found:
        _check_one(f"stage kind in {field}", kind, STAGE_KINDS)


def _by_kind(field: str, value: Any) -> Mapping[str, Any]:
    """A value for each stage that trains, from one for both or from one by stage kind."""
    if value is None:
        return {}
    if isinstance(value, Mapping):
        _check_kinds(field, value)
        return value
    return {"pretrain": value, "finetune": value}


def _texts(content: Mapping[str, Any], field: str) -> tuple[str, ...]:
    found = content.get(field) or []
    if not isinstance(found, Sequence) or isinstance(found, str):
        raise ValueError(f"{field} is {found!r}: a list is expected")
    return tuple(str(value) for value in found)


def _mapping(content: Mapping[str, Any], field: str) -> dict[str, Any]:
    found = content.get(field) or {}
    if not isinstance(found, Mapping):
        raise ValueError(f"{field} is {found!r}: fields with values are expected")
    return dict(found)
