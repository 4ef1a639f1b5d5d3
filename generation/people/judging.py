"""Prepares the paper's human evaluation of teachers (appendix B.2) for Label Studio.

Annotators see a review and, side by side, the analyses of all teachers under letters that are drawn
anew for each review; they give each analysis six scores. Which letter stands for whom is in a key
file of its own, which annotators do not get. Reviews are drawn from all that the teachers have
answered: an answer that was cut off, or is no analysis, lowers its teacher's score.

Passages that matter are marked first: scores appear while a marked passage is selected, and an
annotation without one does not count.
"""

import collections
import dataclasses
import random
import string
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from fsa_jax.opinions.corpus import DOMAINS
from fsa_jax.runtime import files
from generation import quality
from generation.corpus.from_ledgers import LedgerReader
from generation.judge.criteria import CRITERIA, LEVELS
from generation.people import label_studio
from generation.records import FAILED, FILTERED, LedgerRow

# Shown where an answer holds nothing to judge.
NOTHING = "(no analysis)"


LEVELS_NOTE = (
    f"{LEVELS} First mark the passages of the review that matter; scores appear while one of them "
    "is selected."
)
# The control that passages are marked with.
PASSAGE = "passage"
_STAYS = (
    "position: sticky; top: 0; z-index: 1; max-height: 40vh; overflow: auto; "
    "background: var(--color-neutral-background, white); border-bottom: 1px solid gray"
)


@dataclasses.dataclass
class Exported:
    """What an evaluation asks people to judge.

    Attributes:
        reviews: The number of tasks by domain.
        filtered: By teacher, how many of its analyses the rules of ``quality`` would keep out of a
            corpus; a teacher's cut-off answers count in its score like all others.
        unanswered: Requests, by teacher, to which no answer came; their reviews are not drawn.
    """

    reviews: dict[str, int]
    filtered: collections.Counter[str]
    unanswered: collections.Counter[str]


def export(
    folders: list[Path],
    output: Path,
    count: int,
    seed: int = 0,
    prompt: str = "anl",
    annotators: Sequence[str] = (),
) -> Exported:
    """Writes tasks, labelling interface and key.

    Args:
        folders: Output folders of ``fsa generate``, of one teacher or of several.
        output: The tasks, ``….json``; the two other files lie beside it.
        count: Reviews of each domain.
        seed: Of the draw of reviews and letters.
        prompt: Name of the prompt whose answers are judged.
        annotators: Who judge, two of them each review; see ``label_studio.assign``.

    Raises:
        ValueError: Too few reviews have an answer of every teacher, or a review or an answer is
            not one and the same in all folders; or annotators make no pairs.
    """
    assigned = iter(label_studio.assign(count * len(DOMAINS), annotators))
    reader = LedgerReader(folders, allow_incomplete=True)
    teachers, chosen, unanswered = _choose(reader, prompt, count, seed)
    answers = _answers(reader, prompt, set().union(*chosen.values()))
    letters = string.ascii_lowercase[: len(teachers)]
    tasks: list[dict[str, Any]] = []
    key: dict[str, dict[str, str]] = {}
    for domain, names in chosen.items():
        for review_id in names:
            task = f"{domain}-{len(tasks) + 1:04d}"
            order = random.Random(f"{seed} {review_id}").sample(teachers, len(teachers))
            key[task] = dict(zip(letters, order, strict=True))
            rows = {teacher: answers[review_id, teacher] for teacher in teachers}
            data = {"task": task, "domain": domain, "review": rows[order[0]].review}
            data |= {f"analysis_{n}": analysis(rows[t]) for n, t in key[task].items()}
            tasks.append({"data": data | next(assigned)})
    paths = label_studio.Paths(output)
    files.write_json(paths.key, {"prompt": prompt, "seed": seed, "tasks": key})
    files.write_text(paths.config, interface(letters, annotators))
    files.write_json(paths.tasks, tasks)
    return Exported(
        {domain: len(names) for domain, names in chosen.items()},
        collections.Counter(row.teacher for row in answers.values() if row.status == FILTERED),
        unanswered,
    )


def analysis(row: LedgerRow) -> str:
    """Returns what annotators see of an answer: all that came of it, but for thinking."""
    return quality.visible(row.response or "") or NOTHING


def _rows(reader: LedgerReader, prompt: str) -> Iterator[tuple[Path, LedgerRow]]:
    return ((shard.folder, row) for shard, row in reader.ledger_rows() if row.prompt == prompt)


