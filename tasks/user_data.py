"""The same tasks over a user's own data, by configuration alone.

``fsa benchmark register NAME --kind tsa --train FILE --test FILE`` writes
``$FSA_DATA_DIR/benchmarks/NAME.json``, and the task NAME is there from the next import on. In gin:

    MIXTURE_OR_TASK_NAME = @tasks.user_benchmark()
    tasks.user_benchmark.name = 'my_reviews'
    tasks.user_benchmark.kind = 'tsa'
    tasks.user_benchmark.train = 'my/train.csv'
    tasks.user_benchmark.validation = 'my/dev.csv'
    tasks.user_benchmark.test = 'my/test.csv'
"""

import dataclasses
import functools
import json
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import seqio

from fsa_jax.opinions.readers import load_file
from fsa_jax.opinions.sentences import POLARITIES, Labels, category_words
from fsa_jax.opinions.units import KINDS, Kind
from tasks.extraction import add_task, example_row
from tasks.features import Rows

SPLITS = ("train", "validation", "test")


@dataclasses.dataclass(frozen=True)
class Spec:
    """A user's benchmark.

    Attributes:
        name: Name of the task: letters, digits and ``_``.
        kind: Tsa, asa or quad.
        files: A file of any known format for each split; ``train, validation, test``.
        polarities: The label set.
        categories: The category space in any spelling; empty for any category.
        encoding: Of the files; ``None`` where they tell it themselves.
    """

    name: str
    kind: str
    files: dict[str, str]
    polarities: tuple[str, ...] = POLARITIES
    categories: tuple[str, ...] = ()
    encoding: str | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\w+", self.name, re.ASCII):
            raise ValueError(f"name {self.name!r}: use letters, digits and _ only")
        if self.kind not in KINDS:
            raise ValueError(f"kind {self.kind!r}: one of {', '.join(KINDS)} is expected")
        unknown = set(self.files) - set(SPLITS)
        if unknown or not self.files:
            raise ValueError(
                f"splits {sorted(self.files)}: some of {', '.join(SPLITS)} are expected"
            )
        for label in self.polarities:
            if not label.strip() or set(label) & set(";|") or label != label.lower():
                raise ValueError(f"polarity {label!r}: lower case, without ; and |, is expected")
        for category in self.categories:
            if not category.strip() or set(category) & set(";|"):
                raise ValueError(f"category {category!r}: no ; and no | can be in it")

    def task_kind(self) -> Kind:
        """Returns what the task asks for."""
        categories = frozenset(map(category_words, self.categories)) or None
        labels = Labels(tuple(self.polarities), categories)
        return dataclasses.replace(
            KINDS[self.kind], polarities=labels.polarities, categories=labels.categories
        )

    def read(self, split: str) -> Rows:
        """Returns the examples of a split.

        Raises:
            FileNotFoundError: The file is missing.
            ValueError: The file is broken or holds unknown labels, with file and line.
        """
        kind = self.task_kind()
        labels = Labels(kind.polarities, kind.categories)
        path = Path(self.files[split]).expanduser()
        sentences = load_file(path, labels=labels, encoding=self.encoding)
        return [example_row(sentence, kind, hard=False) for sentence in sentences]


def folder() -> Path | None:
    """Returns the folder of the registered benchmarks, ``None`` without ``FSA_DATA_DIR``."""
    root = os.environ.get("FSA_DATA_DIR")
    return Path(root).expanduser() / "benchmarks" if root else None


def load_spec(path: Path) -> Spec:
    """Reads a registered benchmark.

    Raises:
        ValueError: The file is no registration.
    """
    try:
        fields: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        fields |= {key: tuple(fields.get(key) or ()) for key in ("polarities", "categories")}
        fields["polarities"] = fields["polarities"] or POLARITIES
        return Spec(**fields)
    except (json.JSONDecodeError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is no registered benchmark: {error}") from error


def save_spec(spec: Spec, overwrite: bool = False) -> Path:
    """Writes a registration for later imports.

    Args:
        spec: The benchmark; its files are written with absolute paths.
        overwrite: Whether to replace a registration of the same name.

    Raises:
        FileExistsError: The name is taken.
        FileNotFoundError: ``FSA_DATA_DIR`` is unset, or a file is missing.
    """
    from fsa_jax.runtime.files import write_json
    from fsa_jax.runtime.locations import data_root

    path = data_root() / "benchmarks" / f"{spec.name}.json"
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists: choose another name or use --overwrite")
    if spec.name in seqio.TaskRegistry.names() and not path.exists():
        raise FileExistsError(f"{spec.name} is a task of the project: choose another name")
    files = {split: str(Path(file).expanduser().resolve()) for split, file in spec.files.items()}
    content = dataclasses.asdict(dataclasses.replace(spec, files=files))
    write_json(path, content)
    return path


def register() -> None:
    """Registers the tasks in ``$FSA_DATA_DIR/benchmarks/``: by their file names, unread."""
    place = folder()
    if place is None or not place.is_dir():
        return
    for path in sorted(place.glob("*.json")):
        if path.stem in seqio.TaskRegistry.names():
            continue
        _register_unread(path.stem, functools.partial(load_spec, path))


def _register_unread(name: str, spec: Callable[[], Spec]) -> None:
    add_task(
        name,
        read=lambda split: spec().read(split),
        splits=lambda: tuple(spec().files),
        kind=lambda: spec().task_kind(),
    )


def user_benchmark(
    name: str,
    kind: str,
    train: str | None = None,
    validation: str | None = None,
    test: str | None = None,
    polarities: Sequence[str] = POLARITIES,
    categories: Sequence[str] = (),
    encoding: str | None = None,
) -> str:
    """Registers a user's benchmark as a task, for gin and notebooks.

    Args:
        name: Name of the task: letters, digits and ``_``.
        kind: Tsa, asa or quad.
        train: File of the train split, of any known format.
        validation: File of the validation split.
        test: File of the test split.
        polarities: The label set.
        categories: The category space; empty for any category.
        encoding: Of the files; ``None`` where they tell it themselves.

    Returns:
        The name.

    Raises:
        ValueError: A value is not fit for a task, or the name is taken by another one.
    """
    given = {"train": train, "validation": validation, "test": test}
    files = {split: file for split, file in given.items() if file}
    spec = Spec(name, kind, files, tuple(polarities), tuple(categories), encoding)
    if name in seqio.TaskRegistry.names():
        if _REGISTERED.get(name) != spec:
            raise ValueError(f"there is another task {name} already: choose another name")
        return name
    add_task(name, spec.read, tuple(files), spec.task_kind())
    _REGISTERED[name] = spec
    return name


_REGISTERED: dict[str, Spec] = {}
