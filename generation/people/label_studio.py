"""What all projects in Label Studio share: their files, who annotates what, exports read back.

A *project* is a file of tasks, a labelling interface and, where annotators must not know something,
a key. An *item* is one task as an export brings it back, by the name under ``data.task``.

Exports repeat themselves: tasks are imported twice, exports are put together, an annotator opens a
task again. One annotation counts for each annotator and item, the newest; the rest is counted, and
told. Annotations can only be parted by who made them, so an export that mixes servers, whose
numbers mean different people, is refused. What is wrong with an item is a complaint of that item,
and of no other.
"""

import collections
import dataclasses
import datetime
import hashlib
import itertools
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np

from fsa_jax.runtime import files

_SEPARATOR = ", "


@dataclasses.dataclass(frozen=True)
class Paths:
    """The files of one project, side by side."""

    tasks: Path

    @property
    def config(self) -> Path:
        """The labelling interface, to be pasted into the project's settings."""
        return self.tasks.with_suffix(".xml")

    @property
    def key(self) -> Path:
        """What annotators must not know."""
        return self.tasks.with_suffix(".key.json")


def draw(name: str, seed: int) -> bytes:
    """Returns what names are sorted by, so that the first ones are a draw."""
    return hashlib.sha256(f"{seed}\0{name}".encode("utf-8", "replace")).digest()


def assign(count: int, annotators: Sequence[str]) -> list[dict[str, str]]:
    """Assigns two annotators to each of ``count`` tasks, so that all work, and meet, alike.

    Args:
        count: The number of tasks.
        annotators: Two or more, by the address or number that Label Studio knows them by; none
            leaves open who annotates what.

    Returns:
        For each task what its data says of them: nothing where nobody is named.

    Raises:
        ValueError: One annotator alone, or one named twice.
    """
    if not annotators:
        return [{} for _ in range(count)]
    if len(annotators) == 1 or len(set(annotators)) < len(annotators):
        raise ValueError(
            f"--annotators {','.join(annotators)}: name two or more people, each once; two of them "
            "annotate each task"
        )
    work: collections.Counter[str] = collections.Counter()
    met: collections.Counter[tuple[str, ...]] = collections.Counter()
    found = []
    for _ in range(count):
        pairs = itertools.combinations(annotators, 2)
        pair = min(pairs, key=lambda pair: (met[pair], sum(work[who] for who in pair)))
        work.update(pair)
        met[pair] += 1
        found.append({"annotators": _SEPARATOR.join(pair)})
    return found


def assignment_header(annotators: Sequence[str]) -> list[str]:
    """Returns the line of an interface that shows whose task it is."""
    return [note("For $annotators")] if annotators else []


def header(text: str, size: int = 5) -> str:
    """Returns a line of an interface that shows a text."""
    return f'  <Header size="{size}" value={quoteattr(text)}/>'


def note(text: str) -> str:
    """Returns a line of an interface that shows a text as prose: headings are large and bold."""
    style = "font-size: 14px; font-weight: 400; margin: 0 0 8px"
    return f'  <Header size="5" value={quoteattr(text)} style="{style}"/>'


@dataclasses.dataclass(frozen=True)
class Annotation:
    """One annotation as exported; ``place`` counts the annotations of the export."""

    place: int
    annotator: str
    cancelled: bool
    id: str | None
    written: datetime.datetime | None
    results: list[dict[str, Any]]

    @property
    def age(self) -> tuple[datetime.datetime, int]:
        """Newest last: by the server's clock where it is told, else by place in the export."""
        return self.written or datetime.datetime.min.replace(tzinfo=datetime.UTC), self.place

    def choices(self) -> dict[str, str]:
        """Returns what was chosen by the names of the controls; several are joined by "and"."""
        given: dict[str, str] = {}
        for result in self.results:
            chosen = result["value"].get("choices")
            if result.get("type") == "choices" and isinstance(chosen, list) and chosen:
                name, choice = str(result.get("from_name")), " and ".join(map(str, chosen))
                if given.get(name, choice) != choice:
                    choice = f"{given[name]} and {choice}"
                given[name] = choice
        return given


