"""The directory of one run: every path in it, and what it tells to whoever comes later.

Layout and names are T5X's (``docs/formats.md``):

    config.gin  manifest.json  status.json  checkpoint_<step>/  profile/
    train/metrics.jsonl                    what training logged, a row each
    training_eval/<task>/                  TensorBoard events of the loss on a split
    inference_eval/<name>-metrics.jsonl    scores, a row for each step
    inference_eval/<name>-<step>.jsonl     predictions of that step

where ``<name>`` is ``<task>`` for the development split and ``<task>-<split>`` for any other.
Nobody else spells these paths. Knows neither JAX nor TensorFlow.
"""

import dataclasses
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from etils import epath

from fsa_jax.runtime import files
from fsa_jax.runtime.row_files import JsonLines, Row, read_object, read_rows, write_jsonl

PREFIX = "checkpoint"
_EVALUATIONS = "inference_eval"
_SEED = "seed_"
_CONFIG = "config.gin"
_STEP_DIGITS = 6
_PREDICTIONS = re.compile(rf"(?P<name>.+)-(?P<step>\d{{{_STEP_DIGITS},}})\.jsonl")
METRICS = "-metrics.jsonl"
_STATES = ("running", "stopped", "finished", "failed")
State = Literal["running", "stopped", "finished", "failed"]


@dataclasses.dataclass(frozen=True)
class Status:
    """How a run stands, or how it ended.

    Attributes:
        state: ``running`` (or killed without a word), ``stopped`` in good order (the same command
            goes on), ``finished`` or ``failed``.
        step: Updates made so far.
        steps: Updates of the whole run.
        reason: Why it stopped or failed.
    """

    state: State
    step: int
    steps: int
    reason: str = ""


def absolute(path: str | os.PathLike[str]) -> epath.Path:
    """Makes a path absolute, ``~`` expanded; a URL is so already, and epath would break it."""
    text = os.fspath(path)
    if "://" in text:
        return epath.Path(text)
    return epath.Path(os.path.abspath(os.path.expanduser(text)))


