"""Weights and configs of Hugging Face's T5s: T5 1.0, T5 1.1 and flan-T5, read without torch.

From a folder, whole or sharded, or from a single ``.safetensors`` file; ``hf_export`` writes them.

HF keeps matrices as (output, input), the network as (input, output), so all but the embedding are
transposed. *Rows* are those of the embedding: T5 has 32,000 pieces, 100 sentinels and 28 spare
rows; a vocabulary extended by the newline ``[NL]`` has 32,101 ids. What the file has too few is
filled up with the mean row, what it has too many is cut off.
"""

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import safetensors
from absl import logging
from flax import traverse_util
from flax.linen import meta

from fsa_jax.model import layers, network

WEIGHTS = "model.safetensors"
_INDEX = "model.safetensors.index.json"
ROW_TENSORS = ("shared.weight", "lm_head.weight")
ACTIVATIONS = {"relu": ("relu",), "gated-gelu": ("gelu", "linear")}
# What the network fixes and an HF config may set: key, HF's default, the network's value.
_FIXED = (
    ("relative_attention_num_buckets", 32, layers.NUM_BUCKETS),
    ("relative_attention_max_distance", 128, layers.MAX_DISTANCE),
    ("layer_norm_epsilon", 1e-6, 1e-6),
    ("decoder_start_token_id", 0, 0),
    ("pad_token_id", 0, 0),
    ("eos_token_id", 1, 1),
)
_SIZES = (
    "emb_dim",
    "num_heads",
    "head_dim",
    "mlp_dim",
    "num_encoder_layers",
    "num_decoder_layers",
    "mlp_activations",
    "logits_via_embedding",
)


def config_from_hf(folder: str | Path) -> network.T5Config:
    """Reads the size and kind of an HF T5.

    Args:
        folder: HF folder with a ``config.json``.

    Returns:
        The config; ``vocab_size`` is the file's number of embedding rows, dropout is off.

    Raises:
        FileNotFoundError: There is no ``config.json``.
        ValueError: The model is no T5, or one of a kind that the network has not.
    """
    path = Path(folder) / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: {folder} is no Hugging Face model folder")
    fields = _read_json(path)
    _check_architecture(path, fields)
    try:
        count = fields["num_layers"]
        return network.T5Config(
            vocab_size=fields["vocab_size"],
            emb_dim=fields["d_model"],
            num_heads=fields["num_heads"],
            head_dim=fields["d_kv"],
            mlp_dim=fields["d_ff"],
            num_encoder_layers=count,
            num_decoder_layers=fields.get("num_decoder_layers") or count,
            mlp_activations=ACTIVATIONS[fields.get("feed_forward_proj", "relu")],
            logits_via_embedding=_scales_output(fields),
        )
    except KeyError as error:
        raise ValueError(f"{path}: the field {error} is missing") from error


def load_params(
    source: str | Path, config: network.T5Config, say: Callable[[str], object] = logging.info
) -> dict[str, Any]:
    """Reads the parameters of an HF T5.

    Args:
        source: HF folder, or one ``.safetensors`` file, or the index of a sharded model.
        config: The size and kind that the weights must have; the rows may differ.
        say: Called with one line for whatever was adapted.

    Returns:
        The parameter tree in NumPy float32, layers as ``layers_0`` … (``network.stack_layers``
        stacks them for a scan).

    Raises:
        FileNotFoundError: There are no weights at ``source``.
        ValueError: The model is of another architecture or size, or its tensors are not those of
            ``config``: every missing, unknown or misshapen one is named.
    """
    source = Path(source)
    if source.is_dir():
        _check_config(source, config)
    files = _tensor_files(source)
    wanted = _hf_names(config)
    shapes = {name: _shape(files[name], name) for name in files}
    if "lm_head.weight" in wanted and "lm_head.weight" not in files:
        # transformers 5 ties what its config calls unscaled, and then writes one matrix for both.
        say(f"{source}: lm_head.weight is missing; it starts as a copy of shared.weight")
        files["lm_head.weight"], shapes["lm_head.weight"] = "", shapes.get("shared.weight", ())
    _check_tensors(source, config, wanted, shapes)

    params = {}
    for name, path in wanted.items():
        stored_as = name if files[name] else "shared.weight"
        tensor = _read(files[stored_as], stored_as)
        if name in ROW_TENSORS:
            tensor = fit_rows(tensor, config.vocab_size, f"{source}: {name}", say)
        params[path] = transpose(path, tensor)
    _check_copies(source, files, config)
    tree: dict[str, Any] = traverse_util.unflatten_dict(params, sep="/")
    return tree


