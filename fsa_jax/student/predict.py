"""A finished student answers own text: opinions with their places and confidence, or plain text.

What is asked for is told by the student's task (``forms``).

**Confidence.** The student writes an opinion token by token; the product of the probabilities that
it gave to the opinion's own tokens, from the first field to the polarity, is its confidence. Given
a target, it is the share of the label among all labels. Students are too sure of themselves, so a
run that was calibrated (``student/calibration.py``) gives the share of such opinions that were
right on its development split instead.

**Long texts.** A student knows texts as long as those that it was trained on, and answers longer
ones, though worse. Attention to a text takes memory by the square of its length: of a text with
more than ``MOST_TOKENS`` the beginning alone is read, and the answer says so.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import sentencex
import seqio

from fsa_jax.decoding import label_scoring, slots
from fsa_jax.decoding.search import DecodingConfig
from fsa_jax.opinions import analyses
from fsa_jax.opinions.spans import Span, canonical
from fsa_jax.opinions.units import Unit, parse_places, settle_fields
from fsa_jax.student.forms import only_form
from fsa_jax.student.load import Student

Answer = dict[str, Any]
MOST_TOKENS = 1024
_DIGITS = 4  # of a confidence
_OFFSETS = ("start", "end", "opinion_start", "opinion_end")
# Inputs that are longer are answered in batches of an eighth, which take no more memory.
_LONG, _LONG_SHARE = 256, 8


class Predictor:
    """Answers texts.

    Args:
        student: Who answers.
        decoding: How; greedily by default.
        calibrate: Turns a confidence into the share of such answers that are right; None leaves it
            as it is.

    Raises:
        ValueError: The student's mixture has answers of several forms.
    """

    def __init__(
        self,
        student: Student,
        decoding: DecodingConfig | None = None,
        calibrate: Callable[[float], float] | None = None,
    ):
        self.form = only_form(student.task)
        self.student = student
        self.decoding = dataclasses.replace(
            decoding or DecodingConfig(),
            first=self._first_of([self.form.begins]),
            never_first=self._first_of(self.form.never_begins),
        )
        self._calibrate = calibrate or (lambda confidence: confidence)

    def _first_of(self, beginnings: Sequence[str]) -> tuple[int, ...]:
        encode = self.student.vocabulary.encode
        return tuple(sorted({int(encode(text)[0]) for text in beginnings if text}))

    def predict(self, texts: Any, given: Sequence[str] | None = None, split: bool = False) -> Any:
        """Answers texts, each for itself.

        Args:
            texts: A list of texts, or a pandas Series of them.
            given: For each text the target or category whose polarity is asked for, where the task
                is given one.
            split: Take the texts apart into sentences, as the students of the benchmarks read them,
                and answer each; offsets are those of the whole text.

        Returns:
            For each text, in order: ``opinions``, a list of units of the task's fields, with
            ``start`` and ``end`` where they stand in the text, ``polarity`` and ``confidence``; or
            ``parsed``, what the task's own postprocessor reads; or, of an analysis, ``analysis``.
            Beside it ``raw``, what the student wrote (a list of texts where they are split), and
            ``truncated`` where only the beginning was read. Blank texts have an empty answer and
            are not asked about. Of a Series, a DataFrame with its index.

        Raises:
            ValueError: ``given`` is missing, superfluous, or of another length, or does not go
                with ``split``.
        """
        if hasattr(texts, "index") and hasattr(texts, "to_list"):
            import pandas  # comes with who has a Series

            rows = self.predict(texts.to_list(), given, split)
            return pandas.DataFrame(rows, index=texts.index)
        texts = list(texts)
        self.check(texts, given, split)
        if not split:
            return self._whole(texts, given or [""] * len(texts))
        places = [_sentences(text) for text in texts]
        flat = [text[a:b] for text, spans in zip(texts, places, strict=True) for a, b in spans]
        asked = iter(self._whole(flat, [""] * len(flat)))
        return [self._join([next(asked) for _ in spans], spans) for spans in places]

    def check(self, texts: Sequence[Any], given: Sequence[str] | None, split: bool = False) -> None:
        """Refuses what ``predict`` cannot answer, before anything is decoded; see there."""
        for number, text in enumerate(texts):
            if not isinstance(text, str):
                raise ValueError(f"text {number} is {text!r}, no text")
        if (given is not None) != bool(self.form.labels):
            fields = "target or category"
            raise ValueError(
                f"{self.form.name} asks for the polarity of a given {fields}: give one a text"
                if self.form.labels
                else f"{self.form.name} finds its opinions itself: do not give a {fields}"
            )
        if given is not None and split:
            raise ValueError(
                "a given target or category belongs to a text as a whole: do not split"
            )
        if given is not None and len(given) != len(texts):
            raise ValueError(f"{len(given)} targets or categories for {len(texts)} texts")

    def lengths(self, texts: Iterable[str], split: bool = False) -> Iterator[int]:
        """Yields for each text the tokens that the student has to read; of its longest sentence.

        Texts that cannot be longer than the student saw, by their characters, count as empty.

        Args:
            texts: Texts without what is given with them.
            split: As in ``predict``.
        """
        for text in texts:
            spans = _sentences(text) if split else [(0, len(text))]
            # A token has a character at least, and two are a text's blank before it and its end.
            own = (text[a:b] for a, b in spans if b - a + 2 > self.longest)
            yield max((len(self.student.vocabulary.encode(one)) + 1 for one in own), default=0)

    @property
    def longest(self) -> int:
        """Tokens of the longest text that the student was trained on; where unknown, the most."""
        told = self.student.facts.get("longest", {}).get("inputs", MOST_TOKENS)
        return min(int(told), MOST_TOKENS)

    def _whole(self, texts: Sequence[str], given: Sequence[str]) -> list[Answer]:
        """Answers to texts, empty ones to blank texts."""
        asked = [i for i, text in enumerate(texts) if text.strip()]
        read = {i: self._input(texts[i], given[i]) for i in asked}
        answer = self._classify if self.form.labels else self._write
        answers: dict[int, Answer] = {}
        for is_long, size in ((False, 1), (True, _LONG_SHARE)):
            own = [i for i in asked if (len(read[i][0]) > _LONG) == is_long]
            pairs = [(texts[i], given[i]) for i in own]
            size = max(1, self.decoding.batch_size // size)
            decoding = dataclasses.replace(self.decoding, batch_size=size)
            found = answer(pairs, [read[i][0] for i in own], decoding) if own else []
            answers |= zip(own, found, strict=True)
        for i in asked:
            if read[i][1]:
                answers[i]["truncated"] = True
        return [
            answers[i] if i in answers else self._read("", text, []) for i, text in enumerate(texts)
        ]

    def _tokens(self, text: str) -> np.ndarray:
        vocabulary = self.student.vocabulary
        return np.array([*vocabulary.encode(text), vocabulary.eos_id])

    def _input(self, text: str, given: str) -> tuple[np.ndarray, bool]:
        """The tokens that the student reads, and whether a text's end was left out."""
        tokens = self._tokens(self.form.question(text, given))
        if len(tokens) <= MOST_TOKENS:
            return tokens, False
        vocabulary = self.student.vocabulary
        own = vocabulary.encode(text)
        room = MOST_TOKENS - (len(tokens) - len(own))
        beginning = vocabulary.decode(own[: max(0, room)])
        return self._tokens(self.form.question(beginning, given)), True

    def _write(
        self,
        pairs: Sequence[tuple[str, str]],
        inputs: Sequence[np.ndarray],
        decoding: DecodingConfig,
    ) -> list[Answer]:
        """What the student writes about texts, read."""
        student = self.student
        outputs = slots.generate(student.params, student.config, inputs, decoding)
        chances: Sequence[np.ndarray] = [np.zeros(0)] * len(outputs)
        if self.form.kind is not None:
            chances = label_scoring.score_tokens(student.params, student.config, inputs, outputs)
        answers = []
        for (text, _), tokens, own in zip(pairs, outputs, chances, strict=True):
            ids = [int(token) for token in tokens]
            raw = student.vocabulary.decode(ids)
            ends = self._ends(ids) if self.form.kind is not None else []
            answers.append(self._read(raw, text, list(zip(ends, own.tolist(), strict=False))))
        return answers

    def _ends(self, ids: list[int]) -> list[int]:
        """How far the text of an output reaches with each of its tokens, in characters."""
        decode = self.student.vocabulary.decode
        return [len(canonical(decode(ids[: i + 1]))) for i in range(len(ids))]

    def _read(self, raw: str, text: str, tokens: Sequence[tuple[int, float]]) -> Answer:
        """Reads an output.

        Args:
            raw: The output.
            text: What it is about.
            tokens: Of each token the end in the output, in characters, and its log-probability.
        """
        kind = self.form.kind
        if kind is None and self.form.reads is not None:
            return {"parsed": _postprocessed(self.form.reads, text, raw), "raw": raw}
        if kind is None:
            found = [dataclasses.asdict(block) for block in analyses.blocks(raw)]
            return ({"analysis": found} if found else {}) | {"raw": raw}
        placed, _ = parse_places(raw, kind, text)
        opinions = [unit | self._confidence(_chance(tokens, place)) for unit, place in placed]
        return {"opinions": opinions, "raw": raw}

    def _confidence(self, chance: float) -> dict[str, float]:
        return {"confidence": round(self._calibrate(chance), _DIGITS)}

    def _classify(
        self,
        pairs: Sequence[tuple[str, str]],
        inputs: Sequence[np.ndarray],
        decoding: DecodingConfig,
    ) -> list[Answer]:
        """The most probable label of each given target or category."""
        student, form = self.student, self.form
        if form.kind is None:
            raise ValueError(f"{form.name} does not say what is given")
        words = [self._tokens(label).tolist() for label in form.labels]
        scores = label_scoring.score_labels(
            student.params, student.config, inputs, [words] * len(inputs), decoding.batch_size
        )
        answers = []
        for (text, given), row in zip(pairs, scores, strict=True):
            shares = np.exp(row - np.logaddexp.reduce(row))
            best = int(np.argmax(row))
            unit: Unit = settle_fields([given], form.kind, text, {})
            unit["polarity"] = form.labels[best]
            unit |= self._confidence(float(shares[best]))
            answers.append({"opinions": [unit], "raw": form.labels[best]})
        return answers

    def _join(self, answers: Sequence[Answer], places: Sequence[Span]) -> Answer:
        """The answer to a text from those to its sentences."""
        joined: Answer = {"raw": [answer["raw"] for answer in answers]}
        if any("truncated" in answer for answer in answers):
            joined["truncated"] = True
        for name in ("opinions", "parsed", "analysis"):
            if any(name in answer for answer in answers) or (name == "opinions" and self.form.kind):
                parts = zip(answers, places, strict=True)
                joined[name] = [
                    _moved(unit, start)
                    for answer, (start, _) in parts
                    for unit in answer.get(name) or ()
                ]
        return joined


