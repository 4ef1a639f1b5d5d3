"""Export of a student as a folder that plain transformers loads, with its tokenizer."""

import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
import sentencepiece
from absl import logging
from flax import traverse_util
from sentencepiece import sentencepiece_model_pb2

from fsa_jax.data.providers import check_rows
from fsa_jax.huggingface import weights
from fsa_jax.model import layers, network
from fsa_jax.opinions.corpus import NEWLINE, SENTINELS
from fsa_jax.runtime import files

LONGEST = 400  # tokens of an answer, the start token counted, where nobody says otherwise
_ADDED_PIECE = re.compile(r"▁?(<extra_id_\d+>|\[NL\])")


def export(
    params: Mapping[str, Any],
    config: network.T5Config,
    vocabulary: str | Path | bytes,
    output_dir: str | Path,
    *,
    rows: int | None = None,
    max_length: int = LONGEST,
    texts: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> Path:
    """Writes a folder that plain transformers loads: config, weights and tokenizer.

    Args:
        params: The network's parameters, NumPy or JAX arrays, layers stacked or not.
        config: Their config.
        vocabulary: SentencePiece model, its path or its content; sentinels and newline are added.
        output_dir: Folder to write; it appears only when complete.
        rows: Embedding rows to write; ``config.vocab_size`` by default.
        max_length: Longest generation, in tokens, of the generation config.
        texts: Further files, such as a model card, by name.
        overwrite: Replace a folder that is there and not empty.

    Returns:
        The folder.

    Raises:
        FileExistsError: The folder is not empty and ``overwrite`` is not set.
        FileNotFoundError: There is no vocabulary at the path.
        ValueError: The vocabulary is larger than the embedding, or no SentencePiece model.
    """
    output_dir = Path(output_dir)
    refuse_full(output_dir, overwrite)
    rows = rows or config.vocab_size
    model = plain_model(_read_vocabulary(vocabulary))
    tokenizer = _tokenizer(model)
    check_rows(len(tokenizer), rows)

    with files.atomic_folder(output_dir.parent, output_dir.name) as work:
        folder = work / output_dir.name
        tokenizer.save_pretrained(folder)
        (folder / "spiece.model").write_bytes(model)
        tensors = _to_hf(params, config, rows)
        safetensors.numpy.save_file(tensors, folder / weights.WEIGHTS, metadata={"format": "pt"})
        (folder / weights.WEIGHTS).chmod(0o644)  # safetensors makes it readable to the owner alone
        _write_json(folder / "config.json", _hf_config(config, rows))
        _write_json(folder / "generation_config.json", _generation_config(max_length))
        for name, text in (texts or {}).items():
            (folder / name).write_text(text, encoding="utf-8")
        files.replace_folder(folder, output_dir)
    return output_dir


def refuse_full(folder: Path, overwrite: bool) -> None:
    """Raises FileExistsError where a folder would be replaced without the user's word."""
    if folder.exists() and any(folder.iterdir()) and not overwrite:
        raise FileExistsError(f"{folder} is not empty: name another folder or use --overwrite")


def _to_hf(params: Mapping[str, Any], config: network.T5Config, rows: int) -> dict[str, np.ndarray]:
    """Returns HF's tensors by name, float32."""
    flat = traverse_util.flatten_dict(network.unstack_layers(dict(params), config), sep="/")
    tensors = {}
    for path, value in flat.items():
        name = weights.hf_name(path)
        tensor = weights.transpose(path, np.asarray(value, np.float32))
        tensors[name] = (
            weights.fit_rows(tensor, rows, name, logging.info)
            if name in weights.ROW_TENSORS
            else tensor
        )
    return tensors


def _hf_config(config: network.T5Config, rows: int) -> dict[str, Any]:
    gated = config.mlp_activations == weights.ACTIVATIONS["gated-gelu"]
    return {
        "architectures": ["T5ForConditionalGeneration"],
        "model_type": "t5",
        "is_encoder_decoder": True,
        "vocab_size": rows,
        "d_model": config.emb_dim,
        "d_kv": config.head_dim,
        "d_ff": config.mlp_dim,
        "num_heads": config.num_heads,
        "num_layers": config.num_encoder_layers,
        "num_decoder_layers": config.num_decoder_layers,
        "feed_forward_proj": "gated-gelu" if gated else "relu",
        "tie_word_embeddings": config.logits_via_embedding,
        "scale_decoder_outputs": config.logits_via_embedding,
        "relative_attention_num_buckets": layers.NUM_BUCKETS,
        "relative_attention_max_distance": layers.MAX_DISTANCE,
        "layer_norm_epsilon": 1e-6,
        "dropout_rate": 0.1,
        "decoder_start_token_id": 0,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "dtype": "float32",
    }


def _generation_config(max_length: int) -> dict[str, Any]:
    return {
        "decoder_start_token_id": 0,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "max_length": max_length,
        "do_sample": False,
        "num_beams": 1,
    }


def _read_vocabulary(vocabulary: str | Path | bytes) -> bytes:
    if isinstance(vocabulary, bytes):
        return vocabulary
    path = Path(vocabulary)
    if not path.is_file():
        raise FileNotFoundError(f"vocabulary {vocabulary} does not exist")
    content = path.read_bytes()
    try:
        sentencepiece.SentencePieceProcessor(model_proto=content)
    except (RuntimeError, OSError) as error:
        raise ValueError(f"vocabulary {path} is no SentencePiece model") from error
    return content


def plain_model(serialized: bytes) -> bytes:
    """Takes the sentinels and the newline off a SentencePiece model, if it has them.

    Args:
        serialized: A model, as in a file or as in ``seqio.SentencePieceVocabulary.sp_model``.
    """
    model = sentencepiece_model_pb2.__dict__["ModelProto"].FromString(serialized)
    plain = [p for p in model.pieces if not _ADDED_PIECE.fullmatch(p.piece)]
    if len(plain) == len(model.pieces):
        return serialized
    del model.pieces[:]
    model.pieces.extend(plain)
    return bytes(model.SerializeToString())


def _tokenizer(model: bytes) -> Any:
    """Returns HF's tokenizer of a SentencePiece model, the newline's token added last."""
    import transformers

    with tempfile.TemporaryDirectory() as folder:
        # Only a folder is read right: a bare vocab_file silently makes 104 pieces.
        (Path(folder) / "spiece.model").write_bytes(model)
        tokenizer = transformers.T5Tokenizer.from_pretrained(folder, extra_ids=SENTINELS)
    tokenizer.add_tokens([NEWLINE])
    return tokenizer


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