def _check_architecture(path: Path, fields: Mapping[str, Any]) -> None:
    """Refuses what the network cannot represent, each with its reason."""
    if "model_type" not in fields and path.with_name("model.bin").is_file():
        raise ValueError(
            f"{path.parent} is a folder of CTranslate2: give the run or the Hugging Face folder "
            "that it was made of"
        )
    if fields.get("model_type") != "t5":
        raise ValueError(
            f"{path}: the model is a {fields.get('model_type')!r}, not a 't5'; give a T5 or flan-T5"
        )
    projection = fields.get("feed_forward_proj", "relu")
    if projection not in ACTIVATIONS:
        raise ValueError(
            f"{path}: feed_forward_proj is {projection!r}; known are {', '.join(ACTIVATIONS)}"
        )
    for key, default, value in _FIXED:
        if fields.get(key, default) != value:
            raise ValueError(f"{path}: {key} is {fields[key]!r}; the network has {value!r}")


def _scales_output(fields: Mapping[str, Any]) -> bool:
    """T5 1.0 multiplies by d_model^-0.5 and uses the embedding again, T5 1.1 does neither."""
    if "scale_decoder_outputs" in fields:
        return bool(fields["scale_decoder_outputs"])
    return fields.get("tie_word_embeddings") is not False


def _check_config(folder: Path, config: network.T5Config) -> None:
    theirs = config_from_hf(folder)
    different = [
        f"{field} is {getattr(theirs, field)}, not {getattr(config, field)}"
        for field in _SIZES
        if getattr(theirs, field) != getattr(config, field)
    ]
    if different:
        raise ValueError(
            f"{folder} is another model than the one asked for: {'; '.join(different)}; change "
            "MODEL's config or the weights"
        )


def _tensor_files(source: Path) -> dict[str, str]:
    """Returns the file of each tensor."""
    if source.is_dir():
        source = source / (WEIGHTS if (source / WEIGHTS).is_file() else _INDEX)
    if not source.is_file():
        folder = source.parent
        hint = (
            "; its pytorch_model*.bin is a pickle: load it in transformers and save_pretrained it"
            if any(folder.glob("pytorch_model*.bin"))
            else ""
        )
        raise FileNotFoundError(f"no {WEIGHTS} in {folder}{hint}")
    if source.suffix == ".json":
        shards = _read_json(source).get("weight_map", {})
        absent = sorted({s for s in shards.values() if not (source.parent / s).is_file()})
        if absent:
            raise FileNotFoundError(f"{source}: the shards {', '.join(absent)} are missing")
        return {name: str(source.parent / shard) for name, shard in shards.items()}
    return dict.fromkeys(_names_in(str(source)), str(source))


def _names_in(path: str) -> list[str]:
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            return list(file.keys())
    except safetensors.SafetensorError as error:
        raise ValueError(f"{path} is no (whole) safetensors file: {error}") from error


def _shape(path: str, name: str) -> tuple[int, ...]:
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            return tuple(file.get_slice(name).get_shape())
    except safetensors.SafetensorError as error:
        raise ValueError(f"{path}: {name} cannot be read: {error}") from error


def _read(path: str, name: str) -> np.ndarray:
    """Reads one tensor as float32 (bfloat16 and float16 become exact float32)."""
    with safetensors.safe_open(path, framework="numpy") as file:
        return np.asarray(file.get_tensor(name), np.float32)


def _expected_shapes(config: network.T5Config) -> dict[str, tuple[int, ...]]:
    """Returns the shape of each parameter by its path, layers unrolled."""
    unrolled = dataclasses.replace(config, scan_layers=False)
    params = jax.eval_shape(lambda: meta.unbox(network.init_params(unrolled, jax.random.key(0))))
    flat = traverse_util.flatten_dict(params, sep="/")
    return {path: tuple(leaf.shape) for path, leaf in flat.items()}


def _hf_names(config: network.T5Config) -> dict[str, str]:
    """Returns the path in the parameter tree of each HF tensor."""
    return {hf_name(path): path for path in _expected_shapes(config)}


