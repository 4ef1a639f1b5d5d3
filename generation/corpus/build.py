"""Turns a stream of examples into finished corpora.

They are sorted, split, described by a manifest, and moved in at once.
"""

import collections
import dataclasses
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from fsa_jax.opinions.corpus import DRAW_FILE, HELD_OUT, NAME, VERSION
from fsa_jax.runtime import files
from generation.corpus import card, tfds_files
from generation.corpus.examples import Counts, Example, Sorter, Splitter

# What a data root may hold already; anything else makes it a folder of something else.
_ROOT_NAMES = frozenset({NAME, "fsa", "asqp", "acos", "benchmarks", "reviews.jsonl"})


@dataclasses.dataclass(frozen=True)
class Settings:
    """How corpora are written.

    Attributes:
        root: The data root; corpora go to ``root/understanding/<config>/1.0.0``.
        overwrite: Replace corpora of the same names.
        validation_fraction: Share of the reviews held out, chosen by hash of the review id.
        shard_bytes: About the size of a TFRecord file.
        vocabulary: SentencePiece model whose sha256 the manifests name, or None.
    """

    root: Path
    overwrite: bool = False
    validation_fraction: float = HELD_OUT
    shard_bytes: int = 128 << 20
    vocabulary: Path | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.validation_fraction < 1:
            raise ValueError(
                f"--validation-fraction is {self.validation_fraction}; use 0 up to, not including, "
                "1"
            )
        if self.vocabulary is not None:
            files.require_file(self.vocabulary)


@dataclasses.dataclass
class Outcome:
    """What was written: examples by config and split, and counts by config.

    ``superseded``, ``clashes`` and ``clash`` are those of ``examples.Sorter``.
    """

    splits: dict[str, dict[str, int]]
    counts: dict[str, Counts]
    added: int
    superseded: int
    clashes: int = 0
    clash: str = ""


def refuse_foreign_folder(root: Path, overwrite: bool) -> None:
    """Raises FileExistsError where ``root`` is a file, or a folder of something else."""
    if root.is_file():
        raise FileExistsError(f"{root} is a file; name a folder")
    if overwrite or not root.is_dir():
        return
    names = {item.name for item in root.iterdir() if not item.name.startswith(".")}
    if names and not names & _ROOT_NAMES:
        raise FileExistsError(
            f"{root} is not empty and holds no corpora; name another folder, or pass --overwrite"
        )


def refuse_existing(root: Path, configs: Iterable[str], overwrite: bool) -> None:
    """Raises FileExistsError where a corpus of one of these names is there already."""
    for config in sorted(configs):
        folder = root / NAME / config
        if folder.exists() and not overwrite:
            raise FileExistsError(
                f"{folder} exists; pass --overwrite to replace it, or name another --output-dir"
            )


def build(
    examples: Iterable[Example],
    expected_bytes: int,
    settings: Settings,
    facts: dict[str, Any],
    check: Callable[["Outcome"], None] = lambda outcome: None,
) -> Outcome:
    """Writes all corpora that the examples belong to.

    Corpora are finished in a hidden folder and moved to their names at the end, each in one step: a
    reader, or a run that is killed, never meets a half-written one. The bytes depend on the
    examples alone, not on their order.

    Args:
        examples: Rows of any status; of rows with one config and review, the last counts.
        expected_bytes: About how much text they hold; a guess, which decides how many temporary
            files are used.
        settings: Where and how.
        facts: Further entries of every manifest; read after the last example was drawn.
        check: Called with the counts before anything is moved in; raises to stop it.

    Raises:
        FileExistsError: A corpus exists and ``overwrite`` is off.
        ValueError: No example is ok.
    """
    tfds_files.require_tensorflow()
    refuse_foreign_folder(settings.root, settings.overwrite)
    with files.atomic_folder(settings.root, "corpus") as work:
        sorter = Sorter(work, expected_bytes)
        sorter.add_all(examples)
        outcome = _write_configs(sorter, work, settings)
        check(outcome)
        if not outcome.splits:
            raise ValueError(
                "no row is ok, so there is no corpus to write; see the reasons in the ledger"
            )
        refuse_existing(settings.root, outcome.splits, settings.overwrite)
        for config in outcome.splits:
            manifest = _manifest(outcome, config, settings) | facts
            files.write_json(work / config / VERSION / "manifest.json", manifest)
        for config in outcome.splits:
            files.replace_folder(work / config, settings.root / NAME / config)
    card.write_card(settings.root)
    return outcome


def _write_configs(sorter: Sorter, work: Path, settings: Settings) -> Outcome:
    writers: dict[str, tfds_files.ConfigWriter] = {}
    counts: dict[str, Counts] = collections.defaultdict(Counts)
    splitter = Splitter(settings.validation_fraction, sorter.nearest)
    for example in sorter.sorted():
        counts[example.config].add(example)
        split = splitter.split(example)
        if split is None:
            continue
        if example.config not in writers:
            folder = work / example.config / VERSION
            writers[example.config] = tfds_files.ConfigWriter(
                folder, example.config, settings.shard_bytes
            )
        writers[example.config].write(split, example)
    splits = {config: writer.close() for config, writer in sorted(writers.items())}
    for config in splits:
        (work / config / VERSION / DRAW_FILE).write_text(splitter.draw(config) + "\n", "ascii")
    return Outcome(
        splits, dict(counts), sorter.added, sorter.superseded, sorter.clashes, sorter.clash
    )


def _manifest(outcome: Outcome, config: str, settings: Settings) -> dict[str, Any]:
    counts = outcome.counts[config]
    manifest: dict[str, Any] = {
        "config": config,
        "rows": sum(counts.statuses.values()),
        "invented": counts.invented,
        "statuses": dict(sorted(counts.statuses.items())),
        "reasons": dict(sorted(counts.reasons.items())),
        "splits": outcome.splits[config],
        "validation_fraction": settings.validation_fraction,
        "versions": _versions(),
    }
    if settings.vocabulary is not None:
        manifest["vocabulary"] = {
            "file": settings.vocabulary.name,
            "sha256": files.sha256(settings.vocabulary),
        }
    return manifest


def _versions() -> dict[str, str]:
    import importlib.metadata

    found = {}
    for name in ("fsa-jax", "tensorflow-datasets", "tensorflow"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "unknown"
    return found


def default_vocabulary(given: Path | None) -> Path | None:
    """Returns the vocabulary given, else ``FSA_VOCABULARY`` if that is a local path."""
    named = os.environ.get("FSA_VOCABULARY", "")
    if given is not None or not named or "://" in named:
        return given
    return Path(named)
