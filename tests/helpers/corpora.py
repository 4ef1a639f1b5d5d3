"""Corpora of tests: made from a run's ledgers, and read back by TFDS."""

from generation.corpus import build, from_ledgers


def make(runs, root, **more):
    """Builds the corpus of a folder of ledgers below ``root``."""
    reader = from_ledgers.LedgerReader([runs])
    return from_ledgers.build_from_ledgers(reader, build.Settings(root, **more))


def rows_of(root, config, split):
    """The examples of a split, as TFDS reads them."""
    import tensorflow_datasets as tfds  # here: what comes before it must do without TensorFlow

    builder = tfds.builder_from_directory(root / "understanding" / config / "1.0.0")
    return list(tfds.as_numpy(builder.as_dataset(split=split, shuffle_files=False)))
