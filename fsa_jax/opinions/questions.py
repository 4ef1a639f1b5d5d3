"""What a task asks about each sentence, for students and LLMs alike.

A *question* is one example of a student and one prompt of an LLM: either all units of a sentence
(``tsa_rest14``), or the polarity of one of its gold units (zero-shot *classification*, TSC and ASC:
``tsc_rest14``). Both sides take ids, gold units and sub-sets from here, so that their prediction
rows pair up.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence

from fsa_jax.opinions.data_sets import DATA_SETS, DataSet
from fsa_jax.opinions.sentences import Sentence
from fsa_jax.opinions.units import Kind, Unit, gold_units

# Four labels for targets, three for categories, as table 10 lists them; a conflict is no
# category's.
TSC_LABELS = ("negative", "neutral", "positive", "conflict")
ASC_LABELS = ("negative", "neutral", "positive")
# How table 10 asks students and open models, whose answer is the most probable label; the ends of
# the prompts in context (table 9) have the same form.
ASKED = "Sentence: {}\nLabel:"


@dataclasses.dataclass(frozen=True)
class Classification:
    """A task that asks for the polarity of a gold unit.

    Attributes:
        data_set: Name of the data set that holds the units.
        labels: What may be answered, in the order of table 10.
    """

    data_set: str
    labels: tuple[str, ...]


CLASSIFICATIONS: Mapping[str, Classification] = {
    "tsc_rest14": Classification("tsa_rest14", TSC_LABELS),
    "tsc_laptop14": Classification("tsa_laptop14", TSC_LABELS),
    "asc_rest16": Classification("asa_rest16", ASC_LABELS),
    "asc_laptop16": Classification("asa_laptop16", ASC_LABELS),
}


@dataclasses.dataclass(frozen=True)
class Question:
    """What is asked about a sentence.

    Attributes:
        id: The sentence's id; behind it ``#<n>`` where the n-th gold unit, from 0, is asked about.
        sentence: The sentence.
        gold: The right answer: all gold units, or the one that is asked about.
        hard: Whether the sentence is one of the benchmark's additional hard samples.
        unit: The unit whose polarity is asked for; ``None`` where all units are.
    """

    id: str
    sentence: Sentence
    gold: tuple[Unit, ...]
    hard: bool
    unit: Unit | None = None

    @property
    def text(self) -> str:
        """The sentence, and in a line of its own what of it is asked about."""
        if self.unit is None:
            return self.sentence.text
        if "target" in self.unit:
            return f"{self.sentence.text}\nOpinion target: {self.unit['target']}"
        return f"{self.sentence.text}\nAspect category: {self.unit['category']}"

    @property
    def subsets(self) -> dict[str, bool | None]:
        """Which sub-sets of the scores the sentence is in; ``None`` where nobody annotated it."""
        return {
            "implicit": self.sentence.implicit,
            "multiple": self.sentence.is_multiple,
            "hard": self.hard,
        }


def data_set_of(task: str) -> DataSet:
    """Returns the data set that a benchmark task asks about.

    Raises:
        ValueError: There is no such task.
    """
    named = CLASSIFICATIONS[task].data_set if task in CLASSIFICATIONS else task
    if named not in DATA_SETS:
        raise ValueError(f"no benchmark task {task!r}: {', '.join((*DATA_SETS, *CLASSIFICATIONS))}")
    return DATA_SETS[named]


def questions(task: str, sentences: Iterable[tuple[Sentence, bool]]) -> Iterator[Question]:
    """Yields what a benchmark task asks about sentences, in their order.

    Args:
        task: Its name, that of a classification or not.
        sentences: Sentences with whether they are hard samples, as of ``sentences_of``.

    Raises:
        ValueError: There is no such task, or a gold polarity is none of its labels.
    """
    kind = data_set_of(task).kind
    asked = CLASSIFICATIONS.get(task)
    for sentence, hard in sentences:
        if asked is None:
            yield about_sentence(sentence, kind, hard)
        else:
            yield from about_units(sentence, kind, asked.labels, hard)


def about_sentence(sentence: Sentence, kind: Kind, hard: bool) -> Question:
    """Returns the question for all units of a sentence."""
    return Question(sentence.id, sentence, tuple(gold_units(sentence, kind)), hard)


def about_units(
    sentence: Sentence, kind: Kind, labels: Sequence[str], hard: bool
) -> Iterator[Question]:
    """Yields the questions for the polarity of each gold unit.

    Raises:
        ValueError: A gold polarity is none of the labels.
    """
    for number, unit in enumerate(gold_units(sentence, kind)):
        if unit["polarity"] not in labels:
            known = ", ".join(labels)
            raise ValueError(f"sentence {sentence.id}: {unit['polarity']!r} is none of {known}")
        yield Question(f"{sentence.id}#{number}", sentence, (unit,), hard, unit)