@dataclasses.dataclass
class Item:
    """A task of an export.

    Attributes:
        number: Its place in the export, from 1.
        name: Its name.
        data: What annotators saw.
        asked: The annotators that it was assigned to.
        annotations: One for each annotator.
        complaints: What is wrong with it; an item that has some does not count.
    """

    number: int
    name: str
    data: dict[str, Any]
    asked: tuple[str, ...] = ()
    annotations: list[Annotation] = dataclasses.field(default_factory=list)
    complaints: list[str] = dataclasses.field(default_factory=list)

    def __str__(self) -> str:
        return f"task {self.number} ({self.name}): {'; '.join(self.complaints)}"

    def check_pair(self) -> None:
        """Complains where not exactly two people have annotated it, or others than were asked."""
        done = [annotation.annotator for annotation in self.annotations]
        missing = [who for who in self.asked if who not in done]
        others = [who for who in done if who not in self.asked] if self.asked else []
        if missing:
            instead = f", but {_names(others)} has" if others else ""
            self.complaints.append(
                f"{_names(missing)} has not annotated it{instead}; let {_names(missing)} do so"
            )
        elif others:
            self.complaints.append(
                f"{_names(others)} has annotated it, which {_names(self.asked)} were asked for; "
                "delete that annotation"
            )
        elif len(done) == 1:
            self.complaints.append(f"only {done[0]} has annotated it; let a second person do so")
        elif not done:
            self.complaints.append("nobody has annotated it; let two people do so")
        elif len(done) > 2:
            self.complaints.append(
                f"{_names(done)} have annotated it; delete all but two annotations"
            )


@dataclasses.dataclass
class Export:
    """What an export holds, and what was done to it.

    Attributes:
        items: By name.
        strays: Lines about tasks that are none of the project's.
        skipped: Annotations that their annotators cancelled.
        repeated: Annotations that stand in the export more than once, beyond the first.
        replaced: Annotations that a newer one of the same annotator and item takes the place of.
        taken: Numbers of annotators by the addresses that they are taken for.
    """

    items: dict[str, Item] = dataclasses.field(default_factory=dict)
    strays: list[str] = dataclasses.field(default_factory=list)
    skipped: int = 0
    repeated: int = 0
    replaced: int = 0
    taken: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def problems(self) -> list[str]:
        """A line for each task that does not count: which, what is wrong, what to do."""
        return self.strays + [str(item) for item in self.items.values() if item.complaints]

    @property
    def good(self) -> list[Item]:
        """The items that count."""
        return [item for item in self.items.values() if not item.complaints]

    def counts(self) -> dict[str, Any]:
        """Returns what was done to annotations, as reports tell it."""
        return {
            "cancelled_annotations": self.skipped,
            "repeated_annotations": self.repeated,
            "replaced_annotations": self.replaced,
            "taken_annotators": self.taken,
        }


def read(
    paths: Sequence[Path], fields: Iterable[str], known: Iterable[str] | None = None
) -> Export:
    """Reads Label Studio's JSON exports of one project.

    Args:
        paths: The exports.
        fields: What the data of each task must hold, as text.
        known: Names of the tasks of the project's key; ``None`` where there is no key.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A file is no such export, none of its tasks is the project's, or annotators
            cannot be told apart.
    """
    tasks = [task for path in paths for task in load(path)]
    where = _SEPARATOR.join(map(str, paths))
    names = _names_of_addresses(tasks)
    wanted = ("task", *fields)
    allowed = None if known is None else set(known)
    export = Export()
    exported: list[tuple[Item, Annotation]] = []
    for number, task in enumerate(tasks, 1):
        stray = _stray(task, wanted, allowed)
        if stray:
            export.strays.append(f"task {number}: {stray}")
            continue
        item = _item(number, task["data"], names)
        item = export.items.setdefault(item.name, item)
        for annotation in task["annotations"]:
            read_one = _annotation(annotation, len(exported), names, item)
            if read_one:
                exported.append((item, read_one))
    if tasks and not export.items:
        raise ValueError(f"{where}: no task is of this project; {export.strays[0]}")
    if not exported and not any(item.complaints for item in export.items.values()):
        raise ValueError(f"{where} holds no annotation; annotate, then export again")
    _check_servers(where, exported)
    _keep_newest(exported, export)
    _recognise(export)
    return export


