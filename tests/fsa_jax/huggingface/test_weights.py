"""Hugging Face import: parity with the PyTorch model in logits, gradients and training."""

import copy
import dataclasses
import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import safetensors.numpy
from flax import traverse_util

from fsa_jax.huggingface import weights
from fsa_jax.model import network
from fsa_jax.training import optimizers, schedules

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

torch.set_num_threads(1)  # one test process per core

KINDS = ["t5_1_0", "t5_1_1"]
ROWS = 96


def make_model(kind, **sizes):
    """A tiny PyTorch T5 whose every tensor, layer norms too, is random and of T5's usual scale."""
    gated = kind == "t5_1_1"
    config = transformers.T5Config(
        **{"vocab_size": ROWS, "d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2}
        | {"num_decoder_layers": 3, "num_heads": 4, "dropout_rate": 0.0}
        | {"decoder_start_token_id": 0}
        | sizes,
        feed_forward_proj="gated-gelu" if gated else "relu",
        tie_word_embeddings=not gated,
    )
    torch.manual_seed(0)
    model = transformers.T5ForConditionalGeneration(config)
    if gated:
        model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().clone())
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if "layer_norm" in name:
                tensor.copy_(1.0 + 0.3 * torch.randn_like(tensor))
            elif name == "lm_head.weight":
                tensor.copy_(torch.randn_like(tensor) / tensor.shape[1] ** 0.5)
            elif "relative_attention_bias" in name:
                tensor.copy_(torch.randn_like(tensor))
    return model.eval()


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def saved(kind, tmp_path_factory):
    """The model and the folder that transformers saved it to."""
    folder = tmp_path_factory.mktemp(kind)
    model = make_model(kind)
    model.save_pretrained(folder)
    return model, folder


def write_like(folder, target, tensors=None, **fields):
    """Copies a model folder with other tensors or config fields."""
    shutil.copytree(folder, target)
    config = json.loads((target / "config.json").read_text())
    (target / "config.json").write_text(json.dumps(config | fields))
    if tensors is not None:
        (target / "model.safetensors").unlink()
        safetensors.numpy.save_file(tensors, target / "model.safetensors")
    return target


def tensors_of(folder):
    return safetensors.numpy.load_file(folder / "model.safetensors")


def batches(count, seed=0):
    """Padded batches with real tokens, targets that end in eos, and their weights."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        inputs = rng.integers(3, ROWS, size=(4, 11))
        targets = rng.integers(3, ROWS, size=(4, 9))
        for row, (source, target) in enumerate(zip([11, 7, 9, 3], [9, 4, 6, 2], strict=True)):
            inputs[row, source:], targets[row, target:] = 0, 0
            targets[row, target - 1] = 1
        yield inputs.astype(np.int32), targets.astype(np.int32)


def shift_right(targets):
    return np.pad(targets[:, :-1], ((0, 0), (1, 0)))


def our_logits(params, config, inputs, targets):
    shifted = jnp.pad(targets[:, :-1], ((0, 0), (1, 0)))
    hidden = network.T5(config).apply({"params": params}, inputs, shifted)
    return network.logits(params, hidden, config)


def our_loss(params, config, inputs, targets):
    """Mean cross-entropy over the real target tokens."""
    log_probabilities = jax.nn.log_softmax(our_logits(params, config, inputs, targets))
    chosen = jnp.take_along_axis(log_probabilities, targets[..., None], axis=-1)[..., 0]
    return -jnp.sum(chosen * (targets > 0)) / jnp.sum(targets > 0)


def their_output(model, inputs, targets):
    inputs, targets = torch.tensor(inputs).long(), torch.tensor(targets).long()
    return model(
        input_ids=inputs,
        attention_mask=(inputs > 0).long(),
        labels=targets.masked_fill(targets == 0, -100),
    )


@torch.no_grad()
def their_logits(model, inputs, targets):
    return their_output(model, inputs, targets).logits.numpy()


def their_tree(tensors, config):
    """PyTorch tensors by name (parameters or gradients) as a tree of ours."""
    paths = {name: path for path, name in hf_names(config).items()}
    flat = {paths[name]: weights.transpose(paths[name], tensors[name]) for name in paths}
    return traverse_util.unflatten_dict(flat, sep="/")


def hf_names(config):
    shapes = jax.eval_shape(lambda: network.init_params(config, jax.random.key(0)))
    return {p: weights.hf_name(p) for p in traverse_util.flatten_dict(shapes, sep="/")}


def test_config_tells_the_kinds_apart(saved, kind):
    config = weights.config_from_hf(saved[1])
    assert config == network.T5Config(
        vocab_size=ROWS,
        emb_dim=32,
        num_heads=4,
        head_dim=8,
        mlp_dim=48,
        num_encoder_layers=2,
        num_decoder_layers=3,
        mlp_activations=("relu",) if kind == "t5_1_0" else ("gelu", "linear"),
        logits_via_embedding=kind == "t5_1_0",
    )


@pytest.mark.parametrize("scan", [False, True])
def test_logits_agree_with_pytorch(saved, scan, in_float64, assert_as_exact):
    model, folder = saved
    config = dataclasses.replace(weights.config_from_hf(folder), scan_layers=scan)
    params = network.stack_layers(weights.load_params(folder, config), config)
    inputs, targets = next(batches(1))
    ours = jax.jit(our_logits, static_argnums=1)(params, config, inputs, targets)

    def theirs(model):
        return their_logits(model, inputs, targets)[targets > 0]

    exact = in_float64(model, theirs)
    assert_as_exact("logits", ours[targets > 0], theirs(model), exact)
    assert np.abs(exact).max() > 1.0


def test_logits_agree_at_every_distance(saved, in_float64, assert_as_exact):
    """Distances beyond the last bucket's beginning (128), in both directions."""
    model, folder = saved
    config = weights.config_from_hf(folder)
    rng = np.random.default_rng(4)
    inputs = rng.integers(3, ROWS, size=(1, 300)).astype(np.int32)
    targets = rng.integers(3, ROWS, size=(1, 200)).astype(np.int32)
    params = weights.load_params(folder, config)
    ours = jax.jit(our_logits, static_argnums=1)(params, config, inputs, targets)

    def theirs(model):
        return their_logits(model, inputs, targets)

    assert_as_exact("logits of long rows", ours, theirs(model), in_float64(model, theirs))


