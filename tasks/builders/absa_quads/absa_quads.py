"""The quad data sets ASQP and ACOS as a TFDS builder."""

from typing import ClassVar

import tensorflow_datasets as tfds

from tasks.builders.base import BenchmarkBuilder, Config


class AbsaQuads(BenchmarkBuilder):
    """Quads of target, category, opinion words and polarity; a config for each data set."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "ASQP and ACOS as their authors published them."}
    BUILDER_CONFIGS: ClassVar = [
        Config(name="asqp_rest15", description="ASQP, restaurant reviews, 2015."),
        Config(name="asqp_rest16", description="ASQP, restaurant reviews, 2016."),
        Config(name="acos_rest16", description="ACOS, restaurant reviews, 2016."),
        Config(name="acos_laptop16", description="ACOS, laptop reviews, 2016."),
    ]
    ADDRESSES: ClassVar = {
        "asqp": (
            "https://raw.githubusercontent.com/IsakZhang/ABSA-QUAD/"
            "ce4d4a51fc5b1abf67a315e8d15296880af3c326/data"
        ),
        "acos": (
            "https://raw.githubusercontent.com/NUSTM/ACOS/"
            "45d179a3dcc6a3dedd848d81b16f2552454805fe/data"
        ),
    }
