"""Log-probabilities of label words equal those of one pass for each label."""

import jax
import numpy as np
import pytest
import torch
from hf_pairs import padded, sentences

from fsa_jax.decoding import label_scoring
from fsa_jax.model import partitioning, seeds_axis


def on_mesh(params, mesh, split_over_data):
    """Parameters on a mesh: matrices split over it (FSDP), or a copy on each device."""

    def put(x):
        splits = split_over_data and x.ndim == 2 and x.shape[0] % 4 == x.shape[1] % 2 == 0
        axes = ("data", "model") if splits else ()
        return jax.device_put(x, jax.NamedSharding(mesh, jax.P(*axes)))

    return jax.tree.map(put, params)


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
        rtol=1e-6,
        atol=1e-5,
    )


@pytest.mark.parametrize("one_by_one", [True, False])
def test_students_together_score_as_each_alone(pair, monkeypatch, one_by_one):
    _, params, config = pair
    monkeypatch.setattr(seeds_axis, "is_one_by_one", lambda: one_by_one)
    inputs = sentences(7)
    labels = [[[7, 1], [9, 12, 1], [5]]] * len(inputs)
    own = [jax.tree.map(lambda x, times=times: x * times, params) for times in (1.0, 0.9)]
    expected = [
        label_scoring.score_labels(student, config, inputs, labels, batch_size=4) for student in own
    ]
    assert not np.allclose(*expected)
    found = label_scoring.score_labels_each(own, config, inputs, labels, batch_size=4)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-5)


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


def test_token_scores_equal_hf_and_add_up_to_the_label_score(pair, in_float64, assert_as_exact):
    model, params, config = pair
    inputs = sentences(12)
    outputs = [np.array(tokens[: i % 12]) for i, tokens in enumerate(sentences(12, seed=1))]
    found = label_scoring.score_tokens(params, config, inputs, outputs)
    assert [len(scores) for scores in found] == [len(output) for output in outputs]

    @torch.no_grad()
    def theirs(model):
        rows = []
        for tokens, output in zip(inputs, outputs, strict=True):
            start = torch.tensor([[0, *output[:-1].tolist()]])
            source = torch.tensor(np.asarray(tokens))[None]
            logits = model(input_ids=source, decoder_input_ids=start).logits[0]
            rows += torch.log_softmax(logits, -1)[range(len(output)), output.tolist()].tolist()
        return np.array(rows)

    full = [i for i, output in enumerate(outputs) if len(output)]
    inputs, outputs, found = ([x[i] for i in full] for x in (inputs, outputs, found))
    own = np.concatenate(found)
    assert_as_exact("token scores", own, theirs(model), in_float64(model, theirs))
    labels = [[output.tolist()] for output in outputs]
    sums = label_scoring.score_labels(params, config, inputs, labels)
    np.testing.assert_allclose([s.sum() for s in found], np.concatenate(sums), rtol=1e-5)


def test_token_scores_on_a_mesh_are_the_same(pair):
    _, params, config = pair
    inputs, outputs = sentences(9), [np.array(tokens) for tokens in sentences(9, seed=1)]
    spread = on_mesh(params, partitioning.make_mesh(), split_over_data=False)
    here = label_scoring.score_tokens(params, config, inputs, outputs)
    there = label_scoring.score_tokens(spread, config, inputs, outputs)
    np.testing.assert_allclose(np.concatenate(there), np.concatenate(here), rtol=1e-5, atol=1e-5)
