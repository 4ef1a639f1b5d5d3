"""What decides the tokens of a split: the key of a token table that is kept on disk.

A table is kept only where everything that decides it can be named, and another name is another
table; in doubt the split is tokenised again. That asks of a task that

* its source has a method ``fingerprint(split)``, which tells changed data (or that its examples
  come from SeqIO's cache, whose files are looked at),
* each of its steps says ``deterministic = True``, or is ``tokenize`` or the placeholder of SeqIO,
* its vocabularies are SentencePiece models.

Besides, the key has the sources of the packages that steps, source and vocabularies are defined in
(of a module in no package: of its folder), and the versions of the libraries below them.
"""

import functools
import hashlib
import importlib.metadata
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import seqio

from fsa_jax.runtime import files

_FORMAT = 1  # of the tables on disk
_LIBRARIES = ("seqio", "sentencepiece", "tensorflow", "tensorflow-datasets", "tensorflow-text")
_FLOORS = ("data", "opinions", "runtime")  # of fsa_jax: what readers of data are made of


class UnknownInputError(Exception):
    """Something that decides the tokens cannot be named; the message says what."""


def facts(
    tasks: Sequence[seqio.Task],
    split: str,
    lengths: Mapping[str, int | None],
    use_cached: bool,
) -> dict[str, Any]:
    """Returns all that decides the tokens of a split, as JSON can hold it.

    Args:
        tasks: Whose examples the table holds, in this order.
        split: A split, or a slice of one.
        lengths: What the steps are told as ``sequence_length``.
        use_cached: Whether the examples come from SeqIO's cache.

    Raises:
        UnknownInputError: The tokens of some task may change without a trace.
    """
    named = [_task(task, split, use_cached) for task in tasks]
    modules = {"fsa_jax.data"} | {
        _function(part).__module__
        for task in tasks
        for part in (task.source, *task.preprocessors, *_vocabularies(task))
    }
    return {
        "format": _FORMAT,
        "split": split,
        "lengths": {name: lengths[name] for name in sorted(lengths)},
        "cached": use_cached,
        "tasks": named,
        "code": dict(sorted(map(_sources, modules))),
        "versions": {name: importlib.metadata.version(name) for name in _LIBRARIES},
    }


def _task(task: seqio.Task, split: str, use_cached: bool) -> dict[str, Any]:
    steps = [_step(task, step) for step in task.preprocessors]
    if use_cached and task.supports_caching and task.cache_dir:
        shards = sorted(Path(task.cache_dir).glob(f"{split.split('[')[0]}*"))
        data = files.fingerprint(shards)
    elif hasattr(task.source, "fingerprint"):
        data = task.source.fingerprint(split)
    else:
        raise UnknownInputError(f"the source of {task.name} has no fingerprint")
    return {
        "name": task.name,
        "data": data,
        "steps": steps,
        "features": {
            name: [_model(task, feature.vocabulary), feature.add_eos, feature.dtype.name]
            for name, feature in task.output_features.items()
        },
    }


def _step(task: seqio.Task, step: Any) -> str:
    function = _function(step)
    known = (
        isinstance(step, seqio.CacheDatasetPlaceholder) or function is seqio.preprocessors.tokenize
    )
    if not known and not getattr(function, "deterministic", False):
        name = getattr(function, "__qualname__", type(function).__qualname__)
        raise UnknownInputError(f"step {name} of {task.name} is not marked deterministic")
    if isinstance(step, functools.partial):
        settings: Any = (step.args, sorted(step.keywords.items()))
    else:
        settings = None if hasattr(step, "__qualname__") else sorted(vars(step).items())
    name = getattr(function, "__qualname__", type(function).__qualname__)
    described = f"{function.__module__}.{name} {settings}"
    if " at 0x" in described:
        raise UnknownInputError(f"step {name} of {task.name} has settings without a name")
    return described


def _function(step: Any) -> Any:
    return _function(step.func) if isinstance(step, functools.partial) else step


def _vocabularies(task: seqio.Task) -> Iterable[Any]:
    return (feature.vocabulary for feature in task.output_features.values())


def _model(task: seqio.Task, vocabulary: Any) -> str:
    if not isinstance(vocabulary, seqio.SentencePieceVocabulary):
        raise UnknownInputError(f"a vocabulary of {task.name} is no SentencePiece model")
    return f"{type(vocabulary).__qualname__} {hashlib.sha256(vocabulary.sp_model).hexdigest()}"


@functools.cache
def _sources(module: str) -> tuple[str, str]:
    """(Name, hash of the sources) of a module's package, or of the folder of one without."""
    file = getattr(sys.modules[module], "__file__", None)
    if file is None or module == "__main__":
        raise UnknownInputError(f"{module} is no module of a file: a change would not be seen")
    root = Path(file).parent
    found = list(root.glob("*.py"))
    while (root / "__init__.py").is_file():
        module, found, root = root.name, list(root.rglob("*.py")), root.parent
    if module == "fsa_jax":
        found = [path for path in found if path.relative_to(root).parts[1] in _FLOORS]
    digest = hashlib.sha256()
    for path in sorted(found):
        digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return module, digest.hexdigest()