@pytest.fixture
def exactly(in_float64):
    """As ``in_float64``, for gradients: of relus whose signs are the same in float32.

    A relu's input so near zero that rounding tells its sign moves a gradient by about 1e-3, in ours
    or in PyTorch's. In float64 it shows whether there is one, the same on every processor.
    """

    def call(model, run):
        nearest = []

        def watched(model):
            for name, module in model.named_modules():
                if name.endswith("DenseReluDense.wi"):
                    module.register_forward_hook(lambda *x: nearest.append(x[2].abs().min().item()))
            return run(model)

        result = in_float64(model, watched)
        assert min(nearest, default=1.0) >= 1e-5, "a relu's sign is rounding's: use other batches"
        return result

    return call


def check_gradients(model, folder, inputs, targets, exactly, assert_as_exact):
    """Loss and gradients of every tensor are as near to those of float64 as PyTorch's are."""
    config = weights.config_from_hf(folder)
    params = weights.load_params(folder, config)
    loss, grads = jax.jit(jax.value_and_grad(our_loss), static_argnums=1)(
        params, config, inputs, targets
    )

    def theirs(model):
        model.zero_grad()
        loss = their_output(model, inputs, targets).loss
        loss.backward()
        grads = {name: tensor.grad.numpy() for name, tensor in model.named_parameters()}
        return loss.item(), traverse_util.flatten_dict(their_tree(grads, config), sep="/")

    their_loss, their_grads = theirs(model)
    exact_loss, exact_grads = exactly(model, theirs)
    assert all(np.linalg.norm(grad) > 0 for grad in exact_grads.values())
    assert_as_exact("loss", loss, their_loss, exact_loss)
    ours = traverse_util.flatten_dict(grads, sep="/")
    assert_as_exact("gradients", ours, their_grads, exact_grads)


def test_gradients_of_every_tensor_agree_with_pytorch(saved, exactly, assert_as_exact):
    check_gradients(*saved, *next(batches(1)), exactly, assert_as_exact)


def test_gradients_agree_with_pytorch_at_the_size_of_t5_small(
    kind, tmp_path, exactly, assert_as_exact
):
    # One short row: of its 200,000 relu inputs the nearest to zero is 4e-5.
    sizes = {"vocab_size": 32128, "d_model": 512, "d_kv": 64, "num_heads": 8}
    layers = {"d_ff": 2048 if kind == "t5_1_0" else 1024, "num_layers": 6, "num_decoder_layers": 6}
    model = make_model(kind, **sizes, **layers)
    model.save_pretrained(tmp_path)
    inputs, targets = next(batches(1, seed=18))
    row = inputs[2:3, :9], targets[2:3, :6]
    check_gradients(model, tmp_path, *row, exactly, assert_as_exact)


