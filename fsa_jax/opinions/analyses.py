"""Reading a teacher's analysis (ANL) tolerantly, and dropping parts of it.

Teachers are asked for blocks of four labelled lines and write them with many small deviations:
numbered or not, with list marks, emphasis or quotes, labels misspelt ("Reasoin:") or qualified
("Opinion Target (implicit):"), several aspects under one target, a whole block on one line, blocks
as the rows of a Markdown table, remarks behind the last block. A *segment* is one labelled part of
the text, with the lines that go on with it; a *block* is a target, its aspect, its sentiment and
the reasoning; a *level* is one of the five sentiments that the prompt asks for, which a block's own
words are mapped to.

This is the one reader of analyses: the rules for answers, the corpora and their statistics, and
the ablations of the students all see the same blocks.
"""

import dataclasses
import re
from collections.abc import Iterable, Iterator

PARTS = ("target", "aspect", "sentiment", "reasoning")
LABELS = ("target", "aspect", "sentiment")
# How an analysis begins, and one of which parts are dropped, by the names of the corpora's tasks.
BEGINNINGS = {
    "anl": "Opinion Target",
    "anl_without_reasoning": "Opinion Target",
    "anl_without_labels": "Reasoning",
}
LEVELS = ("very negative", "negative", "neutral", "positive", "very positive")

_MARKS = r"[\s>*_#•\-\"'“”‘’`\[({,\\]*(?:\(?\d+[.)]\s*)?[\s*_\"'“`]*"
_MEASURE = "(?:intensity|strength|polarity|label|level|score)"
_LABEL = (
    r"(?P<label>(?:opinion[\s_]*)?(?:targets?|aspects?(?:[\s_]+categor(?:y|ies))?|"
    rf"sentiments?(?:[\s_]+{_MEASURE})?|"
    r"reas\w{3,6}))"
)
_NUMBER = (
    r"[\s*_]*(?:\(?\s*#?\d+(?:\.\d+)?\s*[a-z]?\s*\)?)?[\s*_\"'”`]*"
    r"(?:\([a-z][a-z ]{2,20}\)[\s*_\"'”`]*)?"
)
_LINE = re.compile(rf"^{_MARKS}{_LABEL}{_NUMBER}[:：][\s*_]*(?P<value>.*)$", re.IGNORECASE)
# A label without a colon, as a heading of its own.
_HEADING = re.compile(
    rf"^\s*(?:#+\s*)?(?:(?<=#)|(?<=# )|\*\*)\**{_LABEL}{_NUMBER}(?P<value>)$", re.IGNORECASE
)
# A label as the head of a column.
_HEAD = re.compile(rf"^{_MARKS}(?P<name>{_LABEL}){_NUMBER}[:：]?[\s*_]*$", re.IGNORECASE)
_DASHES = re.compile(r":?-+:?")
_MEASURED = re.compile(rf"^[^:：]*sentiments?[\s_]+{_MEASURE}", re.IGNORECASE)
_INLINE = re.compile(
    r"(?<=\S)[\s,;|\\]+(?:[-–—]+\s+)?(?=[\"'“*_]*"
    r"(?:Opinion Target|Aspect|Sentiment|Reasoning)[ ]?\d*[\"'”*_]*[:：])"
)
_OPENER = (
    r"^\W*(?:notes?|n\.b\.?|reviews?|reviewid|responses?|examples?|your task|consider|please"
    r"|in (?:conclusion|summary)|overall|references?|quotations?|confidence|additional(?:ly)?"
    r"|part \d+|consent|id)(?!\w)"
)
# Behind a gap the word is enough. Within a paragraph, where a line of reasoning may begin with the
# same word, it takes the mark of a field.
_REMARK = re.compile(rf"{_OPENER}|^\W*https?:", re.IGNORECASE)
_FIELD = re.compile(rf"{_OPENER}(?: \w+){{0,2}}\W{{0,4}}[:：]|^\W*https?:", re.IGNORECASE)
# A line drawn under an analysis, behind which another text begins.
_RULE = re.compile(r"^\s*([-–—_=*~#])(?:\s*\1){2,}\s*$")
# What stands in place of a sentiment: a form's placeholder, and a list for several blocks.
_PLACEHOLDER = re.compile(r"[A-Za-z]+\d+|<[^<>]*>|\.{3}|…")
_SEVERAL = re.compile(r"^[-+•]\s|[\"'”]\s*,\s*[\"'“]")
_SLIGHT = re.compile(r"\b(?:mild|slight|neutral|mixed|moderate|ambivalent|somewhat)")
_STRONG = re.compile(
    r"\b(?:very|extreme(?:ly)?|strong(?:ly)?|high(?:ly)?|overwhelming(?:ly)?|intense(?:ly)?)\b"
)
# What is denied, or added in brackets, names no sentiment of its own; a degree in brackets does.
_NAME = r"(?:positive|negative|neutral|mixed|mild)(?:ly)?"
_DENIED = re.compile(
    rf"\b(?:not|non|never|neither|nor|(?:is|was|are|were)n['’]t)[\s-]+(?:(?!only\b)\w+\s+){{0,2}}?"
    rf"{_NAME}(?:\s*(?:/|\bor\b|\bnor\b)\s*{_NAME})*"
)
_BRACKETS = re.compile(
    r"\((?!\s*(?:\w+\s+)?(?:mild|slight|very|strong|neutral|mixed|moderate))[^()]*\)"
)
_OPENING = {'"': '"', "'": "'", "“": "”", "‘": "’", "`": "`", "[": "]"}


