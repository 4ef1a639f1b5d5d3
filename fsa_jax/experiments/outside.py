"""What stages need that no stage makes: weights, corpora, benchmarks; and how much there is."""

import functools
import json
from pathlib import Path
from typing import Any

from fsa_jax.experiments import known
from fsa_jax.experiments.declaration import System
from fsa_jax.experiments.stages import Requirement
from fsa_jax.opinions.corpus import DOMAINS, NAME, VERSION, corpus_name
from fsa_jax.opinions.data_sets import DATA_SETS, sentences_of

MAIN_SCHEME = "R12421"
_FOLDERS = {"anl_without_reasoning": ("anl",), "anl_without_labels": ("anl",)}
_SENTENCES = 2000  # of a train split that is not there


def weights_name(system: System) -> str:
    """The name of the weights that a system starts from."""
    return system.weights.format(size=system.size)


def weights_path(system: System, folder: Path) -> Path:
    """Where they lie: an absolute path is one, a name is looked up in the folder of weights."""
    return folder / Path(weights_name(system)).expanduser()


def weights(system: System, folder: Path) -> Requirement:
    """What a system starts from."""
    path, name = weights_path(system, folder), weights_name(system)
    return Requirement(path, f"`hf download {name} --local-dir {path}`, or name --weights-dir")


def scheme_root(scheme: str) -> Path:
    """The data root of reviews that were drawn by a scheme."""
    root = known.data_root() or Path("$FSA_DATA_DIR")
    return root if scheme == MAIN_SCHEME else root / "schemes" / scheme


def corpora(system: System) -> tuple[Requirement, ...]:
    """What a system is pretrained on."""
    root = scheme_root(system.scheme)
    if system.pretraining == "general_distillation":
        path = root / "instructions"
        return (Requirement(path, "put .json or .jsonl files of instructions there"),)
    if system.pretraining != "distill":
        path = root / "reviews.jsonl"
        remedy = f"`fsa reviews collect … --scheme {system.scheme} --output {path}`"
        return (Requirement(path, remedy),)
    remedy = (
        f"`fsa generate --teacher {system.teacher} --prompt anl,rw --reviews REVIEWS --output-dir "
        f"LEDGERS` (REVIEWS: {system.scheme}), then `fsa corpus build LEDGERS --output-dir {root}`"
    )
    folders = [
        root / NAME / corpus_name(system.teacher, prompt, domain) / VERSION
        for prompt in _prompts(system)
        for domain in DOMAINS
    ]
    return tuple(Requirement(folder / "dataset_info.json", remedy) for folder in folders)


def benchmark(task: str) -> tuple[Requirement, ...]:
    """The files of a task."""
    name = known.zero_shot_of(task) or task
    root = known.data_root() or Path("$FSA_DATA_DIR")
    if name not in DATA_SETS:
        return (Requirement(root / "benchmarks" / f"{name}.json", "`fsa benchmark register`"),)
    files = sorted({file for part in DATA_SETS[name].splits.values() for file in part})
    remedy = "put the benchmark under $FSA_DATA_DIR (docs/how_to/finetune.md)"
    return tuple(Requirement(root / file, remedy) for file in files)


def examples(system: System) -> int:
    """Examples to pretrain on, as far as the declaration or a corpus says it; else 0."""
    if system.pretraining != "distill":
        return system.reviews or 0
    if system.reviews is not None:
        return system.reviews * len(_prompts(system))
    return sum(_train_examples(need.path) for need in corpora(system) if need.path.is_file())


def _prompts(system: System) -> tuple[str, ...]:
    return _FOLDERS.get(system.prompts, tuple(system.prompts.split("_")))


def _train_examples(path: Path) -> int:
    info: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    splits = (split for split in info["splits"] if split["name"] == "train")
    return sum(int(length) for split in splits for length in split["shardLengths"])


@functools.lru_cache(maxsize=64)
def sentences(task: str, fraction: int) -> int:
    """Sentences of a part of a train split, or what is reckoned with where it is not there."""
    try:
        count = len(sentences_of(DATA_SETS[task], "train"))
    except (KeyError, FileNotFoundError):
        count = _SENTENCES
    return -(-count * fraction // 100)
