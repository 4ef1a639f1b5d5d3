"""From finished stages and LLMs' prediction files to rows of the store."""

import datetime
from collections.abc import Iterator
from pathlib import Path

from fsa_jax.experiments import versions
from fsa_jax.experiments.planning import TEST, Answers, Plan
from fsa_jax.experiments.store import Result, Store
from fsa_jax.opinions.scoring.counts import metrics
from fsa_jax.opinions.scoring.files import GROUPS, score_file
from fsa_jax.opinions.scoring.predictions import kind_of
from fsa_jax.opinions.scoring.sources import source_of

_NO_STEP = -1
_GROUPS = [name for name in GROUPS if name != "polarity"]


def collect(answers: Answers, plan: Plan, store: Store) -> bool:
    """Scores a system's answers to a task into the store, unless they are there.

    Args:
        answers: A finished stage's, or those of an LLM.
        plan: Whose experiment they belong to.
        store: Where the rows go.

    Returns:
        Whether there were answers.

    Raises:
        ValueError: A prediction file is broken, or the cell has another value of the same origin.
    """
    source = key, data, code = origin(answers, plan)
    name, system = plan.experiment.name, answers.system.name
    files = list(_files(answers))
    if files and not store.has(name, system, answers.task, source):
        rows: list[Result] = []
        for seed, step, file, folder in files:
            cell = (name, system, answers.task, TEST)
            for subset, metric, value in _scores(file, answers.task):
                rows.append(
                    Result(
                        *cell, subset, seed, metric, value, folder, step, key, data, code, _now()
                    )
                )
        store.write(rows)
    return bool(files)


def origin(answers: Answers, plan: Plan) -> tuple[str, str, str]:
    """Configuration key, data fingerprint and code version of a system's answers to a task."""
    if answers.stage is not None:
        stage = answers.stage
        return stage.config_key, stage.data_fingerprint, stage.code
    files = versions.fingerprint(answers.files())
    code = plan.stages[0].code if plan.stages else ""
    return f"predictions {files}", files, code


def _files(answers: Answers) -> Iterator[tuple[int, int, Path, str]]:
    """Yields seed, step, prediction file and run folder."""
    if answers.stage is None:
        for number, file in enumerate(answers.files()):
            seed = source_of(file).seed
            yield number if seed is None else seed, _NO_STEP, file, str(file.parent)
        return
    for seed, run in answers.stage.run_directories.items():
        names = [row for row in run.evaluations() if row.endswith(f"-{TEST}")]
        for name in names:
            file = run.predictions(name.removesuffix(f"-{TEST}"), TEST)
            step = int(file.stem.rpartition("-")[2])
            yield seed, step, Path(file), str(run)


def prediction_file(answers: Answers, seed: int) -> Path | None:
    """The prediction file of one seed; None where there is none."""
    found = (file for number, _, file, _ in _files(answers) if number == seed)
    return next(found, None)


def _scores(file: Path, task: str) -> Iterator[tuple[str, str, float]]:
    """Yields sub-set, metric and value; a sub-set without sentences has no rows."""
    scored = score_file(file, kind_of(task))
    for subset in ("all", *_GROUPS):
        sums = scored.sums(None if subset == "all" else subset)
        found = metrics(sums)
        if found["rows"]:
            yield from ((subset, name, value) for name, value in found.items())


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
