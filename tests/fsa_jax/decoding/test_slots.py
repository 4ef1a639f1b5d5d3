"""Decoding against HF ``generate``, and against itself with other batches and shapes."""

import dataclasses

import jax
import numpy as np
import pytest
import torch
import transformers

from fsa_jax.decoding import label_scoring, slots
from fsa_jax.decoding.search import DecodingConfig
from fsa_jax.huggingface import weights
from fsa_jax.model import network, partitioning

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


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return pair_in(tmp_path_factory.mktemp("t5"))


@pytest.fixture(scope="module")
def gated_pair(tmp_path_factory):
    kind = {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}
    return pair_in(tmp_path_factory.mktemp("t5_1_1"), **kind)


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


def theirs(model, inputs, max_length=100, **options):
    tokens = padded(inputs)
    with torch.no_grad():
        out = model.generate(
            input_ids=tokens, attention_mask=tokens > 0, max_length=max_length, **options
        )
    rows = [row[1:].tolist() for row in out]
    return [row[: row.index(1)] if 1 in row else row for row in rows]


def ours(params, config, inputs, **options):
    return [
        row.tolist() for row in slots.generate(params, config, inputs, DecodingConfig(**options))
    ]


def test_greedy_equals_hf(pair):
    model, params, config = pair
    # Of all their choices the closest two tokens are 3e-4 apart: rounding does not choose.
    inputs = sentences(60, seed=4) + sentences(30, seed=4, longest=70)
    expected = theirs(model, inputs, do_sample=False, num_beams=1)
    lengths = {len(row) for row in expected}
    assert min(lengths) < 10
    assert max(lengths) == 99  # both kinds of ending are tested
    assert ours(params, config, inputs, batch_size=16) == expected


def test_greedy_equals_hf_for_gated_and_untied(gated_pair):
    model, params, config = gated_pair
    assert not config.logits_via_embedding
    inputs = sentences(40)
    expected = theirs(model, inputs, 30, do_sample=False, num_beams=1)
    assert ours(params, config, inputs, max_length=30, batch_size=16) == expected


@pytest.mark.parametrize("max_length", [2, 34])
def test_lengths_count_like_hf(pair, max_length):
    model, params, config = pair
    inputs = sentences(20)
    expected = theirs(model, inputs, max_length, do_sample=False, num_beams=1)
    assert max(map(len, expected)) == max_length - 1
    assert ours(params, config, inputs, max_length=max_length, batch_size=8) == expected


@pytest.mark.parametrize(
    "options",
    [
        {"num_beams": 4},
        pytest.param({"num_beams": 3, "length_penalty": 0.0}, marks=pytest.mark.slow),
        {"num_beams": 2, "length_penalty": 2.0, "early_stopping": True},
    ],
)
def test_beam_search_equals_hf(pair, options):
    model, params, config = pair
    inputs = sentences(30, seed=1)
    expected = theirs(model, inputs, 30, do_sample=False, **options)
    assert len({tuple(row) for row in expected}) > 20
    assert ours(params, config, inputs, max_length=30, batch_size=16, **options) == expected


@pytest.mark.parametrize(
    "options", [{"num_beams": 3}, {"temperature": 0.9, "top_k": 20}], ids=["beams", "samples"]
)
def test_results_do_not_depend_on_batch_or_company(pair, options):
    _, params, config = pair
    inputs = sentences(20, seed=2)
    whole = ours(params, config, inputs, max_length=20, batch_size=32, **options)
    assert ours(params, config, inputs, max_length=20, batch_size=5, **options) == whole
    alone = ours(params, config, inputs[:1], max_length=20, **options)
    assert alone == whole[:1]


def test_scanned_layers_decode_the_same(pair):
    _, params, config = pair
    inputs = sentences(12)
    limits = {"max_length": 20, "batch_size": 4}
    scanned = dataclasses.replace(config, scan_layers=True)
    stacked = network.stack_layers(params, scanned)
    assert ours(stacked, scanned, inputs, **limits) == ours(params, config, inputs, **limits)


def on_mesh(params, mesh, split_over_data):
    """Parameters on a mesh: matrices split over it (FSDP), or a copy on each device."""

    def put(x):
        splits = split_over_data and x.ndim == 2 and x.shape[0] % 4 == x.shape[1] % 2 == 0
        axes = ("data", "model") if splits else ()
        return jax.device_put(x, jax.NamedSharding(mesh, jax.P(*axes)))

    return jax.tree.map(put, params)


@pytest.mark.parametrize(
    ("model_parallel", "options"),
    [(1, {}), (2, {"num_beams": 2}), pytest.param(2, {}, marks=pytest.mark.slow)],
)
def test_slots_on_a_mesh_decode_the_same(pair, model_parallel, options):
    _, params, config = pair
    inputs = sentences(21)
    mesh = partitioning.make_mesh(model_parallel)
    spread = on_mesh(params, mesh, split_over_data=model_parallel > 1)
    limits = {"max_length": 12, "batch_size": 4, **options}
    assert ours(spread, config, inputs, **limits) == ours(params, config, inputs, **limits)