class RunDirectory:
    """Paths of a run, and readers and writers of its files.

    Args:
        path: The directory, which may not be there yet; a URL such as ``gs://…`` is fine.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = absolute(path)

    def __str__(self) -> str:
        return str(self.path)

    # ------------------------------------------------------------------ paths

    @property
    def training_log(self) -> epath.Path:
        """What training logged, JSON lines."""
        return self.path / "train" / "metrics.jsonl"

    @property
    def profile(self) -> epath.Path:
        """Folder of profiler traces."""
        return self.path / "profile"

    def events(self, name: str) -> epath.Path:
        """Folder of the TensorBoard events of ``train``, ``training_eval/<task>``, ….

        Args:
            name: The folder below the run directory.
        """
        return self.path / name

    def checkpoint(self, step: int) -> epath.Path:
        """The folder of a step's checkpoint, whether it is there or not."""
        return self.path / f"{PREFIX}_{step}"

    def drop_checkpoints(self) -> None:
        """Removes all checkpoints; what the run logged and answered stays."""
        for path in self.path.glob(f"{PREFIX}_*"):
            path.rmtree()

    @staticmethod
    def name(task: str, split: str | None = None) -> str:
        """What an evaluation's files are named after: ``split`` is None for the development one."""
        return task if split is None else f"{task}-{split}"

    def _evaluation(self, file: str) -> epath.Path:
        return self.path / _EVALUATIONS / file

    def _predictions_file(self, name: str, step: int) -> epath.Path:
        return self._evaluation(f"{name}-{step:0{_STEP_DIGITS}d}.jsonl")

    @property
    def is_there(self) -> bool:
        """Whether a run has written here."""
        own = (self.path / "manifest.json", self.training_log, self.path / _EVALUATIONS)
        return any(path.exists() for path in own)

    # ------------------------------------------------------------------ what a run tells

    def manifest(self) -> Row:
        """Returns what it takes to repeat the run; empty where there is no manifest.

        Raises:
            ValueError: The file is torn, or another program's.
        """
        return read_object(self.path / "manifest.json")

    def config(self) -> str:
        """Returns the resolved gin configuration; that of its folder for the run of a seed.

        Empty where there is none.
        """
        for folder in (self.path, self.path.parent if self._is_seed else self.path):
            if (folder / _CONFIG).exists():
                return str((folder / _CONFIG).read_text())
        return ""

    def seeds(self) -> "list[RunDirectory]":
        """Returns the runs of all seeds that this one is among; itself alone where it is none."""
        found = runs_in(self.path.parent) if self._is_seed else []
        return found or [self]

    @property
    def _is_seed(self) -> bool:
        return str(self.path.name).startswith(_SEED)

    def status(self) -> Status | None:
        """Returns how the run stands; None where it never said.

        Raises:
            ValueError: The file is torn, or another program's.
        """
        path = self.path / "status.json"
        fields = read_object(path)
        if not fields:
            return None
        try:
            known = {field.name: fields[field.name] for field in dataclasses.fields(Status)}
            status = Status(**known)
        except KeyError as error:
            raise ValueError(f"{path} is no run's status: it lacks {error}") from error
        if status.state not in _STATES:
            raise ValueError(f"{path}: state {status.state!r} is none of {', '.join(_STATES)}")
        return status

    def training_rows(self) -> list[Row]:
        """Returns what training logged, in order, each step once (the last row that was written).

        Raises:
            FileNotFoundError: There is no training log: this is no run directory.
            ValueError: A line other than the last is no JSON object.
        """
        if not self.training_log.exists():
            raise FileNotFoundError(f"{self} is no run directory: it lacks train/metrics.jsonl")
        by_step = {row["step"]: row for row in read_rows(self.training_log, "step")}
        return [by_step[step] for step in sorted(by_step)]

    def evaluations(self) -> dict[str, list[Row]]:
        """Returns the scores by name (see ``name``): a row with its ``step`` each."""
        folder = self.path / _EVALUATIONS
        files = sorted(folder.glob(f"*{METRICS}")) if folder.is_dir() else []
        return {file.name.removesuffix(METRICS): list(read_rows(file, "step")) for file in files}

    def metrics(self, task: str, split: str | None = None) -> list[Row]:
        """Returns the scores of a task on a split, a row for each evaluated step, in order.

        Args:
            task: Name of the task.
            split: Its split; None for the development one.
        """
        path = self._evaluation(f"{self.name(task, split)}{METRICS}")
        rows = read_rows(path, "step") if path.exists() else ()
        return sorted(rows, key=lambda row: row["step"])

    def predictions(
        self, task: str, split: str | None = None, step: int | None = None
    ) -> epath.Path:
        """Returns the file of predictions of a task on a split.

        Args:
            task: Name of the task.
            split: Its split; None for the development one.
            step: Whose answers; None for the best checkpoint's where they are there, else the
                latest.

        Raises:
            FileNotFoundError: There is none.
        """
        name = self.name(task, split)
        if step is not None:
            path = self._predictions_file(name, step)
            if not path.exists():
                raise FileNotFoundError(f"{path} does not exist: step {step} was not evaluated")
            return path
        best = self.best_step()
        if best is not None and self._predictions_file(name, best).exists():
            return self._predictions_file(name, best)
        steps = [row["step"] for row in self.metrics(task, split)]
        for step in reversed(steps):
            if self._predictions_file(name, step).exists():
                return self._predictions_file(name, step)
        raise FileNotFoundError(f"{self} holds no predictions of {name}")

    def scored_step(self) -> int | None:
        """Returns the step whose scores stand for the run.

        The best checkpoint's; where the run kept none, the last that was tested on another split
        than the development one; None where nothing was tested.
        """
        tested = [
            row["step"] for name, rows in self.evaluations().items() if "-" in name for row in rows
        ]
        best = self.best_step()
        return max(tested, default=None) if best is None else best

    def scored_predictions(self) -> dict[str, epath.Path]:
        """Returns a file of predictions for each evaluation: of ``scored_step``, else the latest.

        Sorted by name (see ``name``); the folder may lack their metrics.
        """
        folder, wanted = self.path / _EVALUATIONS, self.scored_step()
        steps: dict[str, list[int]] = {}
        for file in folder.iterdir() if folder.is_dir() else ():
            if found := evaluation_of(file.name):
                steps.setdefault(found[0], []).append(found[1])
        return {
            name: self._predictions_file(
                name, wanted if wanted in steps[name] else max(steps[name])
            )
            for name in sorted(steps)
        }

    # ------------------------------------------------------------------ checkpoints

    def steps(self) -> list[int]:
        """Returns the steps of the complete checkpoints, in order."""
        return sorted(step for step, folder in self._folders() if is_checkpoint(folder))

    def incomplete(self) -> list[epath.Path]:
        """Returns the folders that are named like checkpoints and hold none."""
        return sorted(folder for _, folder in self._folders() if not is_checkpoint(folder))

    def _folders(self) -> Iterator[tuple[int, epath.Path]]:
        for child in self.path.iterdir() if self.path.is_dir() else ():
            step = child.name.removeprefix(f"{PREFIX}_")
            if child.name.startswith(f"{PREFIX}_") and step.isdecimal():
                yield int(step), child

    def latest_step(self) -> int | None:
        """Returns the step of the newest complete checkpoint, or None."""
        steps = self.steps()
        return steps[-1] if steps else None

    def best_step(self) -> int | None:
        """Returns the step whose checkpoint scored highest on the development split.

        None where the run keeps no best checkpoint (its manifest names no ``best_metric``) or has
        none yet.
        """
        scores = self.best_scores()
        # Of equals the latest, as Orbax takes it.
        return max(scores, key=lambda step: (scores[step], step)) if scores else None

    def choose(self, step: int | None = None) -> tuple[epath.Path, str]:
        """Chooses the checkpoint to use: the best where the run kept one, else the latest.

        Args:
            step: Another one.

        Returns:
            The folder, and a few words on why it is this one.

        Raises:
            FileNotFoundError: There is no (such) checkpoint.
        """
        steps = self.steps()
        if not self.path.exists():
            raise FileNotFoundError(
                f"{self} does not exist: name a run directory, a checkpoint or a Hugging Face "
                "folder (`hf download NAME --local-dir FOLDER` gets one of the Hub)"
            )
        if not steps and (seeds := sorted(child.name for child in self.path.glob(f"{_SEED}*"))):
            raise FileNotFoundError(f"{self} holds runs of seeds: name one, {' or '.join(seeds)}")
        if not steps:
            raise FileNotFoundError(f"{self}: no checkpoint here, nor a folder of {PREFIX}_<step>")
        if step is not None:
            if step not in steps:
                known = ", ".join(map(str, steps))
                raise FileNotFoundError(f"{self} holds no checkpoint of step {step}; of {known}")
            return self.checkpoint(step), "the step that was asked for"
        best = self.best_step()
        if best is None:
            return self.checkpoint(steps[-1]), "the latest"
        metric = self.manifest().get("best_metric", "f1")
        why = f"the best on dev: {metric} {self.best_scores()[best]:.2f}"
        return self.checkpoint(best), why + (
            f"; the latest is {steps[-1]}" if best < steps[-1] else ""
        )

    def best_scores(self) -> dict[int, float]:
        """Returns what the best checkpoint is told by, for each checkpoint that was scored."""
        # Runs made before the manifest told it were fine-tunings by F1, or kept no metrics.
        metric = self.manifest().get("best_metric", "f1")
        scores = {}
        for step in self.steps() if metric else ():
            # What Orbax was given with the checkpoint.
            found = read_object(self.checkpoint(step) / "metrics" / "metrics")
            if metric in found:
                scores[step] = float(found[metric])
        return scores

    # ------------------------------------------------------------------ writing

    def write_config(self, text: str) -> None:
        """Keeps the resolved gin configuration."""
        self._write(_CONFIG, text)

    def write_manifest(self, facts: Mapping[str, Any]) -> None:
        """Writes what it takes to repeat the run.

        Args:
            facts: JSON-able facts.
        """
        self._write("manifest.json", json.dumps(facts, indent=2) + "\n")

    def write_status(self, status: Status) -> None:
        """Writes how the run stands."""
        self._write("status.json", json.dumps(dataclasses.asdict(status)) + "\n")

    def write_evaluation(
        self, name: str, step: int, metrics: Mapping[str, float], rows: Iterable[Mapping[str, Any]]
    ) -> epath.Path:
        """Writes the predictions of a step, and its scores beside those of other steps.

        Args:
            name: See ``name``.
            step: Whose answers they are.
            metrics: The scores.
            rows: A JSON-able dict for each example.

        Returns:
            The path of the predictions.
        """
        path = self._predictions_file(name, step)
        write_jsonl(path, rows)
        history = self._evaluation(f"{name}{METRICS}")
        kept = [row for row in read_rows(history, "step") if row["step"] != step]
        write_jsonl(history, [*kept, {"step": step, **metrics}])
        return path

    def open_training_log(self) -> JsonLines:
        """Opens the training log to append to; a line that a kill has torn is taken off first."""
        return JsonLines(self.training_log)

    def _write(self, name: str, text: str) -> None:
        files.write_text(self.path / name, text)


