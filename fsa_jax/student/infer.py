"""``t5x infer``: a finished student's answers to every example of a task."""

from collections.abc import Callable

from etils import epath

from fsa_jax.data.providers import check_split, tasks_of
from fsa_jax.decoding import answering, slots
from fsa_jax.decoding.search import DecodingConfig
from fsa_jax.model.network import T5Config
from fsa_jax.runtime import hosts
from fsa_jax.runtime.row_files import write_jsonl
from fsa_jax.student.load import load


def infer(
    model: T5Config,
    mixture_or_task_name: str,
    checkpoint_path: str,
    output_dir: str,
    split: str,
    decoding: DecodingConfig | None = None,
    checkpoint_step: int | None = None,
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
        decoding: How to decode.
        checkpoint_step: Which checkpoint of a run directory; None for the best where the run kept
            one, else the latest.
        use_cached: Read the tasks' SeqIO cache.
        say: Gets a line for each file.

    Raises:
        ValueError: Unknown name or split.
        FileNotFoundError: No checkpoint.
    """
    tasks = tasks_of(mixture_or_task_name)
    check_split(tasks, split, use_cached, advice="; INFER_SPLIT names it")
    student = load(
        checkpoint_path, mixture_or_task_name, model=model, step=checkpoint_step, say=say
    )
    folder = epath.Path(output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    for task in tasks:
        examples = answering.read_examples(task, split, use_cached)
        inputs = [example["inputs"] for example in examples]
        outputs = slots.generate(student.params, student.config, inputs, decoding)
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
            write_jsonl(path, rows)
            say(f"{len(rows)} answers to {task.name} {split} → {path}")
