"""Where predictions come from: which run, seed and step; which files are seeds of one system.

Seeds come from the manifests of runs, and of LLMs from the names of the folders of their draws
(``seed_42/``). Other files cannot tell: several of one task are taken for seeds, and the commands
say so.
"""

import dataclasses
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from fsa_jax.runtime.run_directory import (
    METRICS,
    RunDirectory,
    evaluation_of,
    run_of_predictions,
    runs_in,
)

# Beside the predictions of LLMs: what was asked, and the ledgers of who answered.
_QUESTIONS, _LEDGERS = "-questions.jsonl", "ledger-"
_SEED_FOLDER = re.compile(r"seed_(\d+)")


@dataclasses.dataclass(frozen=True)
class Source:
    """A file of predictions and what is known about it.

    Attributes:
        path: The file.
        evaluation: What was evaluated: the file's name without the step.
        step: Updates of the student; ``None`` where the name does not say.
        run: The run directory that it lies in.
        seed: The run's, by its manifest; of an LLM that of its demonstrations, by its folder.
    """

    path: Path
    evaluation: str
    step: int | None = None
    run: RunDirectory | None = None
    seed: int | None = None


def find_sources(paths: Iterable[Path]) -> list[Source]:
    """Finds the files to score, each once.

    Of a run directory, or of all that lie in a folder of seeds, these are the files of the best
    checkpoint (see ``RunDirectory.scored_predictions``); of any other folder, or else of the
    folders of seeds in it, all files of the last step. Metrics, which evaluations write beside
    predictions, do not count even where a shell's pattern names them, and neither does what LLMs
    were asked.

    Raises:
        FileNotFoundError: There is no such path, or a folder holds none.
        ValueError: A run's manifest is torn.
    """
    found = {file.resolve(): file for path in paths for file in _files(path)}
    if not found:
        raise FileNotFoundError("no prediction files: metrics are none")
    return [source_of(file) for file in found.values()]


def is_answers(path: Path) -> bool:
    """Whether a file of JSON lines may be one of predictions, by its name."""
    return not path.name.endswith((METRICS, _QUESTIONS)) and not path.name.startswith(_LEDGERS)


def source_of(path: Path) -> Source:
    """Tells where a file comes from."""
    evaluation, step = evaluation_of(path.name) or (path.stem, None)
    run = run_of_predictions(path)
    if run is not None:
        return Source(path, evaluation, step, run, run.manifest().get("seed"))
    named = _SEED_FOLDER.fullmatch(path.absolute().parent.name)
    return Source(path, evaluation, step, None, int(named[1]) if named else None)


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield from (path,) if is_answers(path) else ()
        return
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: name a run directory or prediction files")
    files: list[Path]
    if runs := runs_in(path):
        files = [Path(file) for run in runs for file in run.scored_predictions().values()]
    else:
        names = sorted(filter(is_answers, path.glob("*.jsonl")))
        names = names or sorted(filter(is_answers, path.glob("seed_*/*.jsonl")))
        # Steps have leading zeros, so the last one in the order of names is the latest.
        files = sorted({(p.parent, source_of(p).evaluation): p for p in names}.values())
    if not files:
        raise FileNotFoundError(f"{path} is no prediction file and no folder with any (*.jsonl)")
    yield from files


def check_seeds(sources: Iterable[Source]) -> None:
    """Checks that files of the same sentences can be the seeds of one system.

    Raises:
        ValueError: They are steps of one run, or runs of one seed.
    """
    by_run: dict[tuple[str, str], Source] = {}
    by_seed: dict[int, Source] = {}
    for source in sources:
        # Files named by steps in one folder are one run's, wherever somebody has put them.
        place = (str(source.path.parent.resolve()), source.evaluation)
        other = by_run.setdefault(place, source)
        if other is not source and (source.run or source.step is not None):
            best = f", or {source.run} for its best" if source.run else ""
            raise ValueError(
                f"{other.path} and {source.path} are steps of one run, not seeds: "
                f"name one of them{best}"
            )
        if source.seed is None:
            continue
        other = by_seed.setdefault(source.seed, source)
        if other is not source:
            raise ValueError(
                f"{other.path} and {source.path} are both of seed {source.seed}, so they are two "
                "systems, not two seeds of one: score one, with --against for the other"
            )


def describe(sources: list[Source]) -> str:
    """Says in a line which seeds and steps stand behind a score, or that files are taken for seeds.

    Args:
        sources: The files of one score.
    """
    told = [source for source in sources if source.run and source.seed is not None]
    drawn = [source for source in sources if not source.run and source.seed is not None]
    untold = [source for source in sources if source.seed is None]
    if len(sources) == 1:
        (source,) = sources
        if source.run is None:
            return ""
        seed = "" if source.seed is None else f", seed {source.seed}"
        return f"step {source.step} of {source.run}{seed}"
    parts = []
    if told:
        shown = ", ".join(f"{source.seed} (step {source.step})" for source in told)
        parts.append(f"seeds by the runs' manifests: {shown}")
    if drawn:
        parts.append(f"seeds by their folders: {', '.join(str(source.seed) for source in drawn)}")
    if untold:
        files = ", ".join(str(source.path) for source in untold)
        parts.append(f"taken for seeds, for no manifest tells: {files}")
    return "; ".join(parts)