def is_checkpoint(folder: epath.Path) -> bool:
    """Whether a folder holds a complete checkpoint, ours or T5X's."""
    state = folder / "state"
    return state.is_dir() and any(state.iterdir())


def find_checkpoint(
    path: str | os.PathLike[str], step: int | None = None
) -> tuple[epath.Path, str]:
    """Resolves a run directory to one of its checkpoints, and a checkpoint to itself.

    Args:
        path: A run directory, or a ``checkpoint_<step>`` folder, ours or T5X's.
        step: Which one of a run directory; None for the best where the run kept one, else the
            latest.

    Returns:
        The checkpoint's absolute path, and a few words on why it is this one.

    Raises:
        FileNotFoundError: There is none.
    """
    folder = absolute(path)
    if is_checkpoint(folder):
        return folder, "as named"
    return RunDirectory(path).choose(step)


def seed_directory(model_dir: str | os.PathLike[str], seed: int) -> RunDirectory:
    """Returns the run directory of one seed of a run of several seeds."""
    return RunDirectory(absolute(model_dir) / f"{_SEED}{seed}")


def step_of(checkpoint: epath.Path) -> int:
    """Returns the step in a checkpoint's name; 0 where somebody gave it another name."""
    step = checkpoint.name.removeprefix(f"{PREFIX}_")
    return int(step) if step.isdecimal() else 0


