"""What a stage takes before it is run: steps, FLOPs, memory, and hours on named hardware.

FLOPs are the model's own (``model/flops.py``). Hours are a *roofline*: those FLOPs over the share
of a chip's published peak that such programs reach, or *measured*: over what finished stages of the
same folder reached, start-up included. Memory is counted from shapes; ``t5x train --dry_run`` has
the compiler count it.
"""

import dataclasses

from fsa_jax.model import flops
from fsa_jax.model.network import T5Config

# Peak of dense matrix products in bfloat16 (FLOP/s) and memory (bytes) of one device, as published
# by their makers.
_GIB = 2**30
HARDWARE = {
    "a100": (312e12, 80 * _GIB),
    "h100": (989e12, 80 * _GIB),
    "h200": (989e12, 141 * _GIB),
    "l4": (121e12, 24 * _GIB),
    "v4": (275e12, 32 * _GIB),
    "v5e": (197e12, 16 * _GIB),
    "v5p": (459e12, 95 * _GIB),
    "v6e": (918e12, 32 * _GIB),
}
ROOFLINE_SHARE = 0.3  # of the peak; larger students reach more, T5-small less


@dataclasses.dataclass(frozen=True)
class Work:
    """What a stage computes, over all of its seeds.

    Attributes:
        model: The student; None where nothing is computed by one.
        steps: Updates of one run.
        rows: Rows of a batch.
        inputs, targets: Positions of a row.
        runs: Runs, one a seed.
        answers: Sentences decoded or scored by one run, over all its evaluations.
        checkpoints: That a run leaves behind, at most.
    """

    model: T5Config | None = None
    steps: int = 0
    rows: int = 0
    inputs: int = 0
    targets: int = 0
    runs: int = 1
    answers: int = 0
    checkpoints: int = 0

    @property
    def disk(self) -> float:
        """Bytes of the checkpoints that are left behind: weights and two moments each."""
        if self.model is None:
            return 0.0
        return 12.0 * parameters(self.model) * self.runs * self.checkpoints

    @property
    def flops(self) -> float:
        """Model FLOPs of training and answering."""
        if self.model is None:
            return 0.0
        training = self.steps * flops.train_flops(self.model, self.rows, self.inputs, self.targets)
        answering = flops.forward_flops(self.model, self.answers, self.inputs, self.targets)
        return self.runs * (training + answering)

    @property
    def memory(self) -> float:
        """Bytes of one run in training: weights, gradients, two moments, activations."""
        if self.model is None:
            return 0.0
        state = 16.0 * parameters(self.model)
        return state + _activations(self.model, self.rows, self.inputs, self.targets)


def parameters(model: T5Config) -> int:
    """Number of a student's parameters, counted from its shapes."""
    joined = model.num_heads * model.head_dim
    attention = 4 * model.emb_dim * joined
    mlp = (len(model.mlp_activations) + 1) * model.emb_dim * model.mlp_dim
    encoder = model.num_encoder_layers * (attention + mlp + 2 * model.emb_dim)
    decoder = model.num_decoder_layers * (2 * attention + mlp + 3 * model.emb_dim)
    embeddings = 1 if model.logits_via_embedding else 2
    biases_and_norms = 2 * 32 * model.num_heads + 2 * model.emb_dim
    return encoder + decoder + embeddings * model.vocab_size * model.emb_dim + biases_and_norms


def _activations(model: T5Config, rows: int, inputs: int, targets: int) -> float:
    """Bytes kept for the backward pass, without recomputation."""
    width = 2 if model.dtype == "bfloat16" else 4
    joined = model.num_heads * model.head_dim
    position = 8 * model.emb_dim + 4 * joined + 2 * model.mlp_dim * len(model.mlp_activations)
    scores = model.num_heads * inputs**2
    encoder = model.num_encoder_layers * (position * inputs + scores)
    scores = model.num_heads * targets * (targets + inputs)
    decoder = model.num_decoder_layers * ((position + 4 * joined) * targets + scores)
    return rows * (width * (encoder + decoder) + 4.0 * targets * model.vocab_size)


@dataclasses.dataclass(frozen=True)
class Hardware:
    """A device to plan for.

    Attributes:
        name: What it is called.
        speed: Model FLOPs a second that a stage reaches on it.
        memory: Its bytes; None where they are not known.
        source: How the speed is known, in words.
    """

    name: str
    speed: float
    memory: float | None
    source: str

    def hours(self, work: Work) -> float:
        """How long a stage takes."""
        return work.flops / self.speed / 3600


def published(name: str) -> Hardware:
    """Returns a device that ``HARDWARE`` knows.

    Raises:
        ValueError: It does not.
    """
    if name not in HARDWARE:
        raise ValueError(f"--hardware {name}: it is here or one of {', '.join(HARDWARE)}")
    peak, memory = HARDWARE[name]
    source = f"roofline: {ROOFLINE_SHARE:.0%} of the published {peak / 1e12:.0f} TFLOP/s (bfloat16)"
    return Hardware(name, ROOFLINE_SHARE * peak, memory, source)


def here(finished: list[tuple[float, float]]) -> Hardware:
    """Returns this machine, by what its finished stages reached.

    Args:
        finished: FLOPs and seconds of each.
    """
    seconds = sum(x for _, x in finished)
    if seconds:
        speed = sum(x for x, _ in finished) / seconds
        source = f"measured here: {len(finished)} finished stages at {speed / 1e9:.1f} GFLOP/s"
        return Hardware("here", speed, None, f"{source}, start-up included")
    peak = flops.matmul_peak()
    source = f"measured here: {ROOFLINE_SHARE:.0%} of a matrix product's {peak / 1e9:.0f} GFLOP/s"
    return Hardware("here", ROOFLINE_SHARE * peak, None, source)
