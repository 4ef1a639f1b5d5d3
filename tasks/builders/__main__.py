"""Builds the TFDS data sets of every benchmark whose files are at hand, and says how long it took.

    python -m tasks.builders --manual-dir "$FSA_DATA_DIR" --data-dir OUT

A config of which files are missing is left out, never downloaded.
"""

import argparse
import contextlib
import io
import time
from collections.abc import Iterator
from pathlib import Path

import tensorflow_datasets as tfds

from fsa_jax.opinions.data_sets import DATA_SETS
from tasks.builders import AbsaQuads, FsaBenchmark


def build_all(manual_dir: Path, data_dir: Path) -> Iterator[tuple[str, dict[str, int] | None]]:
    """Builds every config from local files alone.

    Args:
        manual_dir: The files, in the layout of ``FSA_DATA_DIR``.
        data_dir: Where TFDS writes; what is there already is built anew.

    Yields:
        The name of each config, and the sizes of its splits; ``None`` where files are missing.
    """
    how = tfds.download.DownloadConfig(
        manual_dir=manual_dir, download_mode=tfds.GenerateMode.REUSE_CACHE_IF_EXISTS
    )
    for builder_class in (FsaBenchmark, AbsaQuads):
        for config in builder_class.BUILDER_CONFIGS:
            files = {file for split in DATA_SETS[config.name].splits.values() for file in split}
            name = f"{builder_class.name}/{config.name}"
            if not all((manual_dir / file).is_file() for file in files):
                yield name, None
                continue
            builder = builder_class(config=config.name, data_dir=data_dir)
            with contextlib.redirect_stdout(io.StringIO()):  # TFDS speaks of downloads.
                builder.download_and_prepare(
                    download_config=how, download_dir=data_dir / "downloads"
                )
            yield name, {split: info.num_examples for split, info in builder.info.splits.items()}


def main() -> None:
    """Reads the command line, builds, and prints a line for each config."""
    parser = argparse.ArgumentParser(prog="python -m tasks.builders", description=__doc__)
    parser.add_argument("--manual-dir", type=Path, required=True, help="folder of the files")
    parser.add_argument("--data-dir", type=Path, required=True, help="folder to build in")
    arguments = parser.parse_args()
    tfds.disable_progress_bar()
    start = time.perf_counter()
    built = 0
    for name, sizes in build_all(arguments.manual_dir, arguments.data_dir):
        built += sizes is not None
        counts = ", ".join(f"{split} {size}" for split, size in (sizes or {}).items())
        print(f"{name}: {counts or 'left out, files are missing'}")
    print(f"{built} data sets built in {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
