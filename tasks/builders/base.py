"""What both builders share: features, the way to the files, and the examples."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from fsa_jax.opinions.data_sets import DATA_SETS, HARD
from fsa_jax.opinions.readers import load_file
from fsa_jax.opinions.sentences import Opinion
from fsa_jax.opinions.units import gold_units, linearize

MANUAL = """
Put the files into the manual directory in the layout of FSA_DATA_DIR:
fsa/{atsa,acsa}/<data set>/{train,dev,test,hard_test}.json, asqp/<data set>/{train,dev,test}.txt and
acos/{Laptop-ACOS/laptop,Restaurant-ACOS/rest16}_quad_{train,dev,test}.tsv. Files that are not
there are downloaded.
"""
_OFFSETS = ("start", "end", "opinion_start", "opinion_end")


@dataclasses.dataclass(kw_only=True)
class Config(tfds.core.BuilderConfig):
    """A data set: its name is that of the SeqIO task."""


# The keyword is one of TFDS's registering base class.
class BenchmarkBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """A builder over data sets of ``fsa_jax.opinions.data_sets``.

    A sub-class lists its configs, and in ``ADDRESSES``, for each folder below the data root, the
    public address that its files come from.
    """

    MANUAL_DOWNLOAD_INSTRUCTIONS = MANUAL
    ADDRESSES: ClassVar[Mapping[str, str]]

    @classmethod
    def address(cls, relative: str) -> str:
        """Returns the public address of a file, given its place below the data root."""
        folder, _, rest = relative.partition("/")
        return f"{cls.ADDRESSES[folder]}/{rest}"

    def _info(self) -> tfds.core.DatasetInfo:
        text, offset = tfds.features.Text(), tfds.features.Scalar(dtype=np.int32)
        fields = {field.name: text for field in dataclasses.fields(Opinion)}
        opinion = fields | dict.fromkeys(_OFFSETS, offset)
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "id": text,
                    "text": text,
                    "targets": text,
                    # -1 where no opinion words are annotated.
                    "implicit": offset,
                    "multiple": np.bool_,
                    "hard": np.bool_,
                    # An empty text and -1 stand for what is implicit or not annotated.
                    "opinions": tfds.features.Sequence(opinion),
                }
            ),
            supervised_keys=("text", "targets"),
        )

    def _split_generators(self, dl_manager: Any) -> Mapping[str, Iterator[Any]]:
        data_set = DATA_SETS[self.builder_config.name]
        wanted = sorted({file for files in data_set.splits.values() for file in files})
        paths = self._find(dl_manager, wanted)
        return {
            split: self._generate_examples([(paths[f], Path(f).stem == HARD) for f in files])
            for split, files in data_set.splits.items()
        }

    def _find(self, dl_manager: Any, wanted: list[str]) -> dict[str, Path]:
        """Returns the files: those of the manual directory, and the others downloaded."""
        try:
            manual = Path(dl_manager.manual_dir)
        except AssertionError:  # TFDS's way to say that there is none.
            manual = None
        found = {f: manual / f for f in wanted if manual and (manual / f).is_file()}
        missing = {f: self.address(f) for f in wanted if f not in found}
        if missing:
            found |= {f: Path(path) for f, path in dl_manager.download(missing).items()}
        return found

    def _generate_examples(self, files: list[tuple[Path, bool]]) -> Iterator[tuple[str, Any]]:
        data_set = DATA_SETS[self.builder_config.name]
        for path, hard in files:
            for sentence in load_file(path, data_set.form):
                units = gold_units(sentence, data_set.kind)
                yield (
                    f"{'hard' if hard else 'base'}-{sentence.id}",
                    {
                        "id": sentence.id,
                        "text": sentence.text,
                        "targets": linearize(units, data_set.kind),
                        "implicit": -1 if sentence.implicit is None else int(sentence.implicit),
                        "multiple": sentence.is_multiple,
                        "hard": hard,
                        "opinions": [_opinion(opinion) for opinion in sentence.opinions],
                    },
                )


def _opinion(opinion: Opinion) -> dict[str, Any]:
    return {
        name: value if value is not None else (-1 if name in _OFFSETS else "")
        for name, value in dataclasses.asdict(opinion).items()
    }
