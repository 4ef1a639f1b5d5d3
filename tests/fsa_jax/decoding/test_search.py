"""What comes next: samples follow their distribution, and options that cannot be are refused."""

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from hf_pairs import VOCABULARY, sentences

from fsa_jax.decoding import search, slots
from fsa_jax.decoding.search import DecodingConfig


def ours(params, config, inputs, **options):
    return [
        row.tolist() for row in slots.generate(params, config, inputs, DecodingConfig(**options))
    ]


def test_samples_follow_the_distribution(pair):
    model, params, config = pair
    inputs = [sentences(1)[0]] * 3000
    with torch.no_grad():
        tokens = torch.from_numpy(inputs[0][None])
        start = torch.zeros(1, 1, dtype=torch.int64)
        logits = model(input_ids=tokens, decoder_input_ids=start).logits[0, 0].numpy()
    for options in ({}, {"top_k": 3}, {"top_k": 8, "top_p": 0.7}):
        scores = logits / 1.5
        order = np.argsort(-scores)
        if "top_k" in options:
            scores[order[options["top_k"] :]] = -np.inf
        shares = np.exp(scores - scores.max())
        shares /= shares.sum()
        if "top_p" in options:
            likelier = np.cumsum(shares[order]) - shares[order]
            shares[order[likelier >= options["top_p"]]] = 0
            shares /= shares.sum()
        out = ours(params, config, inputs, max_length=2, batch_size=512, temperature=1.5, **options)
        # An output that ends at once is empty: its token was EOS.
        drawn = np.bincount([row[0] if row else 1 for row in out], minlength=VOCABULARY)
        assert not drawn[shares == 0].any()
        np.testing.assert_allclose(drawn / len(inputs), shares, atol=0.04)


def test_sampling_is_seeded(pair):
    _, params, config = pair
    inputs = sentences(10)
    one, two, other = (
        ours(params, config, inputs, max_length=9, temperature=1.0, seed=seed) for seed in (1, 1, 2)
    )
    assert one == two != other


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_length": 1}, "max_length cannot be 1"),
        ({"num_beams": 0}, "num_beams cannot be 0"),
        ({"top_p": 0.0}, "top_p cannot be 0"),
        ({"batch_size": 0}, "batch_size cannot be 0"),
        ({"num_beams": 2, "temperature": 1.0}, "beam search does not sample"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        DecodingConfig(**options)


@pytest.mark.parametrize("size", [7, 192, 1009, 32128])
def test_the_likeliest_token_is_the_first_of_equals(size):
    rng = np.random.default_rng(0)
    logits = rng.integers(0, 9, (20, size)).astype(np.float32)  # many equals, in many blocks
    logits[0] = -np.inf
    logits[1] = np.arange(size)
    np.testing.assert_array_equal(search.likeliest(jnp.asarray(logits)), logits.argmax(-1))
