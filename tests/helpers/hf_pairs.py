"""Random T5s of Hugging Face, and ours with the same weights."""

import numpy as np
import torch
import transformers

from fsa_jax.huggingface import weights

VOCABULARY = 60


def hf_model(folder, **kind):
    """A random T5 that ends its outputs after very different numbers of tokens."""
    torch.manual_seed(3)
    config = transformers.T5Config(
        vocab_size=VOCABULARY,
        d_model=32,
        d_kv=8,
        d_ff=48,
        num_heads=4,
        num_layers=2,
        num_decoder_layers=2,
        decoder_start_token_id=0,
        dropout_rate=0.0,
        **kind,
    )
    model = transformers.T5ForConditionalGeneration(config).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            # Attention must matter, or every input gets the same output.
            if "Attention" in name and weight.ndim == 2:
                weight.mul_(3.0)
            if "relative_attention_bias" in name:
                weight.normal_(0.0, 1.0)
        head = model.lm_head.weight if "feed_forward_proj" in kind else model.shared.weight
        head[1].mul_(1.3)
    model.save_pretrained(folder)
    return model


def pair_in(folder, **kind):
    """(HF model, our params, our config) with the same weights."""
    model = hf_model(folder, **kind)
    config = weights.config_from_hf(folder)
    return model, weights.load_params(folder, config), config


def sentences(count, seed=0, longest=30):
    rng = np.random.default_rng(seed)
    return [
        np.append(rng.integers(2, VOCABULARY, rng.integers(1, longest)), 1) for _ in range(count)
    ]


def padded(inputs):
    tokens = np.zeros((len(inputs), max(map(len, inputs))), np.int64)
    for row, ids in zip(tokens, inputs, strict=True):
        row[: len(ids)] = ids
    return torch.from_numpy(tokens)