def _choose(
    reader: LedgerReader, prompt: str, count: int, seed: int
) -> tuple[list[str], dict[str, list[str]], collections.Counter[str]]:
    """Returns the teachers, by domain the reviews that all have answered, and what lacks one.

    An answer that was filtered is one. A request that failed has none, until it is tried again.
    """
    answered: dict[str, dict[str, set[str]]] = collections.defaultdict(
        lambda: collections.defaultdict(set)
    )
    failed: set[tuple[str, str]] = set()
    for _, row in _rows(reader, prompt):
        if row.status == FAILED:
            failed.add((row.teacher, row.review_id))
        else:
            answered[row.domain][row.teacher].add(row.review_id)
    teachers = sorted({teacher for by_teacher in answered.values() for teacher in by_teacher})
    if not teachers:
        raise ValueError(
            f"the ledgers hold no answer to prompt {prompt!r}; name other folders or --prompt"
        )
    if len(teachers) > len(string.ascii_lowercase):
        raise ValueError(f"{len(teachers)} teachers are too many for one page; name fewer folders")
    chosen = {}
    for domain in (name for name in DOMAINS if name in answered):
        shared = set.intersection(*(answered[domain][teacher] for teacher in teachers))
        if len(shared) < count:
            raise ValueError(
                f"only {len(shared)} {domain} reviews have an answer to {prompt!r} of every "
                f"teacher ({', '.join(teachers)}); lower --count, or let the teachers answer the "
                "same reviews"
            )
        chosen[domain] = sorted(shared, key=lambda name: label_studio.draw(name, seed))[:count]
    unanswered = collections.Counter(
        teacher
        for teacher, review_id in failed
        if not any(review_id in by_teacher[teacher] for by_teacher in answered.values())
    )
    return teachers, chosen, unanswered


def _answers(
    reader: LedgerReader, prompt: str, wanted: set[str]
) -> dict[tuple[str, str], LedgerRow]:
    """Returns the rows by review and teacher; checks that each is of one review and one run."""
    found: dict[tuple[str, str], LedgerRow] = {}
    places: dict[tuple[str, str], Path] = {}
    texts: dict[str, tuple[str, Path]] = {}
    for folder, row in _rows(reader, prompt):
        if row.status == FAILED or row.review_id not in wanted:
            continue
        text, first = texts.setdefault(row.review_id, (row.review, folder))
        if text != row.review:
            raise ValueError(
                f"review {row.review_id!r} has one text in {first} and another in {folder}; let "
                "the teachers answer the same reviews"
            )
        who = row.review_id, row.teacher
        if places.setdefault(who, folder) != folder:
            raise ValueError(
                f"teacher {row.teacher!r} has answered review {row.review_id!r} in {places[who]} "
                f"and in {folder}; name one of them, or give the runs names of their own"
            )
        found[who] = row
    return found


def interface(letters: Iterable[str], annotators: Sequence[str] = ()) -> str:
    """Returns Label Studio's labelling interface for analyses under these letters."""
    lines = [
        "<View>",
        *label_studio.assignment_header(annotators),
        label_studio.note(LEVELS_NOTE),
        # The review stays in sight while analyses are scrolled through.
        f'  <View style="{_STAYS}">',
        f'  <Labels name="{PASSAGE}" toName="review">',
        '    <Label value="Passage that matters"/>',
        "  </Labels>",
        '  <Text name="review" value="$review" granularity="word"/>',
        "  </View>",
    ]
    for letter in letters:
        lines.append(label_studio.header(f"Analysis {letter.upper()}", size=3))
        lines.append(f'  <Text name="analysis_{letter}" value="$analysis_{letter}"/>')
        # Nobody scores before a passage is marked: there is nothing to click on.
        lines.append(f'  <View visibleWhen="region-selected" whenTagName="{PASSAGE}">')
        for criterion in CRITERIA:
            points = "; ".join(f"{n}: {criterion.points[n]}" for n in (2, 1, 0))
            lines += [label_studio.header(criterion.title), label_studio.note(points)]
            message = quoteattr(f"{criterion.title.split(',')[0]} of {letter.upper()}")
            lines.append(
                f'  <Choices name="{criterion.name}_{letter}" toName="analysis_{letter}" '
                'choice="single-radio" showInline="true" required="true" '
                f"requiredMessage={message}>"
            )
            lines.append("".join(f'    <Choice value="{n}"/>' for n in (0, 1, 2)))
            lines.append("  </Choices>")
        lines.append("  </View>")
    return "\n".join([*lines, "</View>"]) + "\n"
