"""Examples are written byte for byte as TFDS would."""

import dataclasses

from generation.corpus.examples import Example


def test_examples_are_written_as_tfds_would(tmp_path):
    from generation.corpus import tfds_files

    tfds_files.require_tensorflow()
    import tensorflow as tf
    import tensorflow_datasets as tfds

    example = Example("r\u00e9", "laptop", "t", "rw", "in\n\0", "\U0001f600", 3.7)
    writer = tfds_files.ConfigWriter(tmp_path, "c", 1000)
    row = {name: getattr(example, name) for name in writer.features}
    theirs = tfds.core.example_serializer.ExampleSerializer(
        writer.features.get_serialized_info()
    ).serialize_example(writer.features.encode_example(row))
    ours = tfds_files.serialize(example)
    assert tf.train.Example.FromString(ours) == tf.train.Example.FromString(theirs)
    assert ours == tfds_files.serialize(dataclasses.replace(example))
