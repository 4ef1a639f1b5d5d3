"""A finished student at work: scoring it on benchmark tasks, and writing its answers.

``evaluate_checkpoint`` and ``infer`` are what ``t5x eval`` and ``t5x infer`` configure and run.
"""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
from etils import epath

from fsa_jax import decoding, evaluate, hosts, network, partitioning, restore
from fsa_jax.network import T5Config
from fsa_jax.search import DecodingConfig
from fsa_jax.token_table import get_provider


def load_student(model: T5Config, checkpoint_path: str, say: Callable[[str], object]) -> Any:
    """Reads a student's parameters from a run directory, checkpoint or Hugging Face folder.

    Args:
      model: The student.
      checkpoint_path: See ``restore.restore_or_init``.
      say: Gets one line that tells what was read.

    Returns:
      The parameters, on the devices.
    """
    boxed = jax.eval_shape(lambda: network.init_params(model, jax.random.key(0)))
    mesh = partitioning.make_mesh()
    shardings = partitioning.state_shardings(boxed, mesh, partitioning.axis_rules())
    abstract = jax.tree.map(
        lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s), nn.unbox(boxed), shardings
    )
    params, found = restore.load_params(checkpoint_path, model, abstract, say)
    say(f"restored: weights of {found}")
    return params


def evaluate_checkpoint(
    model: T5Config,
    mixture_or_task_name: str,
    checkpoint_path: str,
    output_dir: str,
    splits: tuple[str, ...],
    how: DecodingConfig | None = None,
    use_cached: bool = False,
    say: Callable[[str], object] = hosts.say,
) -> dict[str, dict[str, float]]:
    """Scores a student on splits of a task or of a mixture's tasks.

    Args:
      model: The student.
      mixture_or_task_name: A registered SeqIO name; tasks without metrics are left out.
      checkpoint_path: Run directory, checkpoint or Hugging Face folder.
      output_dir: Gets ``inference_eval/<task>-<split>-metrics.jsonl`` and the predictions.
      splits: Splits to score.
      how: How to decode.
      use_cached: Read the tasks' SeqIO cache.
      say: Gets a line for each result.

    Returns:
      The metrics by ``<task>/<split>``.

    Raises:
      ValueError: Unknown name or split, or no task with metrics.
      FileNotFoundError: No checkpoint.
    """
    tasks = evaluate.evaluated_tasks(mixture_or_task_name)
    params = load_student(model, checkpoint_path, say)
    step = _step_of(checkpoint_path)
    results = {}
    for task in tasks:
        for split in splits:
            result = evaluate.evaluate_task(
                params, model, task, split, how or DecodingConfig(), use_cached
            )
            if hosts.is_first():
                folder = str(epath.Path(output_dir) / "inference_eval")
                path = evaluate.write_result(result, folder, f"{task.name}-{split}", step)
                say(f"{task.name} {split}: {result.summary()}  → {path}")
            results[f"{task.name}/{split}"] = result.metrics
    return results


def infer(
    model: T5Config,
    mixture_or_task_name: str,
    checkpoint_path: str,
    output_dir: str,
    split: str,
    how: DecodingConfig | None = None,
    use_cached: bool = False,
    say: Callable[[str], object] = hosts.say,
) -> None:
    """Writes a student's answers to each example of a split.

    The file is T5X's: ``<output_dir>/<task>-predict.jsonl-00000-of-00001``, with the fields
    ``inputs`` (the example's text features) and ``prediction``.

    Args:
      model: The student.
      mixture_or_task_name: A registered SeqIO name.
      checkpoint_path: Run directory, checkpoint or Hugging Face folder.
      output_dir: Where to write.
      split: The split to answer.
      how: How to decode.
      use_cached: Read the tasks' SeqIO cache.
      say: Gets a line for each file.

    Raises:
      ValueError: Unknown name or split.
      FileNotFoundError: No checkpoint.
    """
    provider = get_provider(mixture_or_task_name)
    params = load_student(model, checkpoint_path, say)
    folder = epath.Path(output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    for task in evaluate.seqio.get_subtasks(provider):
        examples = evaluate.read_examples(task, split, use_cached)
        inputs = [example["inputs"] for example in examples]
        outputs = decoding.generate(params, model, inputs, how or DecodingConfig())
        vocabulary = task.output_features["targets"].vocabulary
        rows = [
            {
                "inputs": {
                    key: value for key, value in example.items() if isinstance(value, bytes)
                },
                "prediction": vocabulary.decode([int(token) for token in tokens]),
            }
            for example, tokens in zip(examples, outputs, strict=True)
        ]
        if hosts.is_first():
            path = folder / f"{task.name}-predict.jsonl-00000-of-00001"
            evaluate.write_jsonl(path, rows)
            say(f"{len(rows)} answers to {task.name} {split} → {path}")


def _step_of(checkpoint_path: str) -> int:
    """The step in a checkpoint's name, 0 for weights without one."""
    try:
        name = restore.checkpoints.find_checkpoint(checkpoint_path).name
        return int(name.rsplit("_", 1)[1])
    except (FileNotFoundError, ValueError, IndexError):
        return 0