def run_of(path: str | os.PathLike[str]) -> RunDirectory:
    """Returns the run that a path is, or that a checkpoint's path lies in."""
    folder = absolute(path)
    inside = folder.name.startswith(f"{PREFIX}_") and not (folder / "manifest.json").exists()
    return RunDirectory(folder.parent if inside else folder)


def runs_in(path: str | os.PathLike[str]) -> list[RunDirectory]:
    """Returns the run that a folder is, or those of its seeds (``seed_<seed>/``), by seed.

    None where it is neither. A run's folder of evaluations stands for the run.

    Raises:
        ValueError: It is a run and holds seeds as well, or the seeds are not different ones.
    """
    folder = absolute(path)
    run = RunDirectory(folder.parent if folder.name == _EVALUATIONS else folder)
    children = sorted(folder.glob(f"{_SEED}*")) if folder.is_dir() else []
    seeds = [seed for seed in map(RunDirectory, children) if seed.is_there]
    if run.is_there and seeds:
        raise ValueError(f"{path} is a run and holds runs of seeds: name one of its folders")
    if run.is_there:
        return [run]
    by_seed: dict[int, RunDirectory] = {}
    for one in seeds:
        seed = one.manifest().get("seed")
        if seed is None:
            raise ValueError(f"{one} lacks a manifest.json that tells its seed")
        if seed in by_seed:
            raise ValueError(f"{by_seed[seed]} and {one} are both of seed {seed}: remove one")
        by_seed[seed] = one
    return [by_seed[seed] for seed in sorted(by_seed)]


def run_of_predictions(file: str | os.PathLike[str]) -> RunDirectory | None:
    """Returns the run that has written a file of predictions; None where it lies in no run."""
    folder = absolute(file).parent
    return RunDirectory(folder.parent) if folder.name == _EVALUATIONS else None


def evaluation_of(file_name: str) -> tuple[str, int] | None:
    """Tells what predictions are of by their file's name; None for files of other names.

    Returns:
        The name of the evaluation (see ``RunDirectory.name``), and the step.
    """
    match = _PREDICTIONS.fullmatch(file_name)
    return (match["name"], int(match["step"])) if match else None