@dataclasses.dataclass(frozen=True, slots=True)
class Segment:
    """A labelled part of an analysis.

    Attributes:
        part: One of ``PARTS``.
        text: The lines as the teacher wrote them.
        value: What stands behind the label, without marks around it.
    """

    part: str
    text: str
    value: str


@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    """One opinion of an analysis; an empty text stands for a part that is not there."""

    target: str = ""
    aspect: str = ""
    sentiment: str = ""
    reasoning: str = ""

    @property
    def level(self) -> str | None:
        """The sentiment's level, as of ``level``."""
        return level(self.sentiment)


def level(sentiment: str) -> str | None:
    """Maps a teacher's words for a sentiment to one of the five ``LEVELS``.

    ``neutral`` takes in the slight ones ("mild", "mildly negative", "slightly positive", "mixed"),
    as the paper's annotation guide does (appendix B.2).

    Returns:
        The level, or ``None`` where the words name no sentiment ("not specified").
    """
    said = sentiment.lower()
    outside = _BRACKETS.sub(" ", said)
    words = _DENIED.sub(" ", outside if outside.strip() else said)
    if not re.search(_NAME, words) and "positive" in said and "negative" in said:
        return "neutral"  # neither of the two
    if _SLIGHT.search(words):
        return "neutral"
    positive, negative = "positive" in words, "negative" in words
    if positive == negative:
        return "neutral" if positive else None
    return ("very " if _STRONG.search(words) else "") + ("positive" if positive else "negative")


def segments(analysis: str) -> list[Segment]:
    """Cuts an analysis into its labelled parts, in order; remarks between them are left out."""
    found: list[Segment] = []
    lines: list[str] = []
    part = value = ""

    def close() -> None:
        if part and lines:
            text = "\n".join(lines).rstrip(" \t,")
            found.append(Segment(part, text, _unquote(" ".join(value.split()))))

    for line in _lines(analysis):
        match = _LINE.match(line) or _HEADING.match(line)
        if match:
            close()
            part, value, lines = _part(match["label"]), match["value"], [line]
        elif not line.strip(" \t{}[],"):
            # Between blocks, be it an empty line or the brackets of JSON.
            lines.append("")
        elif part and not _is_remark(line, part, lines):
            lines.append(line)
            value = f"{value} {line}"
        else:
            close()
            part, lines = "", []
    close()
    return [dataclasses.replace(s, text=s.text.rstrip()) for s in found]


def _lines(analysis: str) -> Iterator[str]:
    for line in _without_tables(analysis.split("\n")):
        match = _LINE.match(line)
        start = match.start("value") if match else 0
        first, *others = _INLINE.sub("\n", line[start:]).split("\n")
        yield line[:start] + first
        yield from others


def _without_tables(lines: Iterable[str]) -> Iterator[str]:
    """Writes the rows of Markdown tables as labelled lines; a table may also lie on its side."""
    heads: list[str] = []
    for line in lines:
        if "|" not in line:
            heads = []
            yield line
            continue
        cells = [
            cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")
        ]
        found = [match["name"] if (match := _HEAD.match(cell)) else "" for cell in cells]
        parts = {_part(name) for name in found if name}
        if {"target", "sentiment"} <= parts:
            heads = found
        elif all(map(_DASHES.fullmatch, filter(None, cells))):
            continue
        elif heads and len(cells) == len(heads):
            # An empty cell under the target means the one above, and elsewhere nothing.
            yield ""
            yield from (f"{h}: {cell}" for h, cell in zip(heads, cells, strict=True) if h and cell)
        elif len(cells) == 2 and found[0] and line.lstrip().startswith("|"):
            yield f"{found[0]}: {cells[1]}"
        else:
            yield line


