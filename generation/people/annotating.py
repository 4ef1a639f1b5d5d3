"""Prepares the annotation of new benchmark data (the paper's appendix B.1) for Label Studio.

A task is a review, one sentence a line; a batch is a file of 40 tasks, after which annotators
meet. In a sentence they mark targets (``NULL`` on any word for an opinion whose target is not
named), give each its category and polarity, mark opinion words and link them to their targets. A
target that stands for two opinions is marked twice.
"""

import collections
import re
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

from fsa_jax.opinions.categories import NAMES
from fsa_jax.opinions.questions import ASC_LABELS
from fsa_jax.opinions.units import IMPLICIT
from fsa_jax.runtime import files
from generation.people import label_studio
from generation.records import read_reviews

# The controls, and the labels of the two with which text is marked.
TARGET, CATEGORY, POLARITY, WORDS = "target", "category", "polarity", "words"
NAMED, OPINION_WORDS, LEFT_OUT = "Target", "Opinion words", "Leave this sentence out"
POLARITIES = tuple(reversed(ASC_LABELS))
GUIDE = (
    f"Each line is a sentence. Mark each target, or any word as {IMPLICIT} where the target of an "
    "opinion is not named; choose its category and polarity; then mark the opinion words, and link "
    f"them to their targets. Where you cannot decide, mark a word as “{LEFT_OUT}”."
)

_TAXONOMY = 'leafsOnly="true" maxUsages="1" showFullPath="true" pathSeparator="#"'
_END = re.compile(r"([.!?…]+)[\"'”’)\]]*\s+|\s*\n\s*")
_ABBREVIATIONS = frozenset(
    ("approx", "dr", "e.g", "etc", "i.e", "mr", "mrs", "ms", "prof", "st", "vs")
)


def export(
    reviews: Path,
    folder: Path,
    count: int,
    batch: int = 40,
    seed: int = 0,
    annotators: Sequence[str] = (),
    domains: Sequence[str] = tuple(NAMES),
) -> dict[str, list[Path]]:
    """Writes a labelling interface for each domain, and tasks in batches.

    Args:
        reviews: A file of reviews.
        folder: Where files go: ``<domain>.xml`` and ``<domain>-01.json``, ….
        count: Reviews of each domain.
        batch: Reviews in a file.
        seed: Of the draw of reviews.
        annotators: Who annotate, two of them each review; see ``label_studio.assign``.
        domains: Those that are annotated.

    Returns:
        The batches of each domain.

    Raises:
        ValueError: There are fewer reviews, or annotators make no pairs.
    """
    found: dict[str, dict[str, str]] = collections.defaultdict(dict)
    for review in read_reviews(reviews):
        found[review.domain][review.review_id] = review.text
    for domain in domains:
        if len(found[domain]) < count:
            raise ValueError(
                f"{reviews} holds {len(found[domain])} {domain} reviews; lower --count, or name "
                "the domain that it has by --domain"
            )
    batches: dict[str, list[Path]] = {}
    for domain in domains:
        names = sorted(found[domain], key=lambda name: label_studio.draw(name, seed))[:count]
        tasks = [
            {
                "data": {
                    "task": name,
                    "domain": domain,
                    "text": "\n".join(split_sentences(found[domain][name])),
                    **assigned,
                }
            }
            for name, assigned in zip(names, label_studio.assign(count, annotators), strict=True)
        ]
        files.write_text(folder / f"{domain}.xml", interface(domain, annotators))
        batches[domain] = []
        for number, start in enumerate(range(0, count, batch), 1):
            path = folder / f"{domain}-{number:02}.json"
            files.write_json(path, tasks[start : start + batch])
            batches[domain].append(path)
    return batches


def make_room(folder: Path, domain: str, overwrite: bool) -> None:
    """Removes the files of an earlier export, which may have had more batches.

    Raises:
        FileExistsError: There are some, and they are not to be replaced.
    """
    for path in [folder / f"{domain}.xml", *sorted(folder.glob(f"{domain}-[0-9][0-9].json"))]:
        files.refuse_existing(path, overwrite)
        path.unlink(missing_ok=True)


def split_sentences(text: str) -> list[str]:
    """Returns the sentences of a review, each with single blanks."""
    sentences = []
    start = 0
    for end in _END.finditer(text):
        if end[1] and _goes_on(text[start : end.start()], end[1], text[end.end() :]):
            continue
        sentences.append(text[start : end.end()])
        start = end.end()
    sentences.append(text[start:])
    return [" ".join(sentence.split()) for sentence in sentences if sentence.strip()]


def _goes_on(before: str, marks: str, behind: str) -> bool:
    """Whether a sentence goes on behind a full stop (of an abbreviation) or an ellipsis."""
    if marks in ("...", "..", "…"):
        return behind[:1].islower()
    word = before.rsplit(maxsplit=1)[-1].lstrip("(\"'").lower() if before.split() else ""
    is_initial = len(word) == 1 and word.isalpha() and word != "i"
    return marks == "." and (word in _ABBREVIATIONS or is_initial)


def interface(domain: str, annotators: Sequence[str] = (), notes: bool = False) -> str:
    """Returns Label Studio's labelling interface.

    Args:
        domain: Whose categories are offered.
        annotators: Whether tasks say who annotates them.
        notes: Whether tasks say what annotators differ in.
    """
    lines = [
        "<View>",
        *label_studio.assignment_header(annotators),
        label_studio.note(GUIDE),
        *(['  <Text name="notes" value="$notes"/>'] if notes else []),
        f'  <Labels name="{TARGET}" toName="text">',
        f'    <Label value="{NAMED}" hotkey="1" background="#1f77b4"/>',
        f'    <Label value="{IMPLICIT}" hotkey="2" background="#9467bd"/>',
        "  </Labels>",
        f'  <Labels name="{WORDS}" toName="text">',
        f'    <Label value="{OPINION_WORDS}" hotkey="3" background="#2ca02c"/>',
        f'    <Label value="{LEFT_OUT}" hotkey="4" background="#7f7f7f"/>',
        "  </Labels>",
        '  <Relations><Relation value="says of"/></Relations>',
        '  <Text name="text" value="$text" granularity="word" saveTextResult="yes"/>',
        *_choice("Taxonomy", CATEGORY, "category", _TAXONOMY),
    ]
    entities: dict[str, list[str]] = collections.defaultdict(list)
    for name in NAMES[domain]:
        entity, attribute = name.split("#")
        entities[entity].append(attribute)
    for entity, attributes in entities.items():
        lines.append(f'    <Choice value="{entity}">')
        lines += [f'      <Choice value="{attribute}"/>' for attribute in attributes]
        lines.append("    </Choice>")
    lines += [
        "  </Taxonomy>",
        *_choice("Choices", POLARITY, "polarity", 'choice="single-radio" showInline="true"'),
        *(f'    <Choice value="{polarity}"/>' for polarity in POLARITIES),
        "  </Choices>",
        "</View>",
    ]
    return "\n".join(lines) + "\n"


def _choice(tag: str, name: str, what: str, how: str) -> list[str]:
    """Opens a control that each target needs, and no other passage has."""
    message = quoteattr(f"Choose a {what} for each target and each {IMPLICIT}")
    return [
        f'  <View visibleWhen="region-selected" whenTagName="{TARGET}">',
        label_studio.header(f"The {what} of the selected target"),
        "  </View>",
        f'  <{tag} name="{name}" toName="text" perRegion="true" visibleWhen="region-selected" '
        f'whenTagName="{TARGET}" required="true" requiredMessage={message} {how}>',
    ]
