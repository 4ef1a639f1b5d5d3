"""The scores of a run and of the other seeds that it was trained with, as a card shows them."""

import functools
import statistics
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fsa_jax.opinions.corpus import INVENTED
from fsa_jax.opinions.publishing.cards import table
from fsa_jax.opinions.scoring.files import score_file, summarize
from fsa_jax.opinions.scoring.significance import half_width
from fsa_jax.runtime.row_files import read_rows
from fsa_jax.runtime.run_directory import RunDirectory

_SCORES = {"f1": "F1", "strict_f1": "strict F1", "parse_failure_rate": "unparsed %"}


class RunScores:
    """What a run and its other seeds have scored, by the names of their evaluations.

    Args:
        run: The run.

    Attributes:
        names: Of the evaluations that have an F1.
    """

    def __init__(self, run: RunDirectory):
        self._run, self._runs = run, run.seeds()
        self.names = [name for name in run.evaluations() if "f1" in _row(run, name)]

    def is_invented(self) -> bool:
        """Whether the sentences are those of the sample world."""
        files = list(self._run.scored_predictions().values())
        first = next(read_rows(files[0], "id"), {}) if files else {}
        return str(first.get("id", "")).startswith(INVENTED)

    def parts(self, step: int) -> Iterator[str]:
        """Yields the table of scores, and what its numbers are.

        Args:
            step: Of the weights that the card is about.
        """
        if not self.names:
            yield "It was not scored."
            return
        several = len(self._runs) > 1
        own = "F1 of these weights"
        heads = ("split", *_SCORES.values(), *([own] if several else []))
        yield table(heads, (self._cells(name) for name in self.names))
        yield (
            f"Percent; mean of {len(self._runs)} seeds ± half of its 95% interval (Student's t)."
            if several
            else "Percent; in brackets the 95% interval of drawing the sentences anew. One seed "
            "was trained, so how far seeds differ is not known."
        )
        yield (
            "F1 is by the paper's reference rule; strict F1 matches each gold unit once and counts "
            "unparsed answers as misses."
        )
        if step != self._run.scored_step():
            yield f"The scores are those of step {self._run.scored_step()}, the weights of {step}."

    def for_the_hub(self) -> list[dict[str, Any]]:
        """Returns these weights' own scores on test splits, as the Hub shows them."""
        return [
            {
                "task": {"type": "text-generation"},
                "dataset": {"type": name.partition("-")[0], "name": name},
                "metrics": [{"type": "f1", "name": "F1", "value": self._own(name)}],
            }
            for name in self.names
            if "-" in name
        ]

    def _own(self, name: str) -> float:
        return round(_row(self._run, name)["f1"], 2)

    def _cells(self, name: str) -> list[object]:
        # Development scores stand under the task's bare name.
        cells: list[object] = [name if "-" in name else f"{name} (development)"]
        rows = [_row(run, name) for run in self._runs]
        for score in _SCORES:
            cells.append(self._cell(name, score, [row[score] for row in rows if score in row]))
        return [*cells, f"{self._own(name):.2f}"] if len(self._runs) > 1 else cells

    def _cell(self, name: str, score: str, values: list[float]) -> str:
        if not values:
            return ""
        text = f"{statistics.fmean(values):.2f}"
        if (half := half_width(values)) is not None:
            return f"{text} ± {half:.2f}"
        interval = self._drawn_anew(name).get(f"{score}_interval")
        return text + (" ({:.2f} to {:.2f})".format(*interval) if interval else "")

    @functools.cache  # noqa: B019 - lives as long as a card is written
    def _drawn_anew(self, name: str) -> Mapping[str, Any]:
        """The run's scores with their intervals; nothing where its rows are none of opinions."""
        file = self._run.scored_predictions().get(name)
        try:
            return next(summarize([score_file(Path(file))])) if file else {}
        except ValueError:
            return {}


def _row(run: RunDirectory, name: str) -> Mapping[str, float]:
    """The scores of the step that stands for a run, else of the last that was evaluated."""
    rows = {row["step"]: row for row in run.evaluations().get(name, [])}
    return rows.get(run.scored_step()) or (rows[max(rows)] if rows else {})
