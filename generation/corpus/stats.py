"""Describes a corpus: lengths, opinions per review, sentiment by rating, and what failed."""

import collections
import dataclasses
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fsa_jax.opinions import analyses
from fsa_jax.opinions.corpus import INPUT_LENGTH, NAME, TARGET_LENGTH, VERSION
from fsa_jax.runtime import files
from generation.corpus.examples import Example
from generation.corpus.from_ledgers import LedgerReader
from generation.records import OK

UNREADABLE = "unreadable"


@dataclasses.dataclass
class Stats:
    """Counts over rows, by prompt where it matters; memory does not grow with the rows.

    Attributes:
        statuses: Rows by (config, status).
        reasons: Failed and filtered rows by reason.
        input_lengths, target_lengths: Reviews and texts by (prompt, tokens).
        targets_per_review: ANL texts by number of blocks.
        sentiments: Blocks by (stars, level); level is one of ``analyses.LEVELS`` or unreadable.
    """

    statuses: collections.Counter[tuple[str, str]] = dataclasses.field(
        default_factory=collections.Counter
    )
    reasons: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    input_lengths: collections.Counter[tuple[str, int]] = dataclasses.field(
        default_factory=collections.Counter
    )
    target_lengths: collections.Counter[tuple[str, int]] = dataclasses.field(
        default_factory=collections.Counter
    )
    targets_per_review: collections.Counter[int] = dataclasses.field(
        default_factory=collections.Counter
    )
    sentiments: collections.Counter[tuple[int, str]] = dataclasses.field(
        default_factory=collections.Counter
    )

    def add(self, example: Example, count_tokens: Callable[[str], int]) -> None:
        """Counts one row."""
        self.statuses[example.config, example.status] += 1
        if example.status != OK:
            self.reasons[f"{example.status}: {example.reason.split(':')[0]}"] += 1
            return
        self.input_lengths[example.prompt, count_tokens(example.inputs)] += 1
        self.target_lengths[example.prompt, count_tokens(example.targets)] += 1
        if example.prompt == "anl":
            blocks = analyses.blocks(example.targets)
            self.targets_per_review[len(blocks)] += 1
            stars = min(5, math.floor(example.rating + 0.5))
            for block in blocks:
                self.sentiments[stars, block.level or UNREADABLE] += 1

    def summary(self) -> dict[str, Any]:
        """Returns what a table shows, JSON-able."""
        prompts = sorted({prompt for prompt, _ in self.target_lengths})
        lengths = {}
        for prompt in prompts:
            inputs, targets = _of(self.input_lengths, prompt), _of(self.target_lengths, prompt)
            lengths[prompt] = {
                "texts": sum(targets.values()),
                "input_mean": round(_mean(inputs), 1),
                "input_over_128": round(_share_over(inputs, INPUT_LENGTH), 4),
                "target_mean": round(_mean(targets), 1),
                "target_median": _quantile(targets, 0.5),
                "target_p95": _quantile(targets, 0.95),
                "target_over_400": round(_share_over(targets, TARGET_LENGTH), 4),
            }
        return {
            "rows": {
                f"{config} {status}": n for (config, status), n in sorted(self.statuses.items())
            },
            "reasons": dict(self.reasons.most_common()),
            "lengths": lengths,
            "targets_per_review_mean": round(_mean(self.targets_per_review), 2),
            "sentiment_by_stars": {
                str(stars): {
                    level: self.sentiments[stars, level] for level in (*analyses.LEVELS, UNREADABLE)
                }
                for stars in sorted({stars for stars, _ in self.sentiments})
            },
        }


def gather(examples: Iterator[Example], count_tokens: Callable[[str], int]) -> Stats:
    """Counts all rows."""
    stats = Stats()
    for example in examples:
        stats.add(example, count_tokens)
    return stats


def read(paths: list[Path]) -> Iterator[Example]:
    """Yields the rows of run folders (ledgers) and of data roots (``understanding/…``)."""
    for path in paths:
        if (path / "understanding").is_dir():
            yield from _read_root(path)
        else:
            yield from LedgerReader([path], allow_incomplete=True).examples()


def _read_root(root: Path) -> Iterator[Example]:
    from generation.corpus import tfds_files

    for folder in sorted((root / NAME).glob(f"*/{VERSION}")):
        yield from tfds_files.read(folder)


def plot(stats: Stats, path: Path) -> None:
    """Draws four panels as one PNG."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, ((lengths, targets), (sentiment, reasons)) = plt.subplots(2, 2, figsize=(11, 7))
    longest = max((length for _, length in stats.target_lengths), default=0)
    width = max(TARGET_LENGTH, longest) // 40
    for prompt in sorted({prompt for prompt, _ in stats.target_lengths}):
        counter = _of(stats.target_lengths, prompt)
        bins = range(0, longest + 2 * width, width)  # the same for all prompts
        weights = list(counter.values())
        lengths.hist(list(counter), weights=weights, bins=bins, alpha=0.6, label=prompt)
    lengths.axvline(TARGET_LENGTH, color="black", linewidth=1, linestyle=":")
    lengths.set(title="Length of the teacher's texts", xlabel="tokens", ylabel="texts")
    lengths.legend()
    targets.bar(list(stats.targets_per_review), list(stats.targets_per_review.values()))
    targets.set(title="Opinions per review", xlabel="opinions", ylabel="reviews")
    _plot_sentiment(stats, sentiment)
    names = [name for name, _ in stats.reasons.most_common(12)][::-1]
    reasons.barh(names, [stats.reasons[name] for name in names])
    reasons.set(title="Rows left out" if names else "No row left out", xlabel="rows")
    if not names:
        reasons.set_axis_off()
    figure.tight_layout()
    with files.atomic_file(path) as stream:
        figure.savefig(stream, format="png", dpi=110)
    plt.close(figure)


def _plot_sentiment(stats: Stats, axes: Any) -> None:
    colors = ("#b2182b", "#ef8a62", "#bbbbbb", "#67a9cf", "#2166ac")
    stars = range(1, 6)
    totals = {s: sum(stats.sentiments[s, level] for level in analyses.LEVELS) or 1 for s in stars}
    bottom = [0.0] * 5
    for level, color in zip(analyses.LEVELS, colors, strict=True):
        shares = [stats.sentiments[s, level] / totals[s] for s in stars]
        axes.bar(list(stars), shares, bottom=bottom, color=color, label=level)
        bottom = [low + share for low, share in zip(bottom, shares, strict=True)]
    axes.set(title="Sentiment by rating", xlabel="stars", ylabel="share of opinions")
    axes.legend(fontsize="x-small", ncols=5, loc="lower center", bbox_to_anchor=(0.5, -0.32))


def _of(counter: collections.Counter[tuple[str, int]], prompt: str) -> dict[int, int]:
    return {length: n for (name, length), n in counter.items() if name == prompt}


def _mean(counts: dict[int, int]) -> float:
    return sum(value * n for value, n in counts.items()) / max(1, sum(counts.values()))


def _share_over(counts: dict[int, int], limit: int) -> float:
    return sum(n for value, n in counts.items() if value > limit) / max(1, sum(counts.values()))


def _quantile(counts: dict[int, int], share: float) -> int:
    left = share * sum(counts.values())
    for value in sorted(counts):
        left -= counts[value]
        if left <= 0:
            return value
    return 0