def load(path: Path) -> list[dict[str, Any]]:
    """Loads the tasks of Label Studio's JSON export, each with its annotations.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no such export.
    """
    try:
        tasks = json.loads(files.require_file(path).read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
    if not isinstance(tasks, list):
        raise ValueError(f"{path} is not a list of tasks; export as JSON, not JSON-MIN")
    for number, task in enumerate(tasks, 1):
        if not isinstance(task, dict) or not isinstance(task.get("annotations"), list):
            raise ValueError(
                f"{path}, task {number}: it has no annotations; export as JSON, not JSON-MIN"
            )
    return tasks


def load_key(path: Path, command: str) -> dict[str, Any]:
    """Reads the key of a project.

    Args:
        path: The key.
        command: What writes such keys.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no key.
    """
    try:
        key = json.loads(files.require_file(path).read_text("utf-8"))
        if all(isinstance(about, dict) for about in key["tasks"].values()):
            return dict(key)
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise ValueError(f"{path} is no key; name the ….key.json that `{command}` wrote")


def find_key(annotations: Path) -> Path:
    """Returns the only key beside the annotations.

    Raises:
        ValueError: There is none, or more than one.
    """
    found = sorted(annotations.parent.glob("*.key.json"))
    if len(found) != 1:
        raise ValueError(
            f"{len(found)} files end with .key.json beside {annotations}; name the right one by "
            "--key"
        )
    return found[0]


def _stray(task: dict[str, Any], wanted: Sequence[str], known: set[str] | None) -> str | None:
    """Says why a task is none of the project's, or returns ``None``."""
    data = task.get("data")
    lacking = [
        field
        for field in wanted
        if not isinstance(data, dict) or not isinstance(data.get(field), str)
    ]
    if lacking:
        return (
            f"its data has no {' and no '.join(lacking)}, so it is of another project; name the "
            "export of this one"
        )
    name = task["data"]["task"]
    if known is not None and name not in known:
        return f"{name!r} is not in the key; name the key that was made with the tasks"
    return None


def _item(number: int, data: dict[str, Any], names: dict[str, str]) -> Item:
    asked = [_name(who, names) for who in str(data.get("annotators") or "").split(",")]
    return Item(number, data["task"], data, tuple(filter(None, asked)))


def _annotation(
    annotation: Any, place: int, names: dict[str, str], item: Item
) -> Annotation | None:
    """Reads an annotation; one that cannot be read is complained of and is none."""
    results = annotation.get("result") if isinstance(annotation, dict) else None
    if not isinstance(results, list | None) or not isinstance(annotation, dict):
        item.complaints.append("an annotation cannot be read; export as JSON, not JSON-MIN")
        return None
    number = annotation.get("id")
    who = annotation.get("completed_by")
    if isinstance(who, dict):
        who = who.get("id") if who.get("id") is not None else who.get("email")
    if isinstance(who, bool) or not isinstance(who, int | str) or not str(who).strip():
        item.complaints.append(
            f"annotation {number} does not say who made it (completed_by); export with annotators"
        )
        return None
    return Annotation(
        place,
        _name(str(who), names),
        bool(annotation.get("was_cancelled")),
        None if number is None else str(number),
        _written(annotation),
        [
            result if isinstance(result.get("value"), dict) else result | {"value": {}}
            for result in results or []
            if isinstance(result, dict)
        ],
    )


def _name(who: str, names: dict[str, str]) -> str:
    who = who.strip().lower()
    return names.get(who, who)


def _names(people: Iterable[str]) -> str:
    return " and ".join(people)


def _names_of_addresses(tasks: list[dict[str, Any]]) -> dict[str, str]:
    """Returns the numbers of annotators of whom some annotation tells number and address."""
    names = {}
    for task in tasks:
        for annotation in task["annotations"]:
            who = annotation.get("completed_by") if isinstance(annotation, dict) else None
            if isinstance(who, dict) and who.get("id") is not None and who.get("email"):
                names[str(who["email"]).strip().lower()] = str(who["id"])
    return names


def _written(annotation: dict[str, Any]) -> datetime.datetime | None:
    for field in ("updated_at", "created_at"):
        try:
            when = datetime.datetime.fromisoformat(annotation.get(field) or "")
        except (TypeError, ValueError):
            continue
        return when if when.tzinfo else when.replace(tzinfo=datetime.UTC)
    return None


def _check_servers(where: str, exported: list[tuple[Item, Annotation]]) -> None:
    """Refuses an export in which one number of an annotation stands for two."""
    places: dict[str | None, tuple[Item, Annotation]] = {}
    for item, annotation in exported:
        if annotation.id is None:
            continue
        first_item, first = places.setdefault(annotation.id, (item, annotation))
        if (first_item.name, first.annotator) != (item.name, annotation.annotator):
            raise ValueError(
                f"{where}, tasks {first_item.number} and {item.number}: annotation "
                f"{annotation.id} stands in both, by annotators {first.annotator} and "
                f"{annotation.annotator}; these are exports of two servers, on which a number may "
                "mean another person: report each alone"
            )


def _keep_newest(exported: list[tuple[Item, Annotation]], export: Export) -> None:
    """Gives each item the newest annotation of each annotator, and counts the others."""
    kept: dict[tuple[str, str], Annotation] = {}
    ids: set[str] = set()
    for item, annotation in sorted(exported, key=lambda one: one[1].age, reverse=True):
        place = item.name, annotation.annotator
        newest = kept.get(place)
        # Without numbers, what says the same is taken for the same.
        twin = annotation.id is None and newest and newest.results == annotation.results
        if annotation.id in ids or (twin and not annotation.cancelled):
            export.repeated += 1
        elif annotation.cancelled:
            export.skipped += 1
        elif newest:
            export.replaced += 1
        else:
            kept[place] = annotation
        if annotation.id is not None:
            ids.add(annotation.id)
    for (name, _), annotation in sorted(kept.items(), key=lambda one: one[1].place):
        export.items[name].annotations.append(annotation)


def _recognise(export: Export) -> None:
    """Finds the people behind numbers where tasks were assigned to addresses.

    Exports tell numbers alone, as a rule. Each address is taken for the number that has annotated
    the most of what was asked of it. Of people who were asked for the same, nobody can tell who is
    who; their tasks count as if anybody had been asked.
    """
    from scipy.optimize import linear_sum_assignment

    items = export.items.values()
    addresses = sorted({who for item in items for who in item.asked if not who.isdecimal()})
    done = {a.annotator for item in items for a in item.annotations}
    asked = {who for item in items for who in item.asked}
    numbers = sorted(who for who in done - asked if who.isdecimal())
    # How often who is asked for what who has done; the sum is to be as large as can be.
    work = np.zeros((len(addresses), len(numbers)))
    for item in items:
        for who in {a.annotator for a in item.annotations} & set(numbers):
            for address in set(item.asked) & set(addresses) - done:
                work[addresses.index(address), numbers.index(who)] += 1
    rows = [tuple(row) for row in work.tolist()]
    alike = {
        who for who, row in zip(addresses, rows, strict=True) if any(row) and rows.count(row) > 1
    }
    for row, column in zip(*linear_sum_assignment(work, maximize=True), strict=True):
        if work[row, column] and addresses[row] not in alike:
            export.taken[addresses[row]] = numbers[column]
    for item in items:
        known = [export.taken.get(who, who) for who in item.asked]
        item.asked = () if alike & set(item.asked) else tuple(known)
