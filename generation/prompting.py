"""Prompt files: what is asked of a teacher, versioned, and replaceable by the user.

A prompt file is YAML with ``name``, ``version``, ``kind`` (``anl``: the answer is blocks of target,
aspect, sentiment and reasoning; ``rw``: it is plain text), an optional ``system`` message, a
``template`` that holds ``{input review}`` and, where worked examples are wanted, ``{demo}``, and
``demos`` with a ``review`` and its ``answer`` for each domain. A demo may name ``telltales``, words
that no answer about another review has by itself.
"""

import dataclasses
import functools
import hashlib
import importlib.resources
import json
import re
from pathlib import Path
from typing import Any

import yaml

from fsa_jax.opinions.corpus import DOMAINS
from fsa_jax.runtime import files
from generation import quality
from generation.records import Review

KINDS = ("anl", "rw")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_REVIEW, _DEMO = "{input review}", "{demo}"
# So many words running, of which so many are no function words, are no chance: none of 400 real
# answers has such a run of another text.
_RUN, _TELLING = 6, 3

Message = dict[str, str]


@dataclasses.dataclass(frozen=True)
class Prompt:
    """One prompt.

    Attributes:
        name: Part of the corpus's name.
        version: Part of the ledger's keys.
        kind: ``anl`` or ``rw``; decides how answers are checked.
        template: The user message, with its placeholders.
        demos: Worked example by domain, ready to stand in for ``{demo}``.
        system: The system message, or None.
        telltales: Words of each domain's demonstration that betray it in an answer.
    """

    name: str
    version: str
    kind: str
    template: str
    demos: dict[str, str]
    system: str | None = None
    telltales: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)

    def messages(self, review: Review, instruction_role: bool = True) -> list[Message]:
        """Returns the chat messages that ask about ``review``.

        Args:
            review: Whose text is put in as it is; placeholders and instructions inside it stay
                data.
            instruction_role: Whether the model knows a system role; where not, that text leads the
                user message.
        """
        before, after = self._parts(review.domain)
        text = before + review.text + after
        if self.system is None:
            return [{"role": "user", "content": text}]
        if instruction_role:
            return [{"role": "system", "content": self.system}, {"role": "user", "content": text}]
        return [{"role": "user", "content": f"{self.system}\n\n{text}"}]

    def _parts(self, domain: str) -> tuple[str, str]:
        return _split(self.template, self.demos.get(domain, ""))

    @property
    def sha256(self) -> str:
        """Hash of all that is asked; how an answer is checked does not change it."""
        asked = dataclasses.asdict(self)
        del asked["telltales"]
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()

    def betraying(self, domain: str) -> tuple[str, ...]:
        """Returns what in an answer comes from the demonstration, if the review lacks it.

        These are the telltales, and some words running of the demonstration's text: of its review,
        and of its answer where that is prose. Analyses share phrases with good ones.
        """
        return _betraying(self.demos.get(domain, ""), self.telltales.get(domain, ()), self.kind)


@dataclasses.dataclass(frozen=True)
class LabelPrompt(Prompt):
    """A prompt whose answer is not written, but chosen: the most probable text behind it.

    It is given to the model as it is, without a chat template.

    Attributes:
        labels: What may be answered.
    """

    labels: tuple[str, ...] = ()


@functools.lru_cache(maxsize=64)
def _split(template: str, demo: str) -> tuple[str, str]:
    # The review goes in last and is never searched for placeholders.
    before, after = template.split(_REVIEW)
    return before.replace(_DEMO, demo), after.replace(_DEMO, demo)


@functools.lru_cache(maxsize=64)
def _betraying(demo: str, telltales: tuple[str, ...], kind: str) -> tuple[str, ...]:
    texts = demo.removeprefix("Review:").split("\n\n")[: 1 if kind == "anl" else None]
    words = [quality.spelt(text).split() for text in texts]
    runs = [run[n : n + _RUN] for run in words for n in range(len(run) - _RUN + 1)]
    phrases = [" ".join(run) for run in runs if len(quality.telling(" ".join(run))) >= _TELLING]
    return tuple(map(quality.spelt, [*telltales, *phrases]))


def shipped() -> list[str]:
    """Returns the names of the prompts that the package ships."""
    folder = importlib.resources.files("generation") / "prompts"
    return sorted(
        item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml")
    )