def test_each_device_of_a_mesh_decodes_its_own_slots(pair):
    _, params, config = pair
    mesh = partitioning.make_mesh()
    spread = on_mesh(params, mesh, split_over_data=False)
    inputs = sentences(40)
    pool = slots._Pool(spread, config, inputs, DecodingConfig(max_length=8, batch_size=2))
    pool.refill()
    pool.run()
    assert len(pool.examples) == 2 * 8
    tokens, sources = pool.state["search"]["tokens"], pool.state["sources"]
    keys = pool.state["caches"][0]["cross"]["key"]
    assert {x.addressable_shards[0].data.shape[0] for x in (tokens, sources, keys)} == {2}


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


def test_nothing_in_nothing_out(pair):
    _, params, config = pair
    assert slots.generate(params, config, []) == []
    assert label_scoring.score_labels(params, config, [], []) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_length": 1}, "max_length cannot be 1"),
        ({"num_beams": 0}, "num_beams cannot be 0"),
        ({"top_p": 0.0}, "top_p cannot be 0"),
        ({"num_beams": 8, "batch_size": 4}, "batch_size cannot be 4"),
        ({"num_beams": 2, "temperature": 1.0}, "beam search does not sample"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        DecodingConfig(**options)


def test_label_scores_equal_hf_one_pass_per_label(pair, in_float64, assert_as_exact):
    model, params, config = pair
    inputs = sentences(50)
    words = [[7, 1], [9, 12, 1], [5], [30, 8, 9, 1]]
    labels = [words if i % 3 else words[:2] for i in range(len(inputs))]
    found = label_scoring.score_labels(params, config, inputs, labels, batch_size=16)
    tokens = padded(inputs)

    @torch.no_grad()
    def theirs(model):
        """A row of scores per input, of all words."""
        columns = []
        for word in words:
            start = torch.tensor([[0, *word[:-1]]] * len(inputs))
            logits = model(
                input_ids=tokens, attention_mask=tokens > 0, decoder_input_ids=start
            ).logits
            columns.append(torch.log_softmax(logits, -1)[:, range(len(word)), word].sum(1))
        rows = torch.stack(columns, 1).tolist()
        return np.concatenate([row[: len(own)] for row, own in zip(rows, labels, strict=True)])

    assert [len(scores) for scores in found] == [len(own) for own in labels]
    assert_as_exact("label scores", np.concatenate(found), theirs(model), in_float64(model, theirs))


def test_label_scores_on_a_mesh_are_the_same(pair):
    _, params, config = pair
    inputs = sentences(19)
    labels = [[[7, 1], [9, 12, 1], [5]]] * len(inputs)
    spread = on_mesh(params, partitioning.make_mesh(), split_over_data=False)
    np.testing.assert_allclose(
        label_scoring.score_labels(spread, config, inputs, labels, batch_size=2),
        label_scoring.score_labels(params, config, inputs, labels, batch_size=2),
        atol=1e-5,
    )


def test_an_input_that_comes_again_is_encoded_once(pair, monkeypatch):
    _, params, config = pair
    inputs = sentences(4)
    words = [[7, 1], [9, 12, 1], [5, 1]]
    expected = label_scoring.score_labels(params, config, inputs, [words] * 4)
    seen = []
    scored = label_scoring._score_distinct
    monkeypatch.setattr(
        label_scoring, "_score_distinct", lambda *args: seen.append(len(args[2])) or scored(*args)
    )
    listed = [(x, word) for x in inputs for word in words]
    apart = label_scoring.score_labels(
        params, config, [x for x, _ in listed], [[word] for _, word in listed]
    )
    assert seen == [4]
    np.testing.assert_allclose(np.reshape(apart, (4, 3)), expected, atol=1e-5)


def test_labels_must_have_tokens(pair):
    _, params, config = pair
    with pytest.raises(ValueError, match="example 1 needs label words"):
        label_scoring.score_labels(params, config, sentences(2), [[[5]], [[]]])


def test_few_shapes_are_compiled(pair):
    _, params, config = pair
    inputs = sentences(100, seed=5)
    before = slots._run._cache_size()
    ours(params, config, inputs, batch_size=16)  # as in test_greedy_equals_hf
    # One source width; cache lengths 32 and 99; and the last rows in fewer slots.
    assert slots._run._cache_size() - before <= 6
    after = slots._run._cache_size()
    ours(params, config, inputs, batch_size=16)
    assert slots._run._cache_size() == after


def test_examples_are_encoded_at_about_their_own_length():
    widths = [slots._encoder_width(length) for length in range(1, 1000)]
    assert all(n <= width <= max(16, 1.5 * n) for n, width in enumerate(widths, start=1))
    assert len(set(widths)) == 13


def test_dropout_of_the_config_is_ignored(pair):
    _, params, config = pair
    inputs = sentences(4)
    wet = dataclasses.replace(config, dropout_rate=0.5)
    expected = ours(params, config, inputs, max_length=20)
    assert ours(params, wet, inputs, max_length=20) == expected
    assert jax.tree.all(
        jax.tree.map(
            np.array_equal,
            label_scoring.score_labels(params, wet, inputs, [[[5]]] * 4),
            label_scoring.score_labels(params, config, inputs, [[[5]]] * 4),
        )
    )
