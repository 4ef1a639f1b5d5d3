"""The benchmarks as TFDS builders; importing this package registers them with TFDS.

    import tasks.builders, tensorflow_datasets as tfds
    tfds.load("fsa_benchmark/tsa_rest14", split="train")

The files are downloaded from their public addresses, pinned by commit and checksum; or taken from
TFDS's manual directory, if they lie there in the layout of ``FSA_DATA_DIR``.
"""

from tasks.builders.absa_quads.absa_quads import AbsaQuads
from tasks.builders.fsa_benchmark.fsa_benchmark import FsaBenchmark

__all__ = ["AbsaQuads", "FsaBenchmark"]
