"""Data feeding: from a registered SeqIO task or mixture to batches on the device.

The way of an example: the tokenised split (``tokenizing``), in an order that is a pure
function of seed and position (``example_order``), packed into rows (``packing``), here cut into
batches and sent ahead to the device.

An epoch is cut into equal *windows* of at most a thousand examples; each is packed by itself and
its rows are shuffled. A batch is the next ``batch_size`` rows; host h builds its contiguous share
of them. So the place in the data is two integers, the window and the row in it: resuming is
instant at any depth, goes on with the very next example, and does not depend on the number of
hosts.

How many rows a step takes may be left to the data: ``examples_per_batch`` asks for that many
examples on average, and the packing of some windows tells how many rows they fill.

Knows tasks through SeqIO's registry alone, and nothing of the network that reads the batches.
"""

import dataclasses
import functools
import itertools
import math
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from fsa_jax.data import packing
from fsa_jax.data.example_order import ExampleOrder, permutation
from fsa_jax.data.providers import get_provider
from fsa_jax.data.token_table import FEATURES, TokenTable
from fsa_jax.data.tokenizing import read_tokens

Batch = dict[str, np.ndarray]
_ROW_SHUFFLE = 2**31  # keeps the key of this permutation apart from those of the order
_MEASURED_WINDOWS = 8  # windows that are packed to tell how full rows are; 10 ms each


@dataclass(frozen=True)
class DataConfig:
    """Which examples, and how they lie in rows.

    Attributes:
        mixture_or_task_name: A registered SeqIO name.
        task_feature_lengths: Positions of a row, ``{"inputs": …, "targets": …}``; None (unpacked
            rows only) for the longest of the split.
        batch_size: Rows of a step over all devices; None: as many as ``examples_per_batch`` takes.
        pack: Several examples a row.
        split: What to train on.
        use_cached: Read the task's SeqIO cache.
        vocabulary: What the tasks' vocabulary has to be (a ``seqio.Vocabulary``); None: anything.
        examples_per_batch: Instead of rows: examples of a step, on average.

    Raises:
        ValueError: Both or neither of rows and examples are given, or less than 1.
    """

    mixture_or_task_name: str
    task_feature_lengths: dict[str, int | None]
    batch_size: int | None = None
    pack: bool = True
    split: str = "train"
    use_cached: bool = False
    vocabulary: Any = None
    examples_per_batch: int | None = None

    def __post_init__(self) -> None:
        rows, examples = self.batch_size, self.examples_per_batch
        if (rows is None) == (examples is None):
            both = "neither is" if rows is None else f"{rows} and {examples} are"
            raise ValueError(
                f"give BATCH_SIZE (rows) or EXAMPLES_PER_BATCH, one of them: {both} given"
            )
        for name, value in (("BATCH_SIZE", rows), ("EXAMPLES_PER_BATCH", examples)):
            if value is not None and value < 1:
                raise ValueError(f"{name} is {value}: give 1 or more")

    def with_rows(self, batch_size: int) -> "DataConfig":
        """Returns the same with the rows of a step decided."""
        return dataclasses.replace(self, batch_size=batch_size, examples_per_batch=None)

    def assumed_rows(self, multiple_of: int) -> int:
        """Returns rows that are enough for the examples of a step, where no data is read.

        A packed row is taken to hold two of the tasks' longest examples, as the run files lay it
        out; real ones are shorter, so that fewer rows do.

        Args:
            multiple_of: What the rows have to be a multiple of.
        """
        if self.batch_size is not None:
            return self.batch_size
        rows = (self.examples_per_batch or 0) / (2 if self.pack else 1)
        return multiple_of * math.ceil(rows / multiple_of)


@dataclass(frozen=True)
class BatchInfo:
    """What a batch holds, over all hosts.

    Attributes:
        examples: Number of examples.
        example_ids: (examples,) their numbers; ``TrainBatches.describe`` names them.
        input_tokens: Tokens of their inputs.
        target_tokens: Tokens of their targets, EOS included: the positions with loss.
        state: Where the data go on behind this batch, for ``TrainBatches.restore``; integers below
            2**53.
    """

    examples: int
    example_ids: np.ndarray
    input_tokens: int
    target_tokens: int
    state: dict[str, int]