def _sentences(text: str) -> list[Span]:
    """The places of a text's sentences, without the blanks around them."""
    spans, start = [], 0
    for piece in sentencex.segment("en", text):
        body = piece.strip()
        if body:
            begin = start + piece.index(body)
            spans.append((begin, begin + len(body)))
        start += len(piece)
    return spans


def _moved(unit: Any, start: int) -> Any:
    """A unit of a sentence that begins at a place of the whole text."""
    if not isinstance(unit, Mapping):
        return unit
    places = {name: unit[name] + start for name in _OFFSETS if unit.get(name) is not None}
    return {**unit, **places}


def _chance(tokens: Sequence[tuple[int, float]], place: Span) -> float:
    """The probability of the tokens that write a place of an output."""
    begin, total = 0, 0.0
    for end, log_probability in tokens:
        if begin < place[1] and end > place[0]:
            total += log_probability
        begin = end
    return float(np.exp(total))


def _postprocessed(task: seqio.Task, text: str, raw: str) -> Any:
    """What a task's own postprocessor reads; its examples are strings of bytes, as SeqIO has them.

    Nobody knows the gold answer of an own text: the example says that there is none.
    """
    example: dict[str, Any] = {"id": b"0", "text": text.encode(), "gold": b"[]"}
    example |= {"implicit": -1, "multiple": 0, "hard": 0}
    return task.postprocess_fn(raw, example=example, is_target=False)
