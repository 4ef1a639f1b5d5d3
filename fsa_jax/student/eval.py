"""``t5x eval``: a finished student scored on benchmark tasks."""

from collections.abc import Callable

from fsa_jax.data.providers import evaluated_tasks, existing_splits, having
from fsa_jax.decoding import answering
from fsa_jax.decoding.search import DecodingConfig
from fsa_jax.model.network import T5Config
from fsa_jax.runtime import hosts
from fsa_jax.runtime.run_directory import RunDirectory, absolute
from fsa_jax.student.load import Student, load

# What the manifest of a folder that got nothing but evaluations has more than a run's: whose.
_EVALUATED = "evaluated"


def evaluate_checkpoint(
    model: T5Config,
    mixture_or_task_name: str,
    checkpoint_path: str,
    output_dir: str,
    splits: tuple[str, ...],
    decoding: DecodingConfig | None = None,
    checkpoint_step: int | None = None,
    use_cached: bool = False,
    say: Callable[[str], object] = hosts.say,
) -> dict[str, dict[str, float]]:
    """Scores a student on splits of a task or of a mixture's tasks.

    Args:
        model: The student.
        mixture_or_task_name: A registered SeqIO name; tasks without metrics are left out.
        checkpoint_path: Run directory, checkpoint or Hugging Face folder.
        output_dir: Gets ``inference_eval/<task>-<split>-metrics.jsonl`` and the predictions; where
            it is no run's directory, the manifest of the student's run as well, by which the scores
            tell their seed.
        splits: Splits to score; those of them that the tasks have.
        decoding: How to decode.
        checkpoint_step: Which checkpoint of a run directory; None for the best where the run kept
            one, else the latest.
        use_cached: Read the tasks' SeqIO cache.
        say: Gets a line for each result.

    Returns:
        The metrics by ``<task>/<split>``.

    Raises:
        ValueError: Unknown name, none of the splits, a broken one, or no task with metrics.
        FileNotFoundError: No checkpoint.
    """
    tasks = evaluated_tasks(mixture_or_task_name)
    splits = existing_splits(tasks, splits, "EVAL_SPLITS", use_cached)
    student = load(
        checkpoint_path, mixture_or_task_name, model=model, step=checkpoint_step, say=say
    )
    run = RunDirectory(output_dir)
    if hosts.is_first():
        _tell_origin(run, student, checkpoint_path)
    results = {}
    for task in tasks:
        for split in [split for split in splits if having([task], split)]:
            result = answering.evaluate_task(
                student.params,
                student.config,
                task,
                split,
                decoding or DecodingConfig(),
                use_cached,
            )
            if hosts.is_first():
                path = answering.write_result(result, run, run.name(task.name, split), student.step)
                say(f"{task.name} {split}: {result.summary()}  → {path}")
            results[f"{task.name}/{split}"] = result.metrics
    return results


def _tell_origin(run: RunDirectory, student: Student, checkpoint_path: str) -> None:
    """Keeps beside scores whose they are; a run's own manifest tells that already, and stays."""
    found = run.manifest()
    if not found or _EVALUATED in found:
        run.write_manifest({**student.facts, _EVALUATED: str(absolute(checkpoint_path))})
