"""Whose data a student or a corpus is made of, and where their terms are.

This says where to look, and is no advice: who publishes has to read the terms. Nothing of the data
comes with this project.
"""

import dataclasses

from fsa_jax.opinions.data_sets import DATA_SETS, DataSet


@dataclasses.dataclass(frozen=True)
class Terms:
    """Somebody's data or model.

    Attributes:
        name: What it is.
        terms: Its terms, in a few words.
        url: Where they, or those who know, are.
    """

    name: str
    terms: str
    url: str


BENCHMARKS = {
    "fsa": Terms(
        "FSA benchmark: sentences of SemEval-2014 task 4 and SemEval-2016 task 5, and hard samples",
        "SemEval's sentences are given out through META-SHARE on its terms; for the hard samples "
        "ask the authors of the paper",
        "https://arxiv.org/abs/2412.18552",
    ),
    "asqp": Terms(
        "ASQP: quads on sentences of SemEval-2015 and SemEval-2016",
        "SemEval's sentences are given out through META-SHARE on its terms",
        "https://aclanthology.org/2021.emnlp-main.726",
    ),
    "acos": Terms(
        "ACOS: quads on sentences of SemEval-2016 and on laptop reviews of Amazon",
        "SemEval's sentences are given out through META-SHARE on its terms; for the laptop reviews "
        "ask the authors",
        "https://aclanthology.org/2021.acl-long.29",
    ),
}
TEACHERS = {
    "gpt35": Terms(
        "GPT-3.5 Turbo, by OpenAI",
        "OpenAI's terms: its output is not to be used for models that compete with OpenAI's",
        "https://openai.com/policies",
    ),
    "llama2_7b": Terms(
        "Llama 2, by Meta",
        "Llama 2 Community Licence: its output is not to be used to improve other large language "
        "models",
        "https://ai.meta.com/llama/license",
    ),
    "mixtral_8x7b": Terms(
        "Mixtral 8x7B, by Mistral AI",
        "Apache 2.0",
        "https://huggingface.co/mistralai/Mixtral-8x7B-Instruct-v0.1",
    ),
    "lexicon": Terms(
        "the rule-based teacher of fsa_jax, which is no language model",
        "Apache 2.0",
        "",
    ),
}
REVIEWS = (
    Terms(
        "reviews, where they are of the Yelp Open Dataset",
        "Yelp's terms: academic use, and the reviews are not to be given on",
        "https://business.yelp.com/data/resources/open-dataset",
    ),
    Terms(
        "reviews, where they are of McAuley Lab's Amazon Reviews",
        "no licence is told; collected for research",
        "https://amazon-reviews-2023.github.io",
    ),
)


# Baselines that are trained on the reviews alone.
_ON_REVIEWS = ("dapt_", "rating_prediction", "general_distillation")


def of_teacher(name: str) -> Terms:
    """Returns the terms of a teacher; of one that has no preset nothing is known."""
    unknown = Terms(f"the teacher {name}", "not known to fsa_jax: its maker's terms hold", "")
    return TEACHERS.get(name, unknown)


def of_task(task: str) -> list[Terms]:
    """Returns the terms of what a task is trained on, as far as its name tells.

    Args:
        task: A registered name, such as ``tsa_rest14_p25`` or ``distill_gpt35_anl_rw``.
    """
    if data_set := data_set_of(task):
        return [BENCHMARKS[data_set.form]]
    if teacher := teacher_of(task):
        return [of_teacher(teacher), *REVIEWS]
    return list(REVIEWS) if task.startswith(_ON_REVIEWS) else []


def data_set_of(task: str) -> DataSet | None:
    """Returns the benchmark's data set that a task is about, None for other tasks.

    Args:
        task: A registered name, such as ``tsa_rest14_p25``, ``tsc_rest14_t5`` or
            ``instructabsa_tsa_rest14``.
    """
    asked = task.replace("tsc_", "tsa_").replace("asc_", "asa_")
    return next((data_set for name, data_set in DATA_SETS.items() if name in asked), None)


def teacher_of(task: str) -> str | None:
    """Returns the teacher that a distillation's task names, None for other tasks.

    Args:
        task: A registered name, such as ``distill_mixtral_8x7b_anl_rw_10k``.
    """
    kind, _, rest = task.partition("_")
    if kind not in ("distill", "understanding"):
        return None
    ends = [at for prompt in ("_anl", "_rw") if (at := rest.find(prompt)) > 0]
    return rest[: min(ends)] if ends else None
