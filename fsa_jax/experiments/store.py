"""The results store: one row for each score, in a SQLite file that several runs write at once.

A *cell* is (experiment, system, task, split, sub-set, seed, metric). A row is a cell's value and
where it comes from: run folder, step, configuration key, data fingerprint, code version, time. Rows
of other configurations, data or code stand beside each other; what may be averaged, the reader
decides (``tables.py``). One origin has one value: a second writer with another one is refused.

    pandas.read_parquet("experiments/results.parquet")
"""

import contextlib
import csv
import dataclasses
import io
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from fsa_jax.runtime import files

SCHEMA_VERSION = 1
_WAIT_SECONDS = 60.0


@dataclasses.dataclass(frozen=True)
class Result:
    """One row of the store.

    Attributes:
        experiment, system: Whose score.
        task, split, subset: On which sentences; sub-set ``all`` is the whole split.
        seed: Of fine-tuning; 0 where there is none.
        metric: Such as ``f1``.
        value: In percent, but for counts.
        run_folder: The run directory, or an LLM's folder of predictions.
        step: The checkpoint's; -1 where there is none.
        config_key: Hash of the configuration.
        data_fingerprint: Hash of the data.
        code_version: Version of the code that trained and scored.
        recorded: When it was written, UTC, ISO 8601.
    """

    experiment: str
    system: str
    task: str
    split: str
    subset: str
    seed: int
    metric: str
    value: float
    run_folder: str
    step: int
    config_key: str
    data_fingerprint: str
    code_version: str
    recorded: str


COLUMNS = tuple(field.name for field in dataclasses.fields(Result))
_CELL = ("experiment", "system", "task", "split", "subset", "seed", "metric")
_ORIGIN = ("config_key", "data_fingerprint", "code_version")
_KINDS = {str: "TEXT", int: "INTEGER", float: "REAL"}
_FIELDS = ", ".join(f"{f.name} {_KINDS[f.type]} NOT NULL" for f in dataclasses.fields(Result))  # type: ignore[index]
_TABLE = (
    f"CREATE TABLE IF NOT EXISTS results ({_FIELDS}, "
    f"PRIMARY KEY ({', '.join(_CELL + _ORIGIN)})) WITHOUT ROWID"
)


class Store:
    """A file of results.

    Args:
        path: The SQLite file; made where it is not there.

    Raises:
        ValueError: The file is of another version, or no store at all.
    """

    def __init__(self, path: Path):
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._connection() as connection:
            try:
                self._log_ahead(connection)
                with self._writing(connection):
                    self._prepare(connection)
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):  # locked, no room, no permission
                    raise ValueError(f"{path}: {error}") from error
                raise ValueError(f"{path} is no results store: name another file") from None

    def _log_ahead(self, connection: sqlite3.Connection) -> None:
        """Sets the journal, once for the file; SQLite does not wait for others there by itself."""
        until = time.monotonic() + _WAIT_SECONDS
        while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            try:
                connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
                time.sleep(0.01)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if found != SCHEMA_VERSION and (found or tables):
            raise ValueError(
                f"{self.path} is a store of version {found}, this program writes version "
                f"{SCHEMA_VERSION}: keep it for the program that wrote it and name another "
                "--store; `fsa experiment run` fills a new one from the finished runs"
            )
        connection.execute(_TABLE)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        # Transactions are opened by `_writing` alone.
        connection = sqlite3.connect(self.path, timeout=_WAIT_SECONDS, isolation_level=None)
        try:
            yield connection
        finally:
            connection.close()

    @contextlib.contextmanager
    def _writing(self, connection: sqlite3.Connection) -> Iterator[None]:
        """One transaction: readers go on, writers take turns."""
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def write(self, results: Sequence[Result]) -> None:
        """Writes rows, all or none; a row that is there already with the same value is kept.

        Raises:
            ValueError: A cell has another value of the same origin.
        """
        marks = ", ".join("?" * len(COLUMNS))
        with self._connection() as connection, self._writing(connection):
            for result in results:
                values = dataclasses.astuple(result)
                connection.execute(f"INSERT OR IGNORE INTO results VALUES ({marks})", values)
                self._check(connection, result)

    def _check(self, connection: sqlite3.Connection, result: Result) -> None:
        names = _CELL + _ORIGIN
        where = " AND ".join(f"{name} = ?" for name in names)
        key = [getattr(result, name) for name in names]
        query = f"SELECT value, run_folder, recorded FROM results WHERE {where}"
        value, folder, recorded = connection.execute(query, key).fetchone()
        if (value, folder) != (result.value, result.run_folder):
            cell = ", ".join(str(getattr(result, name)) for name in _CELL)
            raise ValueError(
                f"{self.path}: two writers of the cell ({cell}): {folder} wrote {value:.2f} at "
                f"{recorded}, {result.run_folder} says {result.value:.2f}, with the same "
                "configuration, data and code; name another --store, or remove the row"
            )

    def read(self, experiment: str | None = None) -> list[Result]:
        """Returns the rows of an experiment, or all, in the order of their cells."""
        query = f"SELECT {', '.join(COLUMNS)} FROM results"
        query += " WHERE experiment = ?" if experiment is not None else ""
        query += f" ORDER BY {', '.join(_CELL)}, recorded"
        values = [experiment] if experiment is not None else []
        with self._connection() as connection:
            return [Result(*row) for row in connection.execute(query, values)]

    def has(self, experiment: str, system: str, task: str, origin: tuple[str, str, str]) -> bool:
        """Whether a system's scores on a task are there, of this origin.

        Args:
            experiment: Whose scores.
            system: Its system.
            task: On which task.
            origin: Configuration key, data fingerprint and code version.
        """
        cell = ("experiment", "system", "task", *_ORIGIN)
        where = " AND ".join(f"{name} = ?" for name in cell)
        query = f"SELECT 1 FROM results WHERE {where} LIMIT 1"
        with self._connection() as connection:
            found = connection.execute(query, (experiment, system, task, *origin))
            return found.fetchone() is not None

    def export(self, folder: Path) -> tuple[Path, Path]:
        """Writes all rows as ``results.parquet`` and ``results.csv``; returns both paths."""
        import pyarrow
        import pyarrow.parquet

        results = self.read()
        columns = {name: [getattr(row, name) for row in results] for name in COLUMNS}
        kinds = {str: pyarrow.string(), int: pyarrow.int64(), float: pyarrow.float64()}
        schema = pyarrow.schema(
            [(field.name, kinds[field.type]) for field in dataclasses.fields(Result)]  # type: ignore[index]
        )
        parquet, table = folder / "results.parquet", folder / "results.csv"
        with files.atomic_file(parquet) as stream:
            pyarrow.parquet.write_table(pyarrow.table(columns, schema=schema), stream)
        write_csv(table, COLUMNS, (dataclasses.astuple(row) for row in results))
        return parquet, table


def write_csv(path: Path, heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Writes a table of values, whole or not at all."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows(rows)
    files.write_text(path, text.getvalue())
