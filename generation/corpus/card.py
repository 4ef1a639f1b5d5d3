"""The card of the corpora in a data root: teachers, prompts, counts, quality rules, terms."""

import collections
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from fsa_jax.opinions.corpus import NAME, SPLITS, VERSION, parts_of
from fsa_jax.opinions.publishing import terms
from fsa_jax.opinions.publishing.cards import CARD, OTHER_LICENCE, front_matter, section, table
from fsa_jax.runtime import files
from generation import quality

_PAPER = "https://arxiv.org/abs/2412.18552"
_TITLE = "Fine-grained sentiment understanding"
_WRITTEN_ANEW = "<!-- `fsa corpus build` and `fsa corpus card` write this file anew. -->"
_LICENCE = re.compile(r"^license: (.+)$", re.MULTILINE)
_KINDS = {"anl": "analysis of the opinions in a review", "rw": "review, rewritten to be plainer"}


def write_card(root: Path, licence: str | None = None) -> Path:
    """Writes the card of all corpora of a data root beside them, and returns its path.

    Args:
        root: The data root.
        licence: The Hub's name of the licence that the texts are given on with; None for that of
            the card that is there.

    Raises:
        FileNotFoundError: The root holds no corpora.
    """
    paths = sorted((root / NAME).glob(f"*/{VERSION}/manifest.json"))
    if not paths:
        raise FileNotFoundError(
            f"{root} holds no corpora ({NAME}/…/{VERSION}/manifest.json): make some with "
            "`fsa corpus build`"
        )
    manifests = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    path = root / NAME / CARD
    if licence is None and path.is_file():
        chosen = _LICENCE.search(path.read_text(encoding="utf-8"))
        licence = chosen[1] if chosen and chosen[1] != OTHER_LICENCE else None
    files.write_text(path, _card(manifests, licence))
    return path


def _card(manifests: Sequence[dict[str, Any]], licence: str | None) -> str:
    fields = {
        "language": "en",
        "license": licence or OTHER_LICENCE,
        "pretty_name": _TITLE,
        "tags": ["sentiment-analysis", "aspect-based-sentiment-analysis", "distillation"],
    }
    what = (
        "What teachers wrote about reviews, to distil a small T5 from by the method of [Distilling "
        f"Fine-grained Sentiment Understanding from Large Language Models]({_PAPER}). Made with "
        "fsa_jax."
    )
    parts = [
        f"\n{_WRITTEN_ANEW}\n\n# {_TITLE}\n\n{what}\n",
        section("How to use it", _usage(manifests[0]["config"])),
        section("Corpora", table(*_counts(manifests)), _split(manifests)),
        section("Teachers", table(*_teachers(manifests))),
        section("Prompts", table(("prompt", "kind", "version", "sha256"), _prompts(manifests))),
        section(
            "Quality rules",
            "A text that breaks a rule is left out; a review without a text is told in `draw.txt`.",
            table(("rule", "what it leaves out", "rows"), _rules(manifests)),
        ),
        section("Licence", *_terms(manifests, licence)),
    ]
    return front_matter(fields) + "".join(parts)


def _usage(config: str) -> str:
    return f"""\
```python
import tensorflow_datasets as tfds
corpus = tfds.builder_from_directory("{config}/{VERSION}")
for example in tfds.as_numpy(corpus.as_dataset(split="train").take(1)):
    print(example["inputs"].decode(), "→", example["targets"].decode())
```
"""


def _counts(manifests: Sequence[dict[str, Any]]) -> tuple[Sequence[str], list[list[Any]]]:
    rows = []
    for one in manifests:
        kept = [one["splits"].get(split, 0) for split in SPLITS]
        rows.append([f"`{one['config']}`", *kept, one["rows"] - sum(kept)])
    return ("corpus", *SPLITS, "left out"), rows


def _split(manifests: Sequence[dict[str, Any]]) -> str:
    shares = sorted({f"{one['validation_fraction']:.0%}" for one in manifests})
    return (
        f"A hash of the review's id decides which {' or '.join(shares)} of the reviews are held "
        "out: the same for all teachers and prompts."
    )


def _teachers(manifests: Sequence[dict[str, Any]]) -> tuple[Sequence[str], list[list[str]]]:
    rows: dict[str, list[str]] = {}
    for name in sorted({_teacher(one) for one in manifests}):
        rows[name] = [name, "", "", "told by its name alone: an imported corpus"]
    for one in manifests:
        for spec in (run["spec"] for run in one.get("runs", {}).values() if "spec" in run):
            sampling = ", ".join(f"{key} {value}" for key, value in spec["sampling"].items())
            rows[spec["teacher"]] = [spec["teacher"], spec["model"], spec["revision"], sampling]
    return ("teacher", "model", "revision", "sampling"), list(rows.values())


def _teacher(manifest: dict[str, Any]) -> str:
    parts = parts_of(manifest["config"])
    return parts[0] if parts else manifest["config"]


def _prompts(manifests: Sequence[dict[str, Any]]) -> list[tuple[str, str, str, str]]:
    found = set()
    for one in manifests:
        for run in one.get("runs", {}).values():
            for name, prompt in run.get("prompts", {}).items():
                kind = _KINDS.get(prompt["kind"], prompt["kind"])
                found.add((name, kind, str(prompt["version"]), prompt["sha256"][:12]))
        if not one.get("runs") and (parts := parts_of(one["config"])):
            found.add((parts[1], _KINDS.get(parts[1], ""), "", ""))
    return sorted(found)


def _rules(manifests: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str, int]]:
    """Each rule, and other reasons for which rows were left out, with their numbers."""
    counts: collections.Counter[str] = collections.Counter()
    for one in manifests:
        for reason, number in one["reasons"].items():
            counts[reason.partition(": ")[2] or reason] += number
    for rule, meaning in quality.RULES.items():
        yield rule, meaning, counts.pop(rule, 0)
    for reason, number in sorted(counts.items()):
        yield reason, "no answer came, or none could be used", number


def _terms(manifests: Sequence[dict[str, Any]], licence: str | None) -> Iterator[str]:
    given = f"The teachers' texts are given on under `{licence}`. " if licence else ""
    yield (
        f"{given}What may be done with a corpus depends on the terms of the reviews in it and of "
        "the teachers: read them before you give it on."
    )
    owners = [terms.of_teacher(name) for name in sorted({_teacher(one) for one in manifests})]
    invented = sum(one.get("invented", 0) for one in manifests)
    if invented:
        yield f"**{invented} of the rows are on invented reviews (`fsa sample`).**"
    if invented < sum(one["rows"] for one in manifests):
        owners += terms.REVIEWS
    yield table(("whose", "terms", "where"), ((one.name, one.terms, one.url) for one in owners))