def _unquote(value: str) -> str:
    """Takes marks off both ends, but leaves quotes alone that belong to the text."""
    value = value.strip(" \t*_,")
    if value.count('"') % 2 and not value.startswith('"'):
        # The end of a JSON text around the whole block.
        value = re.sub(r'"\s*[\]}]*$', "", value)
    for _ in range(2):
        if len(value) > 1 and value[0] in _OPENING and value[-1] == _OPENING[value[0]]:
            inner = value[1:-1]
            if value[0] not in inner and value[-1] not in inner:
                value = inner.strip(" \t*_,")
    return value


def _part(label: str) -> str:
    label = label.lower()
    return next((part for part in LABELS if part in label), "reasoning")


def _is_remark(line: str, part: str, lines: list[str]) -> bool:
    """Whether an unlabelled line is a remark, and not the rest of the part before it."""
    after_gap = lines[-1] == ""
    if (_REMARK if after_gap else _FIELD).match(line) or _RULE.match(line):
        return True
    return after_gap and (part != "reasoning" or not line.lstrip().startswith(("-", "*", "•")))


def blocks(analysis: str) -> list[Block]:
    """Reads an analysis as blocks.

    A block ends where the next target begins, or where a part comes that it has already; what
    follows without a target of its own belongs to the target before it.

    Returns:
        The blocks that have at least a sentiment, in order. A target may be missing: where an
        opinion is about what no words name, teachers leave it empty.
    """
    found: list[Block] = []
    current: dict[str, str] = {}
    before: Segment | None = None
    for segment in segments(analysis):
        if before and _is_measure(before, segment):
            said = (current["sentiment"], segment.value)
            current["sentiment"] = ", ".join(filter(_is_sentiment, said))
            before = segment
            continue
        before = segment
        if segment.part == "target" or segment.part in current:
            found.append(Block(**current))
            kept = {} if segment.part == "target" else {"target": current.get("target", "")}
            current = kept
        current[segment.part] = segment.value
    found.append(Block(**current))
    return [block for block in found if _is_sentiment(block.sentiment)]


def _is_measure(before: Segment, segment: Segment) -> bool:
    """Whether two neighbours are one sentiment: its name and its intensity, label or score."""
    pair = (before, segment)
    return all(s.part == "sentiment" for s in pair) and any(_MEASURED.match(s.text) for s in pair)


def _is_sentiment(value: str) -> bool:
    """Whether a value says a sentiment in words, and a single one."""
    if _PLACEHOLDER.fullmatch(value) or _SEVERAL.search(value):
        return False
    return re.search(r"[^\W\d_]", value) is not None


def keep_parts(analysis: str, parts: Iterable[str]) -> str:
    """Returns the analysis with only some of its parts, as the teacher wrote them.

    Args:
        analysis: The teacher's text.
        parts: What to keep, of ``PARTS``.

    Returns:
        The kept lines, an empty line before each target; empty where nothing can be read.
    """
    kept = set(parts)
    lines: list[str] = []
    for segment in segments(analysis):
        if segment.part not in kept:
            continue
        if segment.part == "target" and lines:
            lines.append("")
        lines.append(segment.text)
    return "\n".join(lines)


@dataclasses.dataclass(frozen=True, slots=True)
class Survey:
    """How well a set of analyses can be read.

    Attributes:
        texts: Analyses looked at.
        blocks: Blocks read.
        complete: Blocks with all four parts.
        unread: Indices of the analyses without a single block.
    """

    texts: int
    blocks: int
    complete: int
    unread: tuple[int, ...]


def survey(analyses: Iterable[str]) -> Survey:
    """Reads analyses and counts what was found and what was not."""
    texts = found = complete = 0
    unread = []
    for index, analysis in enumerate(analyses):
        texts += 1
        read = blocks(analysis)
        found += len(read)
        complete += sum(all(dataclasses.astuple(block)) for block in read)
        if not read:
            unread.append(index)
    return Survey(texts, found, complete, tuple(unread))
