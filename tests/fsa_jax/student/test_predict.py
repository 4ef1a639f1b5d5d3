"""Own text: row n of the answers is row n of the input, with places and honest confidence."""

import dataclasses

import numpy as np
import pandas
import pytest
import seqio

import tasks  # noqa: F401 - registers them
from fsa_jax.decoding import label_scoring, slots
from fsa_jax.decoding.search import DecodingConfig
from fsa_jax.student import predict
from fsa_jax.student.predict import Predictor

DECODING = DecodingConfig(max_length=8, batch_size=4)
TEXTS = ["", "The wine list is great .", " ", "A fast laptop .", "Food was cold"]


def asked(student, task):
    return dataclasses.replace(student, task=seqio.get_mixture_or_task(task))


class Said(Predictor):
    """Answers with given outputs instead of decoded ones; all else is real."""

    def __init__(self, student, *outputs):
        super().__init__(student, DECODING)
        self.outputs = list(outputs)

    def predict(self, texts, given=None, split=False):
        words = iter(self.outputs)
        encode = self.student.vocabulary.encode

        def said(params, config, inputs, decoding):
            return [np.array(encode(next(words))) for _ in inputs]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(slots, "generate", said)
            return super().predict(texts, given, split)


def test_each_text_has_its_answer_the_blank_ones_too(student):
    predictor = Predictor(student, DECODING)
    answers = predictor.predict(TEXTS)
    assert len(answers) == len(TEXTS)
    for text, answer in zip(TEXTS, answers, strict=True):
        assert answer == (
            predictor.predict([text])[0] if text.strip() else {"opinions": [], "raw": ""}
        )


def test_a_series_comes_back_as_a_frame_with_its_index(student):
    series = pandas.Series(TEXTS, index=list("abcde"))
    frame = Predictor(student, DECODING).predict(series)
    assert list(frame.index) == list("abcde")
    answers = Predictor(student, DECODING).predict(TEXTS)
    assert frame.raw.to_list() == [answer["raw"] for answer in answers]


def test_confidence_is_the_probability_of_the_opinions_own_tokens(student):
    output = "wine list | positive ; waiter | negative"
    text = "The waiter knew the wine list ."
    [answer] = Said(student, output).predict([text])
    assert [(o["target"], o["start"], o["end"], o["polarity"]) for o in answer["opinions"]] == [
        ("wine list", 20, 29, "positive"),
        ("waiter", 4, 10, "negative"),
    ]
    vocabulary = student.vocabulary
    ids = vocabulary.encode(output)
    source = [np.array([*vocabulary.encode(text), vocabulary.eos_id])]
    [scores] = label_scoring.score_tokens(student.params, student.config, source, [np.array(ids)])
    # Which token ends where, found by growing the output a token at a time.
    ends = np.array([len(vocabulary.decode(ids[: i + 1])) for i in range(len(ids))])
    begins = np.array([0, *ends[:-1]])
    for opinion, (start, end) in zip(answer["opinions"], [(0, 20), (23, 40)], strict=True):
        own = (begins < end) & (ends > start)
        assert opinion["confidence"] == round(float(np.exp(scores[own].sum())), 4)


def test_a_calibration_changes_the_confidence_and_nothing_else(student):
    before = Predictor(asked(student, "tsc_rest14"), DECODING).predict(["Good soup"], ["soup"])
    after = Predictor(asked(student, "tsc_rest14"), DECODING, lambda x: x / 2).predict(
        ["Good soup"], ["soup"]
    )
    one, two = before[0]["opinions"][0], after[0]["opinions"][0]
    assert two["confidence"] == pytest.approx(one["confidence"] / 2, abs=1e-4)
    assert one | {"confidence": 0} == two | {"confidence": 0}


def test_given_targets_get_the_most_probable_label(student):
    predictor = Predictor(asked(student, "tsc_rest14"), DECODING)
    [answer, nothing] = predictor.predict(["The soup was cold .", ""], ["soup", "soup"])
    [opinion] = answer["opinions"]
    assert (opinion["target"], opinion["start"], opinion["end"]) == ("soup", 4, 8)
    [metric] = seqio.get_mixture_or_task("tsc_rest14").score_metric_fns
    question = metric.prompt("The soup was cold .", "soup")
    assert question == "Sentence: The soup was cold .\nOpinion target: soup\nLabel:"
    vocabulary = student.vocabulary
    words = [[*vocabulary.encode(label), vocabulary.eos_id] for label in metric.labels]
    source = [np.array([*vocabulary.encode(question), vocabulary.eos_id])]
    [scores] = label_scoring.score_labels(student.params, student.config, source, [words])
    assert opinion["polarity"] == metric.labels[int(np.argmax(scores))]
    share = np.exp(scores.max()) / np.exp(scores).sum()
    assert opinion["confidence"] == pytest.approx(share, abs=1e-4)
    assert nothing["opinions"] == []


def test_offsets_of_sentences_are_those_of_the_whole_text(student):
    review = "Great soup! The waiter, Mr. Smith, was rude.\n\nNice soup."
    said = Said(student, "soup | positive", "waiter | negative", "soup | positive")
    [answer] = said.predict([review], split=True)
    assert answer["raw"] == ["soup | positive", "waiter | negative", "soup | positive"]
    assert [(o["start"], o["end"]) for o in answer["opinions"]] == [(6, 10), (16, 22), (51, 55)]
    for opinion in answer["opinions"]:
        assert review[opinion["start"] : opinion["end"]] == opinion["target"]


