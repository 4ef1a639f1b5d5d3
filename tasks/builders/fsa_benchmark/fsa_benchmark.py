"""The FSA benchmark as a TFDS builder."""

from typing import ClassVar

import tensorflow_datasets as tfds

from tasks.builders.base import BenchmarkBuilder, Config


class FsaBenchmark(BenchmarkBuilder):
    """Targeted and aspect-level sentiment analysis with hard samples, by data set."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "The benchmark of the paper."}
    BUILDER_CONFIGS: ClassVar = [
        Config(name="tsa_rest14", description="Opinion targets in restaurant reviews, 2014."),
        Config(name="tsa_laptop14", description="Opinion targets in laptop reviews, 2014."),
        Config(name="asa_rest16", description="Aspect categories in restaurant reviews, 2016."),
        Config(name="asa_laptop16", description="Aspect categories in laptop reviews, 2016."),
    ]
    ADDRESSES: ClassVar = {
        "fsa": (
            "https://raw.githubusercontent.com/HITSZ-HLT/FSA-Distillation/"
            "c38bdfc80cf871ffd53e14f9441fcc33d968defd/fsa_datasets/w_hard"
        ),
    }
