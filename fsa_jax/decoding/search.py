"""What comes next: greedy choice, sampling and beam search, one step at a time.

A *slot* decodes one example; it holds K hypotheses (beams), one without beam search. Slots may
stand at different positions and finish at different times: nothing here depends on which examples
happen to be decoded together, so neither do the results.

Letters in the shape comments: N slots, K hypotheses a slot, V vocabulary, T new tokens at most.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

State = dict[str, Any]  # see ``initial_state``

EOS = 1
_BLOCK = 256  # logits among which the likeliest is searched one by one, at most
_WORST = -1e9  # below every log-probability of a sequence, yet finite


@dataclasses.dataclass(frozen=True)
class DecodingConfig:
    """How to decode. The meaning of the fields is that of HF ``generate``.

    Attributes:
        max_length: Longest output, the start token counted: 100 gives 99 new tokens.
        num_beams: Hypotheses of beam search; 1 decodes greedily or samples.
        length_penalty: Beam search divides a hypothesis' log-probability by length to this power.
        early_stopping: Beam search ends as soon as it has ``num_beams`` finished hypotheses;
            otherwise when no running one can be expected to beat them.
        temperature: 0 takes the likeliest token; above 0 samples.
        top_k: Sample among the likeliest k tokens; 0 for all.
        top_p: Sample among the fewest tokens that hold this probability together.
        seed: Of sampling; the draws depend on it, the example's number and the position alone.
        batch_size: Examples that are decoded, or scored, at once, on each data-parallel device.
        first: The tokens that an output may begin with; none for any.
        never_first: Tokens that it does not begin with.
    """

    max_length: int = 100
    num_beams: int = 1
    length_penalty: float = 1.0
    early_stopping: bool = False
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0
    batch_size: int = 64
    first: tuple[int, ...] = ()
    never_first: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        rules = {
            "max_length": self.max_length >= 2,
            "num_beams": self.num_beams >= 1,
            "temperature": self.temperature >= 0,
            "top_k": self.top_k >= 0,
            "top_p": 0 < self.top_p <= 1,
            "batch_size": self.batch_size >= 1,
        }
        for name, holds in rules.items():
            if not holds:
                raise ValueError(f"DecodingConfig.{name} cannot be {getattr(self, name)}")
        if self.num_beams > 1 and self.temperature > 0:
            raise ValueError("beam search does not sample: set temperature to 0 or num_beams to 1")

    @property
    def new_tokens(self) -> int:
        """Tokens to generate at most."""
        return self.max_length - 1


def initial_state(slots: int, decoding: DecodingConfig) -> State:
    """Idle slots.

    Returns:
        ``ids`` (N,) the example's number; ``active`` (N,); ``positions`` (N,) tokens generated so
        far; ``tokens`` (N, K) the last ones; ``outputs`` (N, K, T). For beam search also ``scores``
        (N, K) of the running hypotheses, and of the finished ones ``ended`` (N, K), ``best_scores``
        (N, K) with the length penalty, and ``best_outputs`` (N, K, T), best first.
    """
    beams, length = decoding.num_beams, decoding.new_tokens
    state = {
        "ids": jnp.zeros(slots, jnp.int32),
        "active": jnp.zeros(slots, bool),
        "positions": jnp.zeros(slots, jnp.int32),
        "tokens": jnp.zeros((slots, beams), jnp.int32),
        "outputs": jnp.zeros((slots, beams, length), jnp.int32),
    }
    if beams > 1:
        # All hypotheses start alike: only the first may be extended at the first step.
        first = jnp.arange(beams) == 0
        state |= {
            "scores": jnp.tile(jnp.where(first, 0.0, _WORST), (slots, 1)),
            "ended": jnp.zeros((slots, beams), bool),
            "best_scores": jnp.full((slots, beams), _WORST),
            "best_outputs": jnp.zeros((slots, beams, length), jnp.int32),
        }
    return state


def step(
    state: State, logits: jax.Array, decoding: DecodingConfig
) -> tuple[State, jax.Array | None]:
    """Extends every active slot by a token.

    Args:
        state: See ``initial_state``.
        logits: Of the next token, (N, K, V).
        decoding: How to choose.

    Returns:
        The new state, and for each hypothesis the one that it continues (N, K), or None where
        hypotheses never change places.
    """
    logits = _with_beginning(state, logits, decoding)
    if decoding.num_beams > 1:
        return _beam_step(state, logits, decoding)
    tokens = _choose(logits[:, 0], state, decoding)
    slots = jnp.arange(len(tokens))
    # An idle slot writes out of bounds, that is, nowhere.
    places = jnp.where(state["active"], state["positions"], decoding.new_tokens)
    positions = state["positions"] + state["active"]
    goes_on = (tokens != EOS) & (positions < decoding.new_tokens)
    return state | {
        "tokens": tokens[:, None],
        "outputs": state["outputs"].at[slots, 0, places].set(tokens),
        "positions": positions,
        "active": state["active"] & goes_on,
    }, None


def _with_beginning(state: State, logits: jax.Array, decoding: DecodingConfig) -> jax.Array:
    """The logits, where an output begins without the tokens that it may not begin with."""
    if not (decoding.first or decoding.never_first):
        return logits
    is_banned = np.full(logits.shape[-1], bool(decoding.first))
    is_banned[list(decoding.first)] = False
    is_banned[list(decoding.never_first)] = True
    begins = (state["positions"] == 0)[:, None, None]
    return jnp.where(begins & is_banned, -jnp.inf, logits)


def likeliest(logits: jax.Array) -> jax.Array:
    """The index of the first maximum of each row (N, V), in two steps.

    XLA looks for it with one thread and one number at a time; a maximum alone it finds far faster.
    So the block with the maximum is found first, then its place in there.
    """
    rows, size = logits.shape
    width = max(width for width in range(1, _BLOCK + 1) if size % width == 0)
    blocks = logits.reshape(rows, -1, width)
    block = jnp.argmax(blocks.max(axis=-1), axis=-1)
    within = jnp.argmax(jnp.take_along_axis(blocks, block[:, None, None], 1)[:, 0], axis=-1)
    return (block * width + within).astype(jnp.int32)


def _choose(logits: jax.Array, state: State, decoding: DecodingConfig) -> jax.Array:
    """Next tokens (N,) from logits (N, V)."""
    if decoding.temperature == 0:
        return likeliest(logits)
    logits = logits / decoding.temperature
    candidates = None
    if decoding.top_k or decoding.top_p < 1:
        count = min(decoding.top_k or logits.shape[-1], logits.shape[-1])
        logits, candidates = jax.lax.top_k(logits, count)
    if decoding.top_p < 1:
        shares = jax.nn.softmax(logits)
        likelier = jnp.cumsum(shares, axis=-1) - shares
        logits = jnp.where(likelier < decoding.top_p, logits, -jnp.inf)

    def draw(number: jax.Array, position: jax.Array, row: jax.Array) -> jax.Array:
        key = jax.random.fold_in(jax.random.key(decoding.seed), number)
        return jax.random.categorical(jax.random.fold_in(key, position), row)

    drawn: jax.Array = jax.vmap(draw)(state["ids"], state["positions"], logits)
    if candidates is not None:
        drawn = jnp.take_along_axis(candidates, drawn[:, None], axis=1)[:, 0]
    return drawn.astype(jnp.int32)


def _beam_step(
    state: State, logits: jax.Array, decoding: DecodingConfig
) -> tuple[State, jax.Array]:
    """One step of beam search by the rules of HF ``generate``, for each slot by itself."""
    slots, beams, _ = logits.shape
    rows = jnp.arange(slots)[:, None]
    places = jnp.where(state["active"], state["positions"], decoding.new_tokens)
    positions = state["positions"] + state["active"]
    at_the_end = (positions >= decoding.new_tokens)[:, None]

    # The best 2K extensions: even if K of them end here, K are left to go on.
    scores, tokens = jax.lax.top_k(jax.nn.log_softmax(logits), 2 * beams)
    scores = (scores + state["scores"][:, :, None]).reshape(slots, -1)
    scores, chosen = jax.lax.top_k(scores, 2 * beams)
    tokens = tokens.reshape(slots, -1)[rows, chosen]
    parents = chosen // (2 * beams)
    outputs = state["outputs"][rows, parents]
    outputs = outputs.at[rows, jnp.arange(2 * beams), places[:, None]].set(tokens)
    ends = (tokens == EOS) | at_the_end

    running, kept = jax.lax.top_k(jnp.where(ends, scores + _WORST, scores), beams)

    # An extension beyond the best K does not count as a finished hypothesis.
    among_best = jnp.arange(2 * beams) < beams
    final = scores / positions[:, None].astype(jnp.float32) ** decoding.length_penalty
    final = jnp.where(ends & among_best, final, 2 * _WORST)
    all_scores = jnp.concatenate([state["best_scores"], final], axis=1)
    best_scores, best = jax.lax.top_k(all_scores, beams)
    all_outputs = jnp.concatenate([state["best_outputs"], outputs], axis=1)
    ended = jnp.concatenate([state["ended"], ends & among_best], axis=1)[rows, best]

    # Can the best running hypothesis, at its present length, still beat the worst finished one?
    reach = running[:, 0] / positions.astype(jnp.float32) ** decoding.length_penalty
    hopeless = ended.all(axis=1) & (reach <= best_scores[:, -1])
    over = ended.all(axis=1) if decoding.early_stopping else hopeless
    new = {
        "positions": positions,
        "active": state["active"] & ~over & ~at_the_end[:, 0],
        "tokens": tokens[rows, kept],
        "outputs": outputs[rows, kept],
        "scores": running,
        "ended": ended,
        "best_scores": best_scores,
        "best_outputs": all_outputs[rows, best],
    }
    was_active = state["active"]
    new = {
        k: jnp.where(was_active.reshape(-1, *[1] * (v.ndim - 1)), v, state[k])
        for k, v in new.items()
    }
    parents = jnp.where(was_active[:, None], parents[rows, kept], jnp.arange(beams))
    return state | new, parents