class TrainBatches:
    """Batches of a task or mixture, in a deterministic order that resumes at any example.

    Iterating yields (batch, info): this host's rows (see ``packing.build_rows``) and a
    ``BatchInfo``. Each ``iter()`` begins where ``restore`` said, else at the first example. It ends
    after ``num_epochs``; the last batch is filled up with empty rows, which carry no loss.

    Args:
        mixture_or_task_name: A registered SeqIO name.
        split: A split of it, or a slice such as ``train[:10%]``.
        task_feature_lengths: Positions of a row for ``inputs`` and ``targets``. Where nothing is
            packed, None stands for the longest of the split, rounded up to a multiple of 8.
        batch_size: Rows with examples over all hosts; None: chosen from the data, see
            ``examples_per_batch``.
        pack: Several examples per row.
        shuffle: Permute each epoch, and the rows of each window.
        seed: non-negative; decides the whole order.
        num_epochs: Passes over the split; None never ends.
        host_index: Which share of the rows is built here.
        host_count: Number of shares.
        use_cached: Read the task's SeqIO cache.
        window: How many examples are packed together, at most.
        table: The tokens, where somebody has read them already.
        examples_per_batch: Where ``batch_size`` is None, how many examples a batch holds on
            average, as nearly as whole rows allow.
        multiple_of: Empty rows fill a batch up to a multiple of this, so that devices share it.
            What a batch holds does not depend on it.

    Attributes:
        table: The tokens.
        num_examples: Examples of the split.
        rows: Rows of a batch that hold examples, over all hosts.
        batch_size: All rows of a batch, over all hosts.
        lengths: The row lengths in use.

    Raises:
        ValueError: Unknown name or split; an example longer than a row; a batch that the hosts
            cannot share; ``num_epochs`` for a mixture whose rates leave it without epochs.
    """

    def __init__(
        self,
        mixture_or_task_name: str,
        split: str,
        task_feature_lengths: Mapping[str, int | None],
        batch_size: int | None,
        *,
        pack: bool,
        shuffle: bool,
        seed: int,
        num_epochs: int | None = None,
        host_index: int = 0,
        host_count: int = 1,
        use_cached: bool = False,
        window: int = 1024,
        table: TokenTable | None = None,
        examples_per_batch: int = 0,
        multiple_of: int = 1,
    ):
        self._name, self._split, self._pack = mixture_or_task_name, split, pack
        self._host_index, self._host_count = host_index, host_count
        self._shuffle, self._seed = shuffle, seed
        provider = get_provider(mixture_or_task_name)
        self.table = table or read_tokens(
            provider, split, task_feature_lengths, use_cached=use_cached, seed=seed
        )
        self.num_examples = len(self.table)
        self.lengths = self.table.row_lengths(task_feature_lengths, pack)
        self._order = ExampleOrder(self.table.components, seed, shuffle=shuffle)
        if num_epochs is not None and not self._order.has_epochs:
            raise ValueError(
                f"the rates of mixture {mixture_or_task_name} differ from its numbers of examples, "
                "so it has no epochs: leave num_epochs unset"
            )
        self._windows_per_epoch = -(-self.num_examples // window)
        self._end = None if num_epochs is None else num_epochs * self._windows_per_epoch
        self._plan = functools.lru_cache(maxsize=2)(self._plan_window)
        layout = repr((self.lengths, pack, shuffle, seed, window, self._order.has_epochs))
        self._fingerprints = {
            "data": self.table.fingerprint,
            "layout": zlib.crc32(layout.encode()) & 0x7FFFFFFF,
        }
        self._start = {"window": 0, "row": 0, "examples": 0}
        if batch_size is None:
            batch_size = max(1, round(examples_per_batch / self.examples_per_row))
        self.rows = batch_size
        self.batch_size = multiple_of * math.ceil(self.rows / multiple_of)
        if self.rows < 1 or self.batch_size % host_count:
            raise ValueError(
                f"BATCH_SIZE {self.rows} cannot be shared by {host_count} hosts: "
                f"make it a multiple of {host_count}"
            )

    @functools.cached_property
    def _measured(self) -> tuple[int, int, dict[str, int]]:
        """Rows, examples and tokens of a few windows, spread over the first epoch."""
        count, all_of_them = _MEASURED_WINDOWS, self._windows_per_epoch
        windows = sorted({i * all_of_them // count for i in range(count)})
        plans = [self._plan_window(window) for window in windows]
        ids = np.concatenate([plan.examples for plan in plans])
        tokens = {f: int(self.table.lengths[f][ids].sum()) for f in FEATURES}
        return sum(map(len, plans)), len(ids), tokens

    @property
    def fill(self) -> dict[str, float]:
        """Real tokens over positions, of each feature, in some windows of the first epoch."""
        rows, _, tokens = self._measured
        return {f: tokens[f] / (rows * self.lengths[f]) for f in FEATURES}

    @property
    def examples_per_row(self) -> float:
        """Mean number of examples in a row, in some windows of the first epoch."""
        rows, examples, _ = self._measured
        return examples / rows

    @property
    def examples_per_step(self) -> float:
        """Mean number of examples in a batch."""
        return self.examples_per_row * self.rows

    def steps(self, epochs: float) -> int:
        """Returns the number of batches that come nearest to some passes over the split.

        Where a mixture has no epochs, a pass is as many examples as it holds.
        """
        return max(1, round(epochs * self.num_examples / self.examples_per_step))

    def describe_steps(self, steps: int) -> str:
        """One line on what a number of steps sees of the split."""
        mean, filled = self.examples_per_step, ""
        if self.batch_size > self.rows:
            filled = f" (filled up to {self.batch_size} for the devices)"
        return (
            f"{steps} steps of {mean:.1f} examples on average in {self.rows} rows{filled}: "
            f"{steps * mean / self.num_examples:.2f} epochs of {self.steps(1)} steps"
        )

    def describe(self, example_ids: Iterable[int]) -> list[str]:
        """Names examples for a message, as ``task[i]``: the task's i-th, not shuffled."""
        return [self.table.describe(int(i)) for i in example_ids]

    def restore(self, state: Mapping[str, Any]) -> None:
        """Makes the next iteration begin behind the batch whose ``info.state`` this is.

        The number of hosts and the batch size may have changed since.

        Raises:
            ValueError: The data, or the settings that decide the order, are not those of the state.
        """
        for key in (*self._start, *self._fingerprints):
            if key not in state:
                raise ValueError(f"the saved place in the data lacks {key!r}: not written by us")
        if int(state["data"]) != self._fingerprints["data"]:
            raise ValueError(
                f"{self._name} split {self._split!r} no longer holds the data that the checkpoint "
                f"was trained on (now {self.num_examples} examples): bring them back, or start in "
                "a new MODEL_DIR"
            )
        if int(state["layout"]) != self._fingerprints["layout"]:
            raise ValueError(
                "the seed, TASK_FEATURE_LENGTHS or packing differ from those of the checkpoint, so "
                "its place in the data means nothing: set them back, or start in a new MODEL_DIR"
            )
        self._start = {key: int(state[key]) for key in self._start}

    def __iter__(self) -> Iterator[tuple[Batch, BatchInfo]]:
        rows = self._rows()
        share = self.batch_size // self._host_count
        mine = slice(self._host_index * share, (self._host_index + 1) * share)
        examples = self._start["examples"]
        while chosen := list(itertools.islice(rows, self.rows)):
            ids = np.concatenate([row for row, _ in chosen])
            examples += len(ids)
            spread: list[Sequence[int]] = [()] * self.batch_size  # empty rows among all devices
            for r, (row, _) in enumerate(chosen):
                spread[r * self.batch_size // self.rows] = row.tolist()
            tokens = [[self.table.example(i) for i in row] for row in spread[mine]]
            batch = packing.build_rows(
                tokens, self.lengths["inputs"], self.lengths["targets"], packed=self._pack
            )
            info = BatchInfo(
                examples=len(ids),
                example_ids=ids,
                input_tokens=int(self.table.lengths["inputs"][ids].sum()),
                target_tokens=int(self.table.lengths["targets"][ids].sum()),
                state={**chosen[-1][1], "examples": examples, **self._fingerprints},
            )
            yield batch, info

    def _rows(self) -> Iterator[tuple[np.ndarray, dict[str, int]]]:
        """Yields (examples of the row, the place behind it)."""
        row = self._start["row"]
        for window in itertools.count(self._start["window"]):
            if self._end is not None and window >= self._end:
                return
            plan = self._plan(window)
            for r in range(row, len(plan)):
                yield plan.row(r), {"window": window, "row": r + 1}
            row = 0

    def _plan_window(self, window: int) -> packing.RowPlan:
        """Packs one window; the plan holds numbers of the table."""
        epoch, index = divmod(window, self._windows_per_epoch)
        first, last = (
            epoch * self.num_examples + i * self.num_examples // self._windows_per_epoch
            for i in (index, index + 1)
        )
        ids = self._order.examples(first, last)
        if not self._pack:
            return packing.one_per_row(ids)
        inputs, targets = (self.table.lengths[f][ids] for f in FEATURES)
        plan = packing.plan_rows(inputs, targets, self.lengths["inputs"], self.lengths["targets"])
        if self._shuffle:
            order = permutation(len(plan), self._seed, _ROW_SHUFFLE, window)
            plan = packing.reorder(plan, order)
        return packing.RowPlan(ids[plan.examples], plan.starts)


def open_batches(
    data: DataConfig,
    split: str,
    seed: int,
    shuffle: bool,
    table: TokenTable | None = None,
    multiple_of: int = 1,
) -> TrainBatches:
    """Opens this host's share of the endless training batches, or of one pass in order.

    Args:
        data: What to read.
        split: A split of it.
        seed: Decides the order.
        shuffle: Endless and shuffled; otherwise one pass in order.
        table: The tokens, where somebody has read them already.
        multiple_of: Empty rows fill a batch up to a multiple of this.
    """
    return TrainBatches(
        data.mixture_or_task_name,
        split,
        data.task_feature_lengths,
        data.batch_size,
        pack=data.pack,
        shuffle=shuffle,
        seed=seed,
        num_epochs=None if shuffle else 1,
        host_index=jax.process_index(),
        host_count=jax.process_count(),
        use_cached=data.use_cached,
        table=table,
        examples_per_batch=data.examples_per_batch or 0,
        multiple_of=multiple_of,
    )
