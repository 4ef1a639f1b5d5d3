"""One step of training: loss, gradients over micro-batches, update.

Loss and gradients are *sums* over target tokens until the very end: micro-batches are added up,
devices and hosts are added up by XLA, and one division by the number of all target tokens of the
step follows. So neither the number of micro-batches nor that of devices changes a step.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh

from fsa_jax.model import loss, network, partitioning
from fsa_jax.model.network import Params, T5Config

Batch = dict[str, jax.Array]
Metrics = dict[str, jax.Array]


@flax.struct.dataclass
class TrainState:
    """What training changes.

    Attributes:
        step: Updates made so far, int32 scalar.
        params: The network's parameters, float32.
        opt_state: The optimizer's state, a dict by meaning (``optimizers.py``).
    """

    step: jax.Array
    params: Any
    opt_state: Any


@dataclasses.dataclass(frozen=True)
class LossConfig:
    """Which cross-entropy; see ``loss.cross_entropy``.

    Attributes:
        z_loss: Factor of the squared log normaliser.
        label_smoothing: Mass taken from the target token.
        chunk: Most target positions, of all rows of a device, whose logits exist at one time.
    """

    z_loss: float = 0.0
    label_smoothing: float = 0.0
    chunk: int = 1024


def loss_sums(
    params: Params,
    batch: Batch,
    rng: jax.Array | None,
    config: T5Config,
    loss_config: LossConfig,
    shards: int = 1,
) -> tuple[jax.Array, Metrics]:
    """Returns the loss sum, and as auxiliaries the sums of weights and of correct tokens.

    Args:
        params: Unboxed parameters.
        batch: Keys as in ``infeed``, all (B, T) or (B, S).
        rng: Key of the dropout, unused where there is none.
        config: The network.
        loss_config: The loss.
        shards: Number of devices that split B.
    """
    hidden: Any = network.T5(config).apply(
        {"params": params},
        batch["encoder_input_tokens"],
        batch["decoder_input_tokens"],
        batch.get("encoder_segment_ids"),
        batch.get("decoder_segment_ids"),
        rngs=None if rng is None or not config.dropout_rate else {"dropout": rng},
    )
    weights = batch["decoder_loss_weights"]
    total, correct = loss.cross_entropy(
        hidden,
        network.output_embedding(params, config),
        batch["decoder_target_tokens"],
        weights,
        z_loss=loss_config.z_loss,
        label_smoothing=loss_config.label_smoothing,
        chunk=loss_config.chunk,
        shards=shards,
    )
    return total, {"tokens": weights.sum(), "correct": correct}


def _split_rows(batch: Batch, parts: int) -> Batch:
    """(B, …) → (parts, B / parts, …); every part takes its rows from all devices alike."""
    return {
        name: x.reshape(x.shape[0] // parts, parts, *x.shape[1:]).swapaxes(0, 1)
        for name, x in batch.items()
    }


def gradients(
    params: Params,
    batch: Batch,
    rng: jax.Array,
    config: T5Config,
    loss_config: LossConfig,
    micro_batches: int = 1,
    shards: int = 1,
) -> tuple[Any, Metrics]:
    """Mean gradients over the target tokens of ``batch``.

    Returns:
        The gradients, shaped as ``params``, and ``{loss, accuracy, tokens}``: mean cross-entropy in
        nats (z-loss and smoothing included), share of correct tokens, number of tokens.
    """
    value_and_grad = jax.value_and_grad(loss_sums, has_aux=True)

    def part(rows: Batch, rng: jax.Array) -> tuple[Metrics, Params]:
        (total, sums), grads = value_and_grad(params, rows, rng, config, loss_config, shards)
        return {"loss": total, **sums}, grads

    if micro_batches == 1:
        sums, grads = part(batch, rng)
    else:

        def add(carry: Any, xs: tuple[Batch, jax.Array]) -> tuple[Any, None]:
            return jax.tree.map(jnp.add, carry, part(*xs)), None

        xs = (_split_rows(batch, micro_batches), jax.random.split(rng, micro_batches))
        shapes = jax.eval_shape(part, *jax.tree.map(lambda x: x[0], xs))
        zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
        (sums, grads), _ = jax.lax.scan(add, zeros, xs)
    tokens = jnp.maximum(sums["tokens"], 1.0)
    metrics = {
        "loss": sums["loss"] / tokens,
        "accuracy": sums["correct"] / tokens,
        "tokens": sums["tokens"],
    }
    return jax.tree.map(lambda g: g / tokens, grads), metrics


def update(
    state: TrainState,
    batch: Batch,
    rng: jax.Array,
    config: T5Config,
    optimizer: optax.GradientTransformation,
    loss_config: LossConfig,
    micro_batches: int = 1,
    shards: int = 1,
) -> tuple[TrainState, Metrics]:
    """Makes one update.

    Args:
        state: The train state.
        batch: See ``loss_sums``.
        rng: The run's key of the dropout.
        config: The network, dropout included.
        optimizer: Clips by itself.
        loss_config: The loss.
        micro_batches: Parts that the batch is computed in, one after the other.
        shards: Number of devices that split the batch.

    Returns:
        The new state, and the metrics of ``gradients`` with ``grad_norm`` and ``param_norm``.
    """
    # A key per step, not a chain of keys: resuming needs the seed alone.
    rng = jax.random.fold_in(rng, state.step)
    grads, metrics = gradients(state.params, batch, rng, config, loss_config, micro_batches, shards)
    updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    metrics |= {"grad_norm": optax.tree.norm(grads), "param_norm": optax.tree.norm(params)}
    return TrainState(state.step + 1, params, opt_state), metrics


def check_batch_size(batch_size: int | None, mesh: Mesh, micro_batches: int) -> int:
    """Returns what the rows of a step must be a multiple of.

    Args:
        batch_size: Rows of a step, where they are decided.
        mesh: The devices.
        micro_batches: Parts of a batch that are computed one after the other.

    Raises:
        ValueError: Devices and micro-batches cannot share the rows.
    """
    devices: int = mesh.shape["data"]
    multiple = devices * micro_batches
    if batch_size is not None and batch_size % multiple:
        raise ValueError(
            f"BATCH_SIZE {batch_size} cannot be split over {devices} data-parallel devices and "
            f"{micro_batches} micro-batches: make it a multiple of {multiple}"
        )
    return multiple


@dataclasses.dataclass(frozen=True)
class Program:
    """The compiled parts of training on one mesh.

    Attributes:
        mesh: The device mesh.
        abstract: The train state's shapes, types and shardings (``jax.ShapeDtypeStruct``).
        init: ``rng → TrainState``, made where it lives.
        step: ``(state, batch, rng) → (state, metrics)``; gives the old state's memory away.
        evaluate: ``(params, batch) → {loss, tokens, correct}`` sums, without dropout.
    """

    mesh: Mesh
    abstract: TrainState
    init: Callable[[jax.Array], TrainState]
    step: Callable[[TrainState, Batch, jax.Array], tuple[TrainState, Metrics]]
    evaluate: Callable[[Params, Batch], Metrics]


def make_program(
    config: T5Config,
    optimizer: optax.GradientTransformation,
    mesh: Mesh,
    *,
    fsdp: bool = False,
    micro_batches: int = 1,
    loss_config: LossConfig | None = None,
) -> Program:
    """Builds the jitted functions of training.

    Args:
        config: The network, dropout included.
        optimizer: From ``optimizers.py``; clips by itself.
        mesh: From ``partitioning.make_mesh``.
        fsdp: Split parameters and optimizer state over the data axis too.
        micro_batches: Parts that a batch is computed in, one after the other.
        loss_config: Defaults to plain cross-entropy.
    """
    loss_config = loss_config or LossConfig()
    rules = partitioning.axis_rules(fsdp)
    shards = mesh.shape["data"]

    def boxed_init(rng: jax.Array) -> TrainState:
        params = network.init_params(config, rng)
        return TrainState(jnp.zeros([], jnp.int32), params, optimizer.init(params))

    boxed = jax.eval_shape(boxed_init, jax.random.key(0))
    abstract = partitioning.abstract(boxed, mesh, rules)
    shardings = jax.tree.map(lambda x: x.sharding, abstract)
    rows = partitioning.batch_sharding(mesh)

    def step(state: TrainState, batch: Batch, rng: jax.Array) -> tuple[TrainState, Metrics]:
        with jax.sharding.use_abstract_mesh(mesh.abstract_mesh), nn.logical_axis_rules(rules):
            return update(state, batch, rng, config, optimizer, loss_config, micro_batches, shards)

    def evaluate(params: Params, batch: Batch) -> Metrics:
        with jax.sharding.use_abstract_mesh(mesh.abstract_mesh), nn.logical_axis_rules(rules):
            total, sums = loss_sums(
                params, batch, None, config.without_dropout(), LossConfig(), shards
            )
        return {"loss": total, **sums}

    return Program(
        mesh=mesh,
        abstract=abstract,
        init=jax.jit(lambda rng: nn.unbox(boxed_init(rng)), out_shardings=shardings),
        step=jax.jit(
            step,
            in_shardings=(shardings, rows, None),
            out_shardings=(shardings, None),
            donate_argnums=0,
        ),
        evaluate=jax.jit(evaluate, in_shardings=(shardings.params, rows)),
    )
