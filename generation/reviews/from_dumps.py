"""Collecting as a person starts it: sources by name, progress by bytes."""

import contextlib
import dataclasses
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from fsa_jax.opinions.corpus import DOMAINS
from fsa_jax.opinions.readers import encodings
from fsa_jax.runtime import files
from generation import dry_run
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
    lowest_rating: int | None = None
    encoding: str | None = None

    def check(self) -> None:
        """Raises where a flag or a file is missing, before anything is read.

        Raises:
            FileNotFoundError: A file does not exist.
            ValueError: The flags do not go together.
        """
        if self.source not in ("yelp", "amazon", "table"):
            raise ValueError(f"--source is {self.source!r}; use yelp, amazon or table")
        if self.source == "yelp" and self.businesses is None:
            raise ValueError(
                "--source yelp needs --businesses, the business file that tells restaurants"
            )
        if self.source == "amazon" and self.products is None:
            raise ValueError(
                "--source amazon needs --products, the metadata file that tells laptops"
            )
        if self.source == "table":
            parse_columns(self.columns)
            if self.domain not in DOMAINS:
                raise ValueError(f"--source table needs --domain {' or '.join(DOMAINS)}")
            if self.encoding is not None:
                encodings.check(self.encoding)
        elif self.encoding is not None or self.lowest_rating is not None:
            raise ValueError("--encoding and --lowest-rating go with --source table")
        for path in (*self.paths, self.businesses, self.products):
            if path is not None:
                files.require_file(path)
        places = [path.resolve() for path in self.paths]
        if twice := next((path for path in places if places.count(path) > 1), None):
            raise ValueError(f"{twice} is named twice")

    def candidates(
        self, progress: Callable[[int, int], None], say: sources.Say
    ) -> Iterator[sources.Candidate | sources.Dropped]:
        """Yields the candidates of all files.

        Args:
            progress: Told bytes read and bytes in all.
            say: Told what the user should know besides.
        """
        self.check()
        total = sum(path.stat().st_size for path in self.paths)
        before = 0
        for path in self.paths:
            yield from self._read(path, _shifted(progress, before, total), say)
            before += path.stat().st_size

    def _read(
        self, path: Path, progress: sources.Progress, say: sources.Say
    ) -> Iterator[sources.Candidate | sources.Dropped]:
        if self.source == "yelp":
            assert self.businesses is not None  # checked
            category = self.category or "Restaurants"
            return sources.yelp(path, self.businesses, category, progress, say)
        if self.source == "amazon":
            assert self.products is not None
            category = self.category or "Laptops"
            return sources.amazon(path, self.products, category, progress, say)
        assert self.domain is not None
        return sources.table(
            path,
            self.domain,
            parse_columns(self.columns),
            progress,
            say,
            lowest=self.lowest_rating,
            encoding=self.encoding,
        )


def _shifted(progress: Callable[[int, int], None], before: int, total: int) -> sources.Progress:
    return lambda count: progress(before + count, total)


def parse_columns(text: str) -> dict[str, str]:
    """Parses ``text=review,rating=stars``."""
    pairs = [part.split("=", 1) for part in text.split(",")]
    known = ("text", "rating", "id", "title")
    if any(len(pair) != 2 or pair[0].strip() not in known or not pair[1].strip() for pair in pairs):
        raise ValueError(f"--columns is {text!r}; use text=NAME,rating=NAME,id=NAME,title=NAME")
    columns = {name.strip(): value.strip() for name, value in pairs}
    if len(columns) < len(pairs):
        raise ValueError(f"--columns is {text!r}; it names one twice")
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
    source.check()
    said: list[str] = []
    with _progress() as show:
        report = collecting.collect(
            source.candidates(show, said.append),
            source.source,
            output,
            limits,
            sampling,
            max_bad_fraction,
        )
    # Several files may have one business file, and so one note about it.
    report.notes[:0] = dict.fromkeys(said)
    return report


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Yields what shows bytes read and bytes in all: a bar, or in a log a line each half minute."""
    import rich.console
    import rich.progress

    console = rich.console.Console(stderr=True)
    if not console.is_terminal:
        last = time.monotonic()

        def tell(done: int, total: int) -> None:
            nonlocal last
            if time.monotonic() - last >= 30:
                last = time.monotonic()
                print(f"read {done / 1e6:,.0f} of {total / 1e6:,.0f} MB", file=sys.stderr)

        yield tell
        return
    columns = (
        rich.progress.TextColumn("{task.description}"),
        rich.progress.BarColumn(),
        rich.progress.DownloadColumn(),
        rich.progress.TransferSpeedColumn(),
        rich.progress.TimeRemainingColumn(),
    )
    with rich.progress.Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
