"""Collecting as a person starts it: sources by name, progress by bytes."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

from generation import dry_run, files
from generation.records import DOMAINS
from generation.reviews import cleaning, collecting, sources


@dataclasses.dataclass(frozen=True)
class Source:
    """Where reviews come from, as the command line names it; see ``fsa reviews collect --help``."""

    paths: list[Path]
    source: str
    businesses: Path | None = None
    products: Path | None = None
    category: str | None = None
    domain: str | None = None
    columns: str = "text=text,rating=rating"

    def candidates(
        self, progress: Callable[[int, int], None]
    ) -> Iterator[sources.Candidate | sources.Dropped]:
        """Yields the candidates of all files; ``progress`` is told bytes read and bytes in all."""
        total = sum(files.require_file(path).stat().st_size for path in self.paths)
        before = 0
        for path in self.paths:
            yield from self._read(path, _shifted(progress, before, total))
            before += path.stat().st_size

    def _read(
        self, path: Path, progress: sources.Progress
    ) -> Iterator[sources.Candidate | sources.Dropped]:
        if self.source == "yelp":
            if self.businesses is None:
                raise ValueError(
                    "--source yelp needs --businesses, the business file that tells restaurants"
                )
            return sources.yelp(path, self.businesses, self.category or "Restaurants", progress)
        if self.source == "amazon":
            if self.products is None:
                raise ValueError(
                    "--source amazon needs --products, the metadata file that tells laptops"
                )
            return sources.amazon(path, self.products, self.category or "Laptops", progress)
        if self.source == "table":
            if self.domain not in DOMAINS:
                raise ValueError(f"--source table needs --domain {' or '.join(DOMAINS)}")
            return sources.table(path, self.domain, parse_columns(self.columns), progress)
        raise ValueError(f"--source is {self.source!r}; use yelp, amazon or table")


def _shifted(progress: Callable[[int, int], None], before: int, total: int) -> sources.Progress:
    return lambda count: progress(before + count, total)


def parse_columns(text: str) -> dict[str, str]:
    """Parses ``text=review,rating=stars``."""
    pairs = [part.split("=", 1) for part in text.split(",")]
    known = ("text", "rating", "id", "title")
    if any(len(pair) != 2 or pair[0].strip() not in known or not pair[1].strip() for pair in pairs):
        raise ValueError(f"--columns is {text!r}; use text=NAME,rating=NAME,id=NAME,title=NAME")
    columns = {name.strip(): value.strip() for name, value in pairs}
    if not {"text", "rating"} <= set(columns):
        raise ValueError(f"--columns is {text!r}; it must name text and rating")
    return columns


def counter(max_tokens: int | None, tokenizer: Path | None) -> Callable[[str], int] | None:
    """Returns the token counter that ``--max-tokens`` needs."""
    if max_tokens is None:
        return None
    if tokenizer is None:
        raise ValueError(
            "--max-tokens needs --tokenizer, the teacher's tokenizer.json or SentencePiece model"
        )
    return dry_run.token_counter(tokenizer)


def collect(
    source: Source,
    output: Path,
    limits: cleaning.Limits,
    sampling: collecting.Sampling,
    max_bad_fraction: float,
) -> collecting.Report:
    """Collects with a progress bar; see ``collecting.collect``."""
    import rich.console
    import rich.progress

    columns = (
        rich.progress.TextColumn("{task.description}"),
        rich.progress.BarColumn(),
        rich.progress.DownloadColumn(),
        rich.progress.TransferSpeedColumn(),
        rich.progress.TimeRemainingColumn(),
    )
    with rich.progress.Progress(*columns, console=rich.console.Console(stderr=True)) as bar:
        task = bar.add_task("reading", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        candidates = source.candidates(show)
        return collecting.collect(
            candidates, source.source, output, limits, sampling, max_bad_fraction
        )