class RmsScaledAdamW(torch.optim.Optimizer):
    """The paper's optimizer in PyTorch, written from its formulas."""

    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-6):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            b1, b2 = group["betas"]
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state.update(t=0, m=torch.zeros_like(p), v=torch.zeros_like(p))
                state["t"] += 1
                state["m"].mul_(b1).add_(p.grad, alpha=1 - b1)
                state["v"].mul_(b2).addcmul_(p.grad, p.grad, value=1 - b2)
                size = max(1e-3, (p.norm(2) / p.numel() ** 0.5).item())
                correction = (1 - b2 ** state["t"]) ** 0.5 / (1 - b1 ** state["t"])
                denominator = state["v"].sqrt().add_(group["eps"])
                p.addcdiv_(state["m"], denominator, value=-group["lr"] * correction * size)


def test_twenty_training_steps_follow_pytorch(saved, exactly, assert_as_exact):
    model, folder = saved
    config = weights.config_from_hf(folder)
    params = weights.load_params(folder, config)
    schedule = schedules.cosine(3e-3, steps=20, floor=1e-5)
    optimizer = optimizers.rms_scaled_adamw(schedule, clip_norm=1.0)
    state = optimizer.init(params)
    data = list(batches(2)) * 10

    @jax.jit
    def step(params, state, inputs, targets):
        loss, grads = jax.value_and_grad(our_loss)(params, config, inputs, targets)
        updates, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, updates), state, loss

    ours = []
    for inputs, targets in data:
        params, state, loss = step(params, state, inputs, targets)
        ours.append(float(loss))

    def theirs(model):
        optimizer = RmsScaledAdamW(model.parameters(), lr=3e-3)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20, eta_min=1e-5)
        losses = []
        for inputs, targets in data:
            loss = their_output(model, inputs, targets).loss
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        return losses

    exact = exactly(model, theirs)
    assert_as_exact("losses of 20 steps", ours, theirs(copy.deepcopy(model)), exact)
    assert exact[-1] < exact[0] - 0.2


def test_shards_and_single_files_read_like_the_folder(saved, tmp_path):
    model, folder = saved
    config = weights.config_from_hf(folder)
    model.save_pretrained(tmp_path / "sharded", max_shard_size="20KB")
    assert len(list((tmp_path / "sharded").glob("*.safetensors"))) > 2
    expected = weights.load_params(folder, config)
    index = tmp_path / "sharded" / "model.safetensors.index.json"
    for source in (tmp_path / "sharded", index, folder / "model.safetensors"):
        jax.tree.map(np.testing.assert_array_equal, weights.load_params(source, config), expected)


def test_bfloat16_files_become_float32(saved, tmp_path):
    model, folder = saved
    config = weights.config_from_hf(folder)
    copy.deepcopy(model).to(torch.bfloat16).save_pretrained(tmp_path)
    params = weights.load_params(tmp_path, config)
    for leaf, exact in zip(
        jax.tree.leaves(params), jax.tree.leaves(weights.load_params(folder, config)), strict=True
    ):
        assert leaf.dtype == np.float32
        np.testing.assert_allclose(leaf, exact, rtol=2**-8)


def test_rows_are_filled_with_the_mean_or_cut_and_it_is_said(saved, kind):
    _, folder = saved
    config = weights.config_from_hf(folder)
    exact = weights.load_params(folder, config)["token_embedder"]["embedding"]
    said = []
    larger = dataclasses.replace(config, vocab_size=ROWS + 28)
    params = weights.load_params(folder, larger, said.append)
    embedding = params["token_embedder"]["embedding"]
    np.testing.assert_array_equal(embedding[:ROWS], exact)
    np.testing.assert_allclose(embedding[ROWS:], np.tile(exact.mean(0), (28, 1)), atol=1e-6)
    if kind == "t5_1_1":
        assert params["decoder"]["logits_dense"]["kernel"].shape == (32, ROWS + 28)
    assert f"28 rows are added to the {ROWS}" in said[0]

    said.clear()
    smaller = dataclasses.replace(config, vocab_size=ROWS - 6)
    cut = weights.load_params(folder, smaller, said.append)["token_embedder"]["embedding"]
    np.testing.assert_array_equal(cut, exact[: ROWS - 6])
    assert f"the last 6 of {ROWS} rows are cut off" in said[0]

    said.clear()
    weights.load_params(folder, config, said.append)
    assert said == []


