"""What teaches: reviews, prompts, teachers, the ledger and the corpus.

This package turns review dumps into the texts that a student is distilled from. It installs on a
GPU box beside vLLM: of the project it knows the ground floor alone (``fsa_jax.opinions``,
``fsa_jax.runtime``), it imports no JAX, and TensorFlow only while TFRecords are written. With the
rest it shares file formats (``docs/formats.md``).

Words used throughout:

* *review*: one customer text with its rating (``records.Review``).
* *request*: one review under one prompt, to be answered by one teacher.
* *ledger*: the append-only record of what became of each request (``ledger``).
* *corpus*: TFRecords made from ledgers, in TFDS layout (``corpus``).
"""

from pathlib import Path

# For a machine without JAX and TensorFlow: what this package alone needs.
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