_BLOCK_PARTS = {
    "encoder": {
        "pre_attention_layer_norm": "layer.0.layer_norm",
        "attention": "layer.0.SelfAttention",
        "pre_mlp_layer_norm": "layer.1.layer_norm",
        "mlp": "layer.1.DenseReluDense",
    },
    "decoder": {
        "pre_self_attention_layer_norm": "layer.0.layer_norm",
        "self_attention": "layer.0.SelfAttention",
        "pre_cross_attention_layer_norm": "layer.1.layer_norm",
        "encoder_decoder_attention": "layer.1.EncDecAttention",
        "pre_mlp_layer_norm": "layer.2.layer_norm",
        "mlp": "layer.2.DenseReluDense",
    },
}
_PROJECTIONS = {"query": "q", "key": "k", "value": "v", "out": "o"}
_RELATIVE = "block.0.layer.0.SelfAttention.relative_attention_bias.weight"
_OUTSIDE_BLOCKS = {
    "token_embedder/embedding": "shared.weight",
    "decoder/logits_dense/kernel": "lm_head.weight",
    "encoder/encoder_norm/scale": "encoder.final_layer_norm.weight",
    "decoder/decoder_norm/scale": "decoder.final_layer_norm.weight",
    "encoder/relpos_bias/rel_embedding": f"encoder.{_RELATIVE}",
    "decoder/relpos_bias/rel_embedding": f"decoder.{_RELATIVE}",
}


def hf_name(path: str) -> str:
    """Returns HF's name of a parameter, e.g. of ``encoder/layers_3/mlp/wo/kernel``."""
    if path in _OUTSIDE_BLOCKS:
        return _OUTSIDE_BLOCKS[path]
    stack, layer, part, *rest = path.split("/")
    block = f"{stack}.block.{layer.removeprefix('layers_')}.{_BLOCK_PARTS[stack][part]}"
    if rest == ["scale"]:
        return f"{block}.weight"
    return f"{block}.{_PROJECTIONS.get(rest[0], rest[0])}.weight"


def transpose(path: str, tensor: np.ndarray) -> np.ndarray:
    """Turns HF's layout of a parameter into the network's, and back."""
    if path == "token_embedder/embedding":
        return tensor
    return np.ascontiguousarray(tensor.T)


def _is_copy(name: str, config: network.T5Config) -> bool:
    """True for tensors that HF files may hold beside the one that counts."""
    if name == "lm_head.weight":
        return config.logits_via_embedding
    return name in ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight")


def _check_tensors(
    source: Path,
    config: network.T5Config,
    wanted: Mapping[str, str],
    shapes: Mapping[str, tuple[int, ...]],
) -> None:
    """Compares names and shapes with the config's and names all differences at once."""
    expected = _expected_shapes(config)
    problems = []
    for name, path in wanted.items():
        shape = expected[path] if name == "shared.weight" else expected[path][::-1]
        if name not in shapes:
            problems.append(f"{name} is missing")
        elif shapes[name] != shape and not _differs_in_rows_only(name, shapes[name], shape):
            problems.append(f"{name} is {shapes[name]}, not {shape}")
    # T5's first release has an unused bias of this name.
    unused = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"
    for name in sorted(set(shapes) - set(wanted) - {unused}):
        if not _is_copy(name, config):
            problems.append(f"{name} has no place")
    if problems:
        raise ValueError(
            f"{source}: {len(problems)} tensors do not fit the config: {'; '.join(problems)}"
        )


def _differs_in_rows_only(name: str, shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return name in ROW_TENSORS and len(shape) == 2 and shape[1] == wanted[1]


def _check_copies(source: Path, files: Mapping[str, str], config: network.T5Config) -> None:
    """Refuses second copies of the embedding that differ from it: their meaning would be lost."""
    for name in (name for name in files if _is_copy(name, config)):
        shared = _read(files["shared.weight"], "shared.weight")
        if not np.array_equal(_read(files[name], name), shared):
            raise ValueError(
                f"{source}: {name} differs from shared.weight, but the config ties them; an untied "
                "model needs T5Config.logits_via_embedding=False"
            )


def fit_rows(tensor: np.ndarray, rows: int, what: str, say: Callable[[str], object]) -> np.ndarray:
    """Cuts or fills the rows of an embedding (V, D) to ``rows``."""
    have = len(tensor)
    if have > rows:
        say(f"{what}: the last {have - rows} of {have} rows are cut off, as vocab_size is {rows}")
        return np.ascontiguousarray(tensor[:rows])
    if have < rows:
        say(f"{what}: {rows - have} rows are added to the {have}, each the mean row")
        mean = tensor.mean(axis=0, dtype=np.float64).astype(np.float32)
        return np.concatenate([tensor, np.tile(mean, (rows - have, 1))])
    return tensor


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no JSON: {error}") from error
    return content