def test_an_unscaled_model_with_one_matrix_gets_a_copy(tmp_path, in_float64, assert_as_exact):
    """Transformers 5 ties the matrices of a T5 1.1 that it makes itself."""
    config = transformers.T5Config(
        vocab_size=ROWS, d_model=32, num_layers=1, num_heads=4, decoder_start_token_id=0
    )
    config.scale_decoder_outputs = False
    model = transformers.T5ForConditionalGeneration(config).eval()
    model.save_pretrained(tmp_path)
    assert "lm_head.weight" not in tensors_of(tmp_path)
    ours, said = weights.config_from_hf(tmp_path), []
    params = weights.load_params(tmp_path, ours, said.append)
    assert "lm_head.weight is missing" in said[0]
    inputs, targets = next(batches(1))

    def theirs(model):
        return their_logits(model, inputs, targets)[targets > 0]

    found = our_logits(params, ours, inputs, targets)[targets > 0]
    assert_as_exact("logits", found, theirs(model), in_float64(model, theirs))


def test_second_copies_of_the_embedding_are_ignored_only_if_equal(saved, kind, tmp_path):
    _, folder = saved
    config = weights.config_from_hf(folder)
    tensors = tensors_of(folder)
    unused = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"
    copies = dict.fromkeys(["encoder.embed_tokens.weight"], tensors["shared.weight"])
    if kind == "t5_1_0":
        copies["lm_head.weight"] = tensors["shared.weight"]
    more = tensors | copies | {unused: np.zeros((32, 4), np.float32)}
    same = write_like(folder, tmp_path / "same", more)
    jax.tree.map(
        np.testing.assert_array_equal,
        weights.load_params(same, config),
        weights.load_params(folder, config),
    )
    name = next(iter(copies))
    other = write_like(folder, tmp_path / "other", more | {name: copies[name] + 1.0})
    with pytest.raises(ValueError, match=f"{name} differs from shared.weight"):
        weights.load_params(other, config)


def test_every_tensor_that_does_not_fit_is_named(saved, tmp_path):
    _, folder = saved
    config = weights.config_from_hf(folder)
    tensors = tensors_of(folder)
    del tensors["encoder.final_layer_norm.weight"]
    tensors["decoder.block.2.layer.0.SelfAttention.q.weight"] = np.zeros((7, 32), np.float32)
    tensors["encoder.block.2.layer.0.SelfAttention.q.weight"] = np.zeros((32, 32), np.float32)
    with pytest.raises(ValueError, match="3 tensors do not fit") as error:
        weights.load_params(write_like(folder, tmp_path / "bad", tensors), config)
    message = str(error.value)
    assert "encoder.final_layer_norm.weight is missing" in message
    assert "decoder.block.2.layer.0.SelfAttention.q.weight is (7, 32), not (32, 32)" in message
    assert "encoder.block.2.layer.0.SelfAttention.q.weight has no place" in message
    assert "\n" not in message


def test_another_size_or_architecture_is_refused_in_one_line(saved, tmp_path):
    _, folder = saved
    config = weights.config_from_hf(folder)
    deeper = dataclasses.replace(config, num_encoder_layers=4, mlp_dim=64)
    with pytest.raises(ValueError, match="mlp_dim is 48, not 64; num_encoder_layers is 2, not 4"):
        weights.load_params(folder, deeper)
    # A bare file has no config to compare: its tensors tell.
    with pytest.raises(ValueError, match=r"encoder\.block\.3.* is missing"):
        weights.load_params(folder / "model.safetensors", deeper)
    for i, (fields, match) in enumerate(
        [
            ({"model_type": "bert"}, "the model is a 'bert', not a 't5'"),
            ({"feed_forward_proj": "gated-silu"}, "feed_forward_proj is 'gated-silu'"),
            ({"relative_attention_num_buckets": 64}, "relative_attention_num_buckets is 64"),
        ]
    ):
        other = write_like(folder, tmp_path / str(i), **fields)
        with pytest.raises(ValueError, match=match):
            weights.config_from_hf(other)
        with pytest.raises(ValueError, match=match):
            weights.load_params(other, config)


def test_missing_and_broken_files_are_named(saved, tmp_path):
    _, folder = saved
    config = weights.config_from_hf(folder)
    with pytest.raises(FileNotFoundError, match=r"config.json does not exist"):
        weights.config_from_hf(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no model.safetensors in"):
        weights.load_params(tmp_path / "absent.safetensors", config)

    pickled = write_like(folder, tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with pytest.raises(FileNotFoundError, match="is a pickle"):
        weights.load_params(pickled, config)

    truncated = write_like(folder, tmp_path / "truncated") / "model.safetensors"
    truncated.write_bytes(truncated.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"is no \(whole\) safetensors file"):
        weights.load_params(truncated, config)

    sharded = tmp_path / "sharded"
    saved[0].save_pretrained(sharded, max_shard_size="20KB")
    shard = sorted(sharded.glob("*.safetensors"))[0]
    shard.unlink()
    with pytest.raises(FileNotFoundError, match=shard.name):
        weights.load_params(sharded, config)
