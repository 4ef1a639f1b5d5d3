"""How LLMs are asked for the benchmark's tasks: the prompts of tables 9 and 10."""

import functools
import importlib.resources
import random
from typing import Any

import yaml

from fsa_jax.opinions.categories import SPACES
from fsa_jax.opinions.data_sets import DataSet
from fsa_jax.opinions.questions import ASKED, CLASSIFICATIONS
from fsa_jax.opinions.sentences import Sentence
from fsa_jax.opinions.units import gold_units
from generation.evaluation.asking import asked_data_set
from generation.prompting import LabelPrompt, Prompt

# The paper's numbers of demonstrations (appendix A.2); zero-shot tasks have none.
SHOTS = {"tsa_laptop14": 4}
USUAL_SHOTS = 8
SAMPLING = {"temperature": 0.0, "top_p": 1.0, "max_tokens": 256}
_ASKED = ASKED.format("{input review}")


def make_prompt(
    task: str, train: list[tuple[Sentence, bool]], shots: int | None, seed: int
) -> Prompt:
    """Builds the prompt of a task whose answer is written.

    Args:
        task: Such as ``tsa_rest14``.
        train: The train set, as of ``sentences_of``: demonstrations are drawn from it.
        shots: Number of demonstrations; None for the paper's.
        seed: Of the draw.
    """
    data_set = asked_data_set(task)
    texts = _texts()
    if task in CLASSIFICATIONS:
        parts = [texts[task.partition("_")[0]]]
    else:
        parts = [texts[data_set.kind.name]]
        if "category" in data_set.kind.fields:
            parts[0] = parts[0].replace("{category space}", str(_space(data_set, train)))
        parts += _demonstrations(task, data_set, train, shots, seed)
    # A demonstration with the placeholder's words would take the sentence's place.
    parts = [
        part.replace("{input review}", "{input  review}").replace("{demo}", "{ demo}")
        for part in parts
    ]
    return Prompt(task, str(texts["version"]), "label", "\n\n".join([*parts, _ASKED]), {})


def label_prompt(task: str) -> LabelPrompt:
    """Builds the prompt of a task whose labels are scored: table 10's short one.

    Args:
        task: One of ``CLASSIFICATIONS``.
    """
    labels = CLASSIFICATIONS[task].labels
    return LabelPrompt(task, str(_texts()["version"]), "label", _ASKED, {}, labels=labels)


def _demonstrations(
    task: str,
    data_set: DataSet,
    train: list[tuple[Sentence, bool]],
    shots: int | None,
    seed: int,
) -> list[str]:
    count = SHOTS.get(task, USUAL_SHOTS) if shots is None else shots
    if count > len(train):
        raise ValueError(f"--shots is {count}, but the train set has {len(train)} sentences")
    kind = data_set.kind
    gold = [(sentence.text, gold_units(sentence, kind)) for sentence, _ in train]
    return [
        f"Sentence: {text}\nLabel: {[tuple(unit[key] for key in kind.keys) for unit in units]}"
        for text, units in random.Random(f"{seed} {task}").sample(gold, count)
    ]


def _space(data_set: DataSet, train: list[tuple[Sentence, bool]]) -> list[str]:
    """Returns the categories that may be answered.

    They are the benchmark's, not the train set's: the tests hold categories that it lacks. Quads
    come with no list of theirs, so these are the domain's and what else the train set has.
    """
    kind = data_set.kind
    if kind.categories is not None:
        return sorted(kind.categories)
    seen = {unit["category"] for sentence, _ in train for unit in gold_units(sentence, kind)}
    return sorted(SPACES[data_set.domain] | seen)


@functools.cache
def _texts() -> dict[str, Any]:
    text = importlib.resources.files(__package__).joinpath("prompts.yaml").read_text("utf-8")
    return dict(yaml.safe_load(text))
