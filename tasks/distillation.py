"""Any mixture of the corpus, by configuration alone: any teacher, prompts, domains and size.

A teacher is a name that was given to ``fsa generate --teacher``, a prompt the name in a prompt file
(``fsa generate --prompt my.yaml``); ``fsa corpus build`` makes their folders. In gin:

    MIXTURE_OR_TASK_NAME = @tasks.distill()
    tasks.distill.teacher = 'mine'
    tasks.distill.prompts = ('my_prompt', 'rw')
    tasks.distill.domains = ('restaurant',)
    tasks.distill.reviews = 20000
"""

import difflib
import re
from collections.abc import Iterable, Sequence

import seqio

from fsa_jax.opinions.corpus import DOMAINS
from tasks import understanding

_TEACHER = re.compile(r"[A-Za-z0-9_]+")
_PROMPT = re.compile(r"[a-z][a-z0-9_]*")


def distill(
    teacher: str,
    prompts: str | Sequence[str] = ("anl", "rw"),
    domains: str | Sequence[str] = DOMAINS,
    reviews: int | None = None,
) -> str:
    """Registers a mixture of the corpus, unless there is one already; for gin and notebooks.

    Nothing is read. A mixture that has a registered name (``distill_gpt35_anl_rw_10k``) is that
    one.

    Args:
        teacher: Who wrote: any name that a corpus was made under.
        prompts: What was asked: ``anl``, ``rw``, an ablation of ``anl`` (``anl_without_reasoning``,
            ``anl_without_labels``), or the name of a prompt of your own.
        domains: Restaurant, laptop, or both.
        reviews: How many reviews to draw over all domains, the held-out ones included; ``None`` for
            all.

    Returns:
        The mixture's name.

    Raises:
        ValueError: A value is not fit, or the name is taken by another mixture.
    """
    if not _TEACHER.fullmatch(teacher):
        raise ValueError(f"distill: teacher {teacher!r}: use letters, digits and _ only")
    chosen = _distinct("prompts", prompts)
    for prompt in chosen:
        if not _PROMPT.fullmatch(prompt):
            raise ValueError(
                f"distill: prompt {prompt!r} is no name: give the `name` in the prompt's file"
            )
    places = _distinct("domains", domains)
    for domain in places:
        if domain not in DOMAINS:
            near = difflib.get_close_matches(domain, DOMAINS, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"distill: domain {domain!r}: one of {', '.join(DOMAINS)}{hint}")
    ordered = tuple(domain for domain in DOMAINS if domain in places)
    if reviews is not None and (reviews < 1 or reviews % len(ordered)):
        raise ValueError(
            f"distill: reviews {reviews}: give a positive number that {len(ordered)} domain(s) can "
            "share"
        )
    return _register(teacher, chosen, ordered, reviews)


def _distinct(what: str, names: str | Sequence[str]) -> tuple[str, ...]:
    found = (names,) if isinstance(names, str) else tuple(names)
    if not found or len(set(found)) < len(found):
        raise ValueError(f"distill: {what} {found}: give different names, at least one")
    return found


def _register(
    teacher: str, prompts: Sequence[str], domains: tuple[str, ...], reviews: int | None
) -> str:
    part = None if reviews is None else reviews // len(domains)
    wanted = {
        understanding.task_name(teacher, prompt, domain, part)
        for prompt in prompts
        for domain in domains
    }
    name = understanding.mixture_name(teacher, prompts, domains, reviews)
    if name in seqio.MixtureRegistry.names():
        found = {task.name for task in seqio.MixtureRegistry.get(name).tasks}
        if found != wanted:
            raise ValueError(
                f"distill: there is another mixture {name} already, of {_listed(found)} instead of "
                f"{_listed(wanted)}: name teacher and prompts so that they differ"
            )
        return name
    for prompt in prompts:
        for domain in domains:
            understanding.add_task(teacher, prompt, domain, part)
    understanding.add_mixture(teacher, prompts, domains, reviews)
    return name


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
