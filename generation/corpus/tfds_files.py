"""Writes one corpus as TFRecords in the layout of TensorFlow Datasets.

It is the only module of the package that loads TensorFlow.
"""

import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fsa_jax.opinions.corpus import NAME, SPLITS, VERSION
from fsa_jax.runtime import process
from generation.corpus.examples import Example

TEXTS = ("review_id", "domain", "teacher", "prompt", "inputs", "targets")
_DESCRIPTION = "Reviews and the sentiment understanding texts that a teacher wrote about them."


def require_tensorflow() -> None:
    """Loads TensorFlow, or raises ValueError with the way to install it.

    Its C++ part is silent; see ``process.import_quietly``.
    """
    try:
        # TFDS loads TensorFlow only when it is first used.
        process.import_quietly("tensorflow", "tensorflow_datasets")
    except ImportError as error:
        raise ValueError(
            f"writing TFRecords needs TensorFlow ({error.name} is missing); run: pip install "
            "fsa-jax, "
            "or move the ledgers to a machine that has it"
        ) from None


class ConfigWriter:
    """Writes the splits of one config, shard by shard.

    Args:
        folder: The version folder to fill, ``…/understanding/<config>/1.0.0``.
        config: Name of the config.
        shard_bytes: A shard ends when it has grown past this.
    """

    def __init__(self, folder: Path, config: str, shard_bytes: int) -> None:
        import tensorflow_datasets as tfds

        self.folder, self.config, self.shard_bytes = folder, config, shard_bytes
        self.features = tfds.features.FeaturesDict(
            {name: tfds.features.Text() for name in TEXTS}
            | {"rating": tfds.features.Scalar(np.float32)}
        )
        self.splits = {split: _SplitWriter(folder, split, shard_bytes) for split in SPLITS}
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, split: str, example: Example) -> None:
        """Appends one example to a split.

        Raises:
            OSError: It cannot be written, as on a full disk.
        """
        import tensorflow as tf

        try:
            self.splits[split].write(serialize(example))
        except tf.errors.OpError as error:
            raise _os_error(error) from None

    def close(self) -> dict[str, int]:
        """Ends the files, writes the two JSON files, and returns the examples by split."""
        import tensorflow as tf
        import tensorflow_datasets as tfds

        try:
            infos = [writer.close() for writer in self.splits.values()]
        except tf.errors.OpError as error:
            raise _os_error(error) from None
        identity = tfds.core.dataset_info.DatasetIdentity(
            name=NAME,
            version=tfds.core.Version(VERSION),
            data_dir=str(self.folder),
            module_name="",
            config_name=self.config,
            config_description=None,
            config_tags=None,
            release_notes=None,
        )
        info = tfds.core.DatasetInfo(
            builder=identity, description=_DESCRIPTION, features=self.features
        )
        info.set_splits(tfds.core.splits.SplitDict(infos))
        info.write_to_directory(self.folder)
        return {info.name: info.num_examples for info in infos}


def _os_error(error: Any) -> OSError:
    """Returns what TensorFlow's file system says as Python would have raised it."""
    import tensorflow as tf

    full = isinstance(error, tf.errors.ResourceExhaustedError) or "No space" in error.message
    return OSError(errno.ENOSPC if full else errno.EIO, error.message)


def serialize(example: Example) -> bytes:
    """Returns an example as TFDS would write it.

    TFDS itself looks at each value anew, and takes five times as long.
    """
    import tensorflow as tf

    features = {
        name: tf.train.Feature(
            bytes_list=tf.train.BytesList(value=[getattr(example, name).encode("utf-8", "replace")])
        )
        for name in TEXTS
    }
    features["rating"] = tf.train.Feature(float_list=tf.train.FloatList(value=[example.rating]))
    row = tf.train.Example(features=tf.train.Features(feature=features))
    return bytes(row.SerializeToString(deterministic=True))


class _SplitWriter:
    def __init__(self, folder: Path, split: str, shard_bytes: int) -> None:
        self.folder, self.split, self.shard_bytes = folder, split, shard_bytes
        self.lengths: list[int] = []
        self.bytes = 0
        self.shard_size = 0
        self.writer: Any = None

    def write(self, record: bytes) -> None:
        if self.writer is None or self.shard_size >= self.shard_bytes:
            self._next_shard()
        self.writer.write(record)
        self.lengths[-1] += 1
        self.shard_size += len(record)
        self.bytes += len(record)

    def _path(self, shard: int) -> Path:
        return self.folder / f".{self.split}-{shard:05d}"

    def _next_shard(self) -> None:
        import tensorflow as tf

        if self.writer is not None:
            self.writer.close()
        self.writer = tf.io.TFRecordWriter(str(self._path(len(self.lengths))))
        self.lengths.append(0)
        self.shard_size = 0

    def close(self) -> Any:
        """Gives the shards their final names, which hold their number."""
        import tensorflow_datasets as tfds

        if self.writer is None:
            self._next_shard()
        self.writer.close()
        template = tfds.core.ShardedFileTemplate(
            data_dir=self.folder, dataset_name=NAME, split=self.split, filetype_suffix="tfrecord"
        )
        for shard in range(len(self.lengths)):
            name = f"{NAME}-{self.split}.tfrecord-{shard:05d}-of-{len(self.lengths):05d}"
            self._path(shard).rename(self.folder / name)
        return tfds.core.splits.SplitInfo(
            name=self.split,
            shard_lengths=self.lengths,
            num_bytes=self.bytes,
            filename_template=template,
        )


def read(folder: Path) -> Iterator[Example]:
    """Yields the examples of one config's version folder, all splits.

    Raises:
        ValueError: The folder is no data set.
    """
    require_tensorflow()
    import tensorflow_datasets as tfds

    if not (folder / "dataset_info.json").exists():
        raise ValueError(
            f"{folder} holds no dataset_info.json; name a data root, or build it again"
        )
    builder = tfds.builder_from_directory(folder)
    for split in sorted(builder.info.splits):
        for row in tfds.as_numpy(builder.as_dataset(split=split)):
            texts = {name: row[name].decode() for name in row if name != "rating"}
            yield Example(**texts, rating=float(row["rating"]))