def load(name_or_path: str) -> Prompt:
    """Loads a shipped prompt by name, or a user's file by path.

    Raises:
        FileNotFoundError: Neither a shipped name nor a file.
        ValueError: The file is not a prompt; the message names file and field.
    """
    if name_or_path in shipped():
        text = (
            importlib.resources.files("generation") / "prompts" / f"{name_or_path}.yaml"
        ).read_text("utf-8")
        return _parse(text, f"prompts/{name_or_path}.yaml")
    path = Path(name_or_path)
    if not path.suffix:
        raise ValueError(
            f"prompt {name_or_path!r} is not shipped; use {', '.join(shipped())} or the path of a "
            ".yaml file"
        )
    try:
        text = files.require_file(path).read_text("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
    return _parse(text, str(path))


def load_all(names: str) -> list[Prompt]:
    """Loads a comma-separated list of prompts, whose names must differ."""
    prompts = [load(name.strip()) for name in names.split(",") if name.strip()]
    if not prompts:
        raise ValueError("--prompt is empty; name one, such as anl,rw")
    twice = {p.name for p in prompts if sum(other.name == p.name for other in prompts) > 1}
    if twice:
        raise ValueError(f"prompt {sorted(twice)[0]!r} is named twice in --prompt {names}")
    return prompts


def _parse(text: str, where: str) -> Prompt:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"{where}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(value, dict):
        raise ValueError(
            f"{where}: a prompt file is a mapping with name, version, kind, template and demos"
        )
    known = {field.name for field in dataclasses.fields(Prompt)} - {"telltales"}
    if unknown := sorted(set(value) - known):
        raise ValueError(
            f"{where}: unknown field {unknown[0]!r}; known are {', '.join(sorted(known))}"
        )
    for field in ("name", "version", "kind", "template"):
        if not value.get(field):
            raise ValueError(f"{where}: field {field!r} is missing")
    if not _NAME.fullmatch(str(value["name"])):
        raise ValueError(
            f"{where}: field 'name' is {value['name']!r}; use lower-case letters, digits and _"
        )
    if value["kind"] not in KINDS:
        raise ValueError(f"{where}: field 'kind' is {value['kind']!r}; use {' or '.join(KINDS)}")
    template = str(value["template"])
    if template.count(_REVIEW) != 1:
        raise ValueError(
            f"{where}: field 'template' must hold {_REVIEW} once, not {template.count(_REVIEW)} "
            "times"
        )
    demos = value.get("demos") or {}
    if not isinstance(demos, dict):
        raise ValueError(f"{where}: field 'demos' is no mapping from domain to demonstration")
    telltales = _telltales(demos, where)
    demos = _demos(demos, where)
    if _DEMO in template and set(demos) != set(DOMAINS):
        raise ValueError(
            f"{where}: field 'template' holds {_DEMO}, so 'demos' needs {' and '.join(DOMAINS)}"
        )
    system = value.get("system")
    return Prompt(
        str(value["name"]),
        str(value["version"]),
        value["kind"],
        template,
        demos,
        str(system) if system else None,
        telltales,
    )


def _demos(demos: dict[str, Any], where: str) -> dict[str, str]:
    for domain, demo in demos.items():
        if (
            domain not in DOMAINS
            or not isinstance(demo, dict)
            or not {"review", "answer"} <= set(demo)
        ):
            raise ValueError(
                f"{where}: field 'demos' needs, for {' and '.join(DOMAINS)}, a 'review' and its "
                "'answer'"
            )
    return {
        domain: f"Review: {str(demo['review']).strip()}\n\n{str(demo['answer']).strip()}"
        for domain, demo in demos.items()
    }


def _telltales(demos: dict[str, Any], where: str) -> dict[str, tuple[str, ...]]:
    found = {}
    for domain, demo in demos.items():
        words = demo.get("telltales") or [] if isinstance(demo, dict) else []
        text = quality.spelt(f"{demo.get('review')} {demo.get('answer')}") if words else ""
        if not isinstance(words, list) or any(quality.spelt(str(w)) not in text for w in words):
            raise ValueError(
                f"{where}: field 'telltales' of demo {domain!r} is {words!r}; list words of its "
                "review or answer"
            )
        found[domain] = tuple(map(str, words))
    return found