def test_blank_texts_have_no_sentences(student):
    assert (
        Predictor(student, DECODING).predict(["", " \n"], split=True)
        == [{"raw": [], "opinions": []}] * 2
    )


def test_an_analysis_is_read_and_a_rewriting_is_not(student):
    analysis = "Opinion Target 1: soup\nAspect: food\nSentiment: positive\nReasoning: great"
    [answer] = Said(asked(student, "distill_lexicon_anl"), analysis).predict(["a"])
    assert answer["analysis"] == [
        {"target": "soup", "aspect": "food", "sentiment": "positive", "reasoning": "great"}
    ]
    rewriting = "The soup is great."
    [answer] = Said(asked(student, "distill_lexicon_rw"), rewriting).predict(["a"])
    assert answer == {"raw": rewriting}


def test_analyses_begin_as_such_and_rewritings_do_not(student):
    encode = student.vocabulary.encode
    first = encode("Opinion Target")[0]
    texts = [f"The soup was cold {n} ." for n in range(8)]
    begins = {}
    for task in ("distill_lexicon_anl", "distill_lexicon_rw"):
        predictor = Predictor(asked(student, task), DECODING)
        inputs = [np.array([*encode(text), 1]) for text in texts]
        outputs = slots.generate(student.params, student.config, inputs, predictor.decoding)
        begins[task] = {int(tokens[0]) if len(tokens) else None for tokens in outputs}
    assert begins["distill_lexicon_anl"] == {first}
    assert first not in begins["distill_lexicon_rw"]


@pytest.mark.parametrize(
    "task", ["tsa_rest14", "instructabsa_tsa_rest14", "tsc_rest14", "tsc_rest14_t5"]
)
def test_own_text_is_asked_about_as_the_task_asks(student, data_dir, task, benchmark_writer):
    keys = ("from", "to", "target", "category", "polarity")
    aspect = dict(zip(keys, ("4", "8", "wine", "DRINKS#QUALITY", "positive"), strict=True))
    item = {"ID": "1", "sentence": "The wine list is great !", "aspects": [aspect]}
    benchmark_writer(data_dir, "atsa/rest14", dev=[item])
    dataset = seqio.get_mixture_or_task(task).get_dataset(None, "validation", shuffle=False)
    example = next(dataset.as_numpy_iterator())
    predictor = Predictor(asked(student, task), DECODING)
    given = "wine" if predictor.form.labels else ""
    tokens, is_cut = predictor._input(example["text"].decode(), given)
    assert not is_cut
    assert tokens.tolist() == example["inputs"].tolist()


def test_of_an_endless_text_the_beginning_is_read(student, monkeypatch):
    monkeypatch.setattr(predict, "MOST_TOKENS", 48)
    texts = ["The soup was cold . " * 20, "Nice waiter .", "The soup was cold . " * 20 + "!"]
    predictor = Predictor(student, DECODING)
    answers = predictor.predict(texts)
    assert [answer.get("truncated", False) for answer in answers] == [True, False, True]
    assert answers[0] == answers[2]
    judged = Predictor(asked(student, "tsc_rest14"), DECODING)
    tokens, is_cut = judged._input(texts[0], "soup")
    assert is_cut
    assert len(tokens) <= 52  # what is cut is the text, not the question behind it
    assert student.vocabulary.decode(tokens.tolist()).endswith("Opinion target: soup\nLabel:")


def test_long_texts_are_answered_as_short_ones_are_in_smaller_batches(student, monkeypatch):
    texts = ["The soup was cold .", "Nice waiter and a fine list of wines .", "Good !"]
    expected = Predictor(student, DECODING).predict(texts)
    sizes = []
    generate = slots.generate

    def spy(params, config, inputs, decoding):
        sizes.append((len(inputs), decoding.batch_size))
        return generate(params, config, inputs, decoding)

    monkeypatch.setattr(slots, "generate", spy)
    monkeypatch.setattr(predict, "_LONG", 15)
    assert (
        Predictor(student, dataclasses.replace(DECODING, batch_size=16)).predict(texts) == expected
    )
    assert sorted(size for _, size in sizes) == [2, 16]


def test_lengths_are_told_of_what_may_be_longer_than_the_student_saw(student):
    known = dataclasses.replace(student, facts={"longest": {"inputs": 20}})
    predictor = Predictor(known, DECODING)
    long = "The soup was cold . " * 3
    whole = len(student.vocabulary.encode(long)) + 1
    one = len(student.vocabulary.encode("The soup was cold .")) + 1
    assert list(predictor.lengths(["Good .", long])) == [0, whole]
    assert predictor.longest == 20
    assert next(predictor.lengths([long], split=True)) in (0, one)
    assert Predictor(student, DECODING).longest == predict.MOST_TOKENS


@pytest.mark.parametrize(
    ("task", "given", "message"),
    [
        ("tsc_rest14", None, "tsc asks for the polarity of a given"),
        ("tsc_rest14", ["a"], "1 targets or categories for 2 texts"),
        ("tsa_rest14", ["a", "b"], "tsa finds its opinions itself"),
    ],
)
def test_what_is_given_has_to_fit_the_task(student, task, given, message):
    with pytest.raises(ValueError, match=message):
        Predictor(asked(student, task), DECODING).predict(["one", "two"], given)


def test_a_text_with_a_given_target_is_not_taken_apart(student):
    with pytest.raises(ValueError, match="do not split"):
        Predictor(asked(student, "tsc_rest14"), DECODING).predict(["A soup ."], ["soup"], True)


def test_what_is_no_text_is_refused(student):
    with pytest.raises(ValueError, match="text 1 is None, no text"):
        Predictor(student, DECODING).predict(["one", None])
