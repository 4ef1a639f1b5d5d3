"""Writes a corpus as Parquet or JSON lines, without TensorFlow, for other tools."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fsa_jax.runtime import files
from generation.corpus.examples import Sorter, Splitter
from generation.corpus.from_ledgers import LedgerReader

# Rows of a Parquet row group.
GROUP = 10_000
_FIELDS = ("review_id", "domain", "teacher", "prompt", "inputs", "targets", "rating")


def export(reader: LedgerReader, output: Path, validation_fraction: float) -> int:
    """Writes the good rows of ledgers, with a ``split`` column, and returns their number.

    Args:
        reader: Of the ledgers.
        output: A ``.parquet`` or ``.jsonl`` file; it appears whole or not at all.
        validation_fraction: As for ``fsa corpus build``; the same reviews are held out.

    Raises:
        ValueError: Another kind of file, pyarrow is missing, or no row is ok.
    """
    writers = {".parquet": _write_parquet, ".jsonl": _write_jsonl}
    if output.suffix not in writers:
        raise ValueError(f"--output is {output}; name a .parquet or .jsonl file")
    with files.atomic_folder(output.parent, "export") as work:
        sorter = Sorter(work, reader.expected_bytes)
        sorter.add_all(reader.examples())
        rows = _rows(sorter, validation_fraction)
        return writers[output.suffix](rows, output)


def _rows(sorter: Sorter, fraction: float) -> Iterator[dict[str, Any]]:
    splitter = Splitter(fraction, sorter.nearest)
    found = False
    for example in sorter.sorted():
        if split := splitter.split(example):
            found = True
            row: dict[str, Any] = {name: getattr(example, name) for name in _FIELDS}
            yield row | {"split": split}
    if not found:
        raise ValueError(
            "no row is ok, so there is nothing to export; see the reasons in the ledger"
        )


def _write_jsonl(rows: Iterator[dict[str, Any]], output: Path) -> int:
    count = 0
    with files.atomic_file(output) as stream:
        for row in rows:
            line = json.dumps(row, ensure_ascii=False)
            stream.write(line.encode("utf-8", "replace") + b"\n")
            count += 1
    return count


def _write_parquet(rows: Iterator[dict[str, Any]], output: Path) -> int:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise ValueError("Parquet needs pyarrow; run: pip install pyarrow") from None
    fields = [(name, pa.float32() if name == "rating" else pa.string()) for name in _FIELDS]
    schema = pa.schema([*fields, ("split", pa.string())])
    count = 0
    with files.atomic_file(output) as stream, pq.ParquetWriter(stream, schema) as writer:
        group: list[dict[str, Any]] = []
        for row in rows:
            group.append(row)
            count += 1
            if len(group) == GROUP:
                writer.write_table(pa.Table.from_pylist(group, schema))
                group = []
        if group:
            writer.write_table(pa.Table.from_pylist(group, schema))
    return count
