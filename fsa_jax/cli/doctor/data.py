"""The data: the vocabulary, the corpora and the benchmarks."""

import os
from collections.abc import Iterator
from pathlib import Path

from fsa_jax.cli.doctor.findings import Finding, NoAnswerError, State, ask
from fsa_jax.opinions import corpus
from fsa_jax.opinions.data_sets import DATA_SETS
from fsa_jax.runtime import locations
from fsa_jax.runtime.row_files import read_object

# Reads it as training does, and so tells whether TensorFlow and SeqIO load.
_VOCABULARY = """
import json
from fsa_jax.runtime import process
process.import_quietly("seqio")
from tasks.vocabulary import get_vocabulary
found = get_vocabulary()
try:
    answer = {"ids": found.vocab_size, "from": found.sentencepiece_model_file}
    answer["sha256"] = found.sha256
except (FileNotFoundError, ValueError) as error:
    answer = {"error": str(error)}
print(json.dumps(answer))
"""
_SECONDS = 120.0
_SHOWN = 8


def check_vocabulary() -> tuple[Finding, str | None]:
    """Reads the vocabulary that training would use.

    Returns:
        What was found, and the sha256 of the file, if there is one.
    """
    try:
        answer = ask(_VOCABULARY, _SECONDS)
    except NoAnswerError as error:
        fix = "see packages above; it is TensorFlow or SeqIO that does not load"
        return Finding("data", "vocabulary", State.BROKEN, str(error), fix), None
    if "error" in answer:
        what, _, fix = answer["error"].removeprefix("vocabulary ").partition(": ")
        return Finding("data", "vocabulary", State.BROKEN, what, fix or "name another model"), None
    found = f"{answer['ids']} ids, from {answer['from']}"
    return Finding("data", "vocabulary", State.OK, found), answer["sha256"]


def check_data(vocabulary: str | None) -> list[Finding]:
    """Looks at what lies in the data root.

    Args:
        vocabulary: The sha256 of the vocabulary in use, if known.
    """
    try:
        root = locations.data_root()
    except FileNotFoundError as error:
        what, _, fix = str(error).partition(": ")
        state = State.BROKEN if os.environ.get("FSA_DATA_DIR") else State.WARNING
        return [Finding("data", "FSA_DATA_DIR", state, what, fix)]
    return [
        Finding("data", "FSA_DATA_DIR", State.OK, str(root)),
        _reviews(root),
        *_corpora(root, vocabulary),
        *_benchmarks(root),
    ]


def _reviews(root: Path) -> Finding:
    if (root / "reviews.jsonl").is_file():
        return Finding("data", "reviews", State.OK, "reviews.jsonl")
    fix = "if you need them: fsa reviews collect, or fsa sample for invented ones"
    return Finding("data", "reviews", State.ABSENT, "no reviews.jsonl", fix)


def _corpora(root: Path, vocabulary: str | None) -> Iterator[Finding]:
    manifests = sorted((root / corpus.NAME).glob(f"*/{corpus.VERSION}/manifest.json"))
    if not manifests:
        fix = "to distil: fsa corpus build LEDGERS --output-dir $FSA_DATA_DIR"
        yield Finding("data", "corpora", State.ABSENT, "none", fix)
        return
    names, others = [], []
    for path in manifests:
        manifest = read_object(path)
        names.append(f"{path.parents[1].name} ({manifest.get('splits', {}).get('train', '?')})")
        if vocabulary and manifest.get("vocabulary", {}).get("sha256", vocabulary) != vocabulary:
            others.append(path.parents[1].name)
    yield Finding("data", "corpora", State.OK, _listed(names))
    if others:
        found = f"{_listed(others)} made with another vocabulary"
        fix = "set FSA_VOCABULARY to the model of the corpus's manifest.json, or build it again"
        yield Finding("data", "corpora", State.WARNING, found, fix)


def _benchmarks(root: Path) -> Iterator[Finding]:
    """Which data sets are here; one that is here in part is worth a warning."""
    here, partly = [], {}
    for name, data_set in DATA_SETS.items():
        files = {file for split in data_set.splits.values() for file in split}
        missing = sorted(file for file in files if not (root / file).is_file())
        if not missing:
            here.append(name)
        elif len(missing) < len(files):
            partly[name] = missing
    own = sorted(path.stem for path in (root / "benchmarks").glob("*.json"))
    if here or own:
        yield Finding("data", "benchmarks", State.OK, _listed([*here, *own]))
    elif not partly:
        fix = (
            f"to fine-tune: {next(iter(DATA_SETS['tsa_rest14'].splits['train']))} and so on under "
        )
        fix += "$FSA_DATA_DIR, or fsa benchmark register"
        yield Finding("data", "benchmarks", State.ABSENT, "none", fix)
    for name, missing in partly.items():
        fix = f"put {missing[0]} under $FSA_DATA_DIR"
        yield Finding("data", name, State.WARNING, f"{len(missing)} of its files missing", fix)


def _listed(names: list[str]) -> str:
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
