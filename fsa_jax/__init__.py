"""Distils fine-grained sentiment understanding from LLM teachers into small T5 students.

Three lines let a student answer:

    import fsa_jax

    student = fsa_jax.load("runs/tsa_rest14")
    print(student.predict(["The pasta was great, but we waited an hour."]))

Importing this package loads neither JAX nor TensorFlow; its modules do so when they are used.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fsa_jax.student.predict import Predictor

__version__ = "0.1.0"


def load(
    checkpoint: str,
    task: str | None = None,
    *,
    step: int | None = None,
    module: str = "tasks",
    max_length: int = 100,
    batch_size: int = 64,
) -> "Predictor":
    """Reads a student that answers own text; see ``fsa_jax.student.predict.Predictor.predict``.

    Args:
        checkpoint: Run directory, checkpoint, or Hugging Face folder.
        task: What to ask for; None for what the run was trained on.
        step: Which checkpoint of a run; None for the best where the run kept one, else the latest.
        module: What to import so that the task is registered.
        max_length: Tokens of an answer at most, the start token counted, as in Hugging Face.
        batch_size: Texts decoded at once.

    Raises:
        FileNotFoundError: There is no student.
        ValueError: The run is not finished, does not tell its task, or has not learnt the task.
    """
    from fsa_jax.runtime import process

    process.import_quietly("seqio")
    from fsa_jax.decoding.search import DecodingConfig
    from fsa_jax.student.opening import open_predictor

    decoding = DecodingConfig(max_length=max_length, batch_size=batch_size)
    return open_predictor(checkpoint, task, step=step, module=module, decoding=decoding)
