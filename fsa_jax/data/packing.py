"""Packing: several examples in one row, told apart by segment ids.

Words used here:

* an *example* is a pair of token sequences, inputs and targets;
* a *row* is one line of a batch: ``inputs`` encoder positions and ``targets`` decoder positions;
* a *segment* is the place of one example in a row, numbered from 1; 0 marks padding;
* a *plan* says which examples share which row.

Both lengths of a row bind at once, so a packer that looks only at targets wastes rows whose
inputs are full. ``plan_rows`` fills one row after the other: the hardest example left opens the
row, then the example that fits best joins it until none fits. "Best" is large, and uses the two
lengths of the row in the proportion in which the data use them, so that neither runs out first.
On review/understanding pairs this fills 97% of the target positions of 256/800 rows, where a
best fit over open rows reaches 88% and a first-come packer 75%.

Everything is NumPy and exact: the same lengths give the same plan on every machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# How much the size of an example counts against the balance of its row. On real lengths the fill
# is flat between 0.2 and 0.5.
_SIZE_WEIGHT = 0.3


@dataclass(frozen=True)
class RowPlan:
    """Which examples share a row.

    Attributes:
        examples: (E,) the examples, row after row.
        starts: (R + 1,) where each row begins in ``examples``.
    """

    examples: np.ndarray
    starts: np.ndarray

    def __len__(self) -> int:
        return len(self.starts) - 1

    def row(self, index: int) -> np.ndarray:
        """Returns the examples of one row, in the order of their segments."""
        return self.examples[self.starts[index] : self.starts[index + 1]]


def plan_rows(
    input_lengths: np.ndarray, target_lengths: np.ndarray, inputs: int, targets: int
) -> RowPlan:
    """Packs examples into as few rows as it can find.

    The time grows with the square of the number of examples (1,024 take 10 ms): pack a large
    split window by window.

    Args:
        input_lengths: (E,) tokens of each example's inputs.
        target_lengths: (E,) tokens of each example's targets.
        inputs: Encoder positions of a row.
        targets: Decoder positions of a row.

    Returns:
        A plan that holds every example 0 … E − 1 once.

    Raises:
        ValueError: An example is longer than a row.
    """
    for name, lengths, limit in (
        ("inputs", input_lengths, inputs),
        ("targets", target_lengths, targets),
    ):
        if len(lengths) and lengths.max() > limit:
            worst = int(lengths.argmax())
            raise ValueError(
                f"example {worst} has {lengths[worst]} {name} tokens; a row holds {limit}"
            )
    relative = np.stack([input_lengths / inputs, target_lengths / targets])
    hardest_first = np.argsort(-relative.max(axis=0), kind="stable")
    order, starts = _fill_rows(
        input_lengths[hardest_first].astype(np.int32),
        target_lengths[hardest_first].astype(np.int32),
        inputs,
        targets,
    )
    return RowPlan(hardest_first[np.array(order, np.int64)], np.array(starts, np.int64))


def _fill_rows(
    a: np.ndarray, b: np.ndarray, inputs: int, targets: int
) -> tuple[list[int], list[int]]:
    """Does the work of ``plan_rows`` on lengths that come hardest first."""
    count = len(a)
    demand = (float(a.sum()) / inputs, float(b.sum()) / targets)
    most = max(*demand, 1e-9)
    # How full each length of a row should be when the scarcer one is full.
    share_a, share_b = demand[0] / most / targets, demand[1] / most / inputs
    size = (_SIZE_WEIGHT * (a / inputs + b / targets)).astype(np.float32)
    # Positive where an example uses more of the inputs than its share, negative where less.
    tilt = (a * share_b - b * share_a).astype(np.float32)

    placed = np.zeros(count, bool)
    score, unfit, too_long = (
        np.empty(count, np.float32),
        np.empty(count, bool),
        np.empty(count, bool),
    )
    order: list[int] = []
    starts = [0]
    first = 0
    while first < count:
        used_a = used_b = 0
        chosen = first
        while chosen >= 0:
            order.append(chosen)
            placed[chosen] = True
            used_a, used_b = used_a + int(a[chosen]), used_b + int(b[chosen])
            # Only examples from `first` on can be left.
            s, u = score[first:], unfit[first:]
            np.greater(a[first:], inputs - used_a, out=u)
            np.greater(b[first:], targets - used_b, out=too_long[first:])
            u |= too_long[first:]
            u |= placed[first:]
            np.add(tilt[first:], np.float32(used_a * share_b - used_b * share_a), out=s)
            np.abs(s, out=s)
            np.subtract(size[first:], s, out=s)
            s[u] = -np.inf
            best = int(s.argmax())
            chosen = first + best if s[best] > -np.inf else -1
        starts.append(len(order))
        while first < count and placed[first]:
            first += 1
    return order, starts


def one_per_row(examples: np.ndarray) -> RowPlan:
    """Returns the plan without packing: example i alone in row i.

    Args:
        examples: (E,) the examples.
    """
    return RowPlan(examples, np.arange(len(examples) + 1))


def reorder(plan: RowPlan, order: np.ndarray) -> RowPlan:
    """Returns the same rows in another order.

    Args:
        plan: R rows.
        order: (R,) a permutation; row i of the result is row ``order[i]`` of the plan.
    """
    sizes = np.diff(plan.starts)[order]
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    # Within row i, element k of the result is element starts[order[i]] + k of the plan.
    source = np.repeat(plan.starts[:-1][order] - starts[:-1], sizes) + np.arange(starts[-1])
    return RowPlan(plan.examples[source], starts)


def build_rows(
    rows: Sequence[Sequence[tuple[np.ndarray, np.ndarray]]],
    inputs: int,
    targets: int,
    *,
    packed: bool,
) -> dict[str, np.ndarray]:
    """Writes examples into the arrays that the model reads (T5X's names).

    Args:
        rows: Of each of B rows its (inputs, targets) token pairs; an empty row is padding, with no
            loss.
        inputs: Encoder positions of a row (T).
        targets: Decoder positions of a row (U).
        packed: Whether to add segment ids and positions; without, a row holds one example at most.

    Returns:
        ``encoder_input_tokens`` (B, T); ``decoder_target_tokens``, ``decoder_input_tokens`` (the
        targets shifted right within each segment, starting with 0) and ``decoder_loss_weights`` (B,
        U); if packed, ``{encoder,decoder}_segment_ids`` and ``{encoder,decoder}_positions``.
        Tokens, ids and positions are int32, weights float32.
    """
    encoder = np.zeros((len(rows), inputs), np.int32)
    target = np.zeros((len(rows), targets), np.int32)
    shifted, weights = np.zeros_like(target), np.zeros(target.shape, np.float32)
    encoder_segments, encoder_positions = np.zeros_like(encoder), np.zeros_like(encoder)
    decoder_segments, decoder_positions = np.zeros_like(target), np.zeros_like(target)
    steps = np.arange(max(inputs, targets), dtype=np.int32)
    for r, row in enumerate(rows):
        i = t = 0
        for segment, (source, goal) in enumerate(row, start=1):
            i_end, t_end = i + len(source), t + len(goal)
            encoder[r, i:i_end] = source
            target[r, t:t_end] = goal
            shifted[r, t + 1 : t_end] = goal[:-1]
            weights[r, t:t_end] = 1.0
            encoder_segments[r, i:i_end] = segment
            encoder_positions[r, i:i_end] = steps[: i_end - i]
            decoder_segments[r, t:t_end] = segment
            decoder_positions[r, t:t_end] = steps[: t_end - t]
            i, t = i_end, t_end
    batch = {
        "encoder_input_tokens": encoder,
        "decoder_target_tokens": target,
        "decoder_input_tokens": shifted,
        "decoder_loss_weights": weights,
    }
    if packed:
        batch |= {
            "encoder_segment_ids": encoder_segments,
            "decoder_segment_ids": decoder_segments,
            "encoder_positions": encoder_positions,
            "decoder_positions": decoder_positions,
        }
    return batch
