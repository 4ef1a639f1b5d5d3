"""Named rules that decide whether an answer may become training text."""

import re
from collections.abc import Iterable

from fsa_jax.opinions import analyses
from generation.judge import criteria

# Function words: a sixth of any English text of some length, and rare in other languages.
_ENGLISH_TEXT = """
the a an and or but of to in on at for with from by as is are was were be been it its this that
these those i you we they he she my our your their his her me us them not no very so had have has
do did does will would can could there which who when what if than too also just all more only
about up out
"""
_ENGLISH = frozenset(_ENGLISH_TEXT.split())
# Some of them are words of a neighbour, too ("no me gusta", "an", "will"), and tell nothing alone.
_SHARED = {"a", "an", "as", "do", "has", "he", "in", "me", "no", "on", "so", "will"}
_TELLING = _ENGLISH - _SHARED
# How much less likely than the likeliest language English may be, in nats: a name or a dish
# ("pizza") makes two, any short sentence of a neighbour fifteen and more.
_CLOSE = 5.0
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
# What a teacher says that it will not do. A reviewer may be sorry, too, and "not help but" praise.
_DECLINES = r"""
    i(?:\ am|['’]m)?\ (?:cannot|can['’]?t|can\ not|could\ not|couldn['’]t|(?:not\ |un)able\ to
        |(?:won['’]t|will\ not)\ be\ able\ to)\ (?:\w+\ )?
    (?:fulfil|assist|help(?!\ (?:but|myself)\b)|provide|rewrite|analy[sz]e|complete|generate
        |process|comply|engage\ in|do\ (?:this|that|so)\b(?=\W*$|[.,;!]|\ (?:for|as|because)\b))
"""
_UNDONE = rf"""(?:
    {_DECLINES}
    | as\ an?\ (?:ai\b|large\ language)
    | there(?:\ (?:is|was)|['’]s)\ no\ (?:\w+\ )?review\b
    | (?:not|n['’]t)\ (?:\w+\ ){{0,2}}(?:contain|include|provide|see)\w*\ (?:\w+\ ){{0,2}}review\b
)"""
_REFUSALS = re.compile(
    rf"""^\W*(?:
        (?:i['’]?m\ (?:\w+\ )?sorry|i\ am\ (?:\w+\ )?sorry|sorry(?=,\ (?:but\ )?i\b)|i\ apologi[sz]e
            |(?:my\ )?apologies)\b
          [\s\S]{{0,200}}?\b{_UNDONE}
        | {_DECLINES}
        | as\ an?\ (?:ai|large)\b.{{0,20}}\bmodel
        | (?:unfortunately,?\ )?i\ (?:do\ not|don['’]?t)\ feel\ comfortable
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_ECHOES = (
    "Analyze the fine-grained sentiment of a user review",
    "Rewrite a user review to express the feelings",
    "Opinion Target: Identify and locate",
    "Your Task:",
)
# Labels, and sentences to whoever asked ("Sure! Here is the rewritten review:").
_LEAD = re.compile(
    r"""^\s*
    (?:(?:sure(?:\ thing)?|certainly|of\ course|absolutely|okay|ok)\s*[,!.:]*\s+)?
    (?:\**(?:(?:rewritten|revised)(?:\ user)?\ review|answer|output|response)\**
        |\**(?:here(?:['’]s|\ is)|this\ is|below\ is)\ (?:the|a|an|my|your|one)\b
         [^\n.:!?"“]{0,40}?\b(?:(?:rewritten|revised|rephrased)\ (?:\w+\ )?(?:review|version|text)
           |rewrite|revision|version\ of\ (?:the|your|this)\ (?:\w+\ )?review)\b
         (?:\ (?:of|that|which|with|in|for|to|based|expressing|using)\b[^\n.:!?"“]{0,80})?
    )
    \s*[:：]\s*\**\s*""",
    re.IGNORECASE | re.VERBOSE,
)
# A rewriting speaks as the reviewer does, and not of the review, nor to whoever asked for it.
_ABOUT = re.compile(
    r"""^\W*(?:the\ review(?:er)?|this\ reviewer)\b
    | ^\W*this\ review\ (?:describes|expresses|highlights|mentions|praises|provides|shows)\b
    | \byour\ (?:\w+\ )?review\b
    | \b(?:the|this)\ (?:original|updated|edited|revised|rewritten)\ review\b
    | \boriginal\ review:
    | ^\W*you(?:['’]re|\ are)\ an\ ai\b
    | \bin\ this\ (?:example|revision|rewriting),?\ i\b""",
    re.IGNORECASE | re.VERBOSE,
)
# Longer ones are sentences about a target.
_TARGET_WORDS = 12
_QUOTED = re.compile(r"""["“]([^"“”]+)["”]""")

# Services have many words for how an answer ended; these are parts of them, looked for in order.
_CUT = re.compile(r"length|max|limit|context|truncat|budget|incomplete")
_BROKEN = re.compile(
    r"filter|safety|recit|block|prohibit|spii|sensitive|moderat|refus|guard|policy|error|fail"
    r"|abort|cancel|timeout|timed|interrupt|tool|function|malformed|language|insufficient"
)
_DONE = re.compile(r"stop|eos|eot|end|done|complete|finish|success|normal")
_UNKNOWN = {"", "null", "none", "unknown", "unspecified"}
_SENTENCE_END = re.compile(r"""[.!?…)\]}"'”’*`。！？]$""")
# Reasoning models write their thinking into the answer where the service does not part the two.
_TAG = r"(?:seed:)?(?:think|thinking|thought|reasoning|reflection)"
_THINKING_END = re.compile(rf"</{_TAG}>|\[/THINK\]|◁/think▷", re.IGNORECASE)
# Within a line the tag is talked about, or the text's own.
_THINKING_START = re.compile(
    rf"^[ \t]*(?:<{_TAG}>|\[THINK\]|◁think▷)", re.IGNORECASE | re.MULTILINE
)

RULES = {
    "length": "the answer was cut off, at the token limit or within the model's thinking",
    "finish_reason": "the model stopped for another reason than being done, such as a content "
    "filter",
    "empty": "no text",
    "refused": "the model declined",
    "prompt_echo": "the answer repeats the prompt or the review",
    "demonstration": "the answer tells of the prompt's worked example, not of the review",
    "about_review": "a rewriting that talks about the review, or to whoever asked for it",
    "wrong_language": "the answer is not English",
    "unparseable": "an ANL answer without one readable block of target and sentiment, or a judge's "
    "without the six scores",
    "out_of_range": "a judge's answer with a score that is none",
}


def rejects(
    kind: str,
    review: str,
    response: str,
    finish_reason: str | None,
    telltales: Iterable[str] = (),
) -> str:
    """Names the first rule that an answer breaks.

    Args:
        kind: The prompt's kind, ``anl`` or ``rw``, ``label`` for a benchmark's question, or
            ``scores`` for a judge's.
        review: The text of the review.
        response: The answer as it came.
        finish_reason: As the backend said it, in any service's words; None counts as unknown, and
            passes.
        telltales: Phrases of the prompt's demonstration as ``spelt``: an answer that has one which
            its review shares no word with is about the demonstration.

    Returns:
        A name of ``RULES``, with details after a colon, or an empty string where the answer is
        good.
    """
    text = without_thinking(response).strip()
    if reason := _cut_off(text, finish_reason or ""):
        return reason
    if kind == "label":
        return ""  # an answer to a benchmark question is judged by the scorer, whatever it is
    if kind == "scores":
        try:
            criteria.read_scores(text)
        except ValueError as error:
            return str(error)
        return ""
    if not text:
        return "empty"
    if _REFUSALS.search(text):
        return "refused"
    if any(echo in text for echo in _ECHOES) or " ".join(text.split()) == " ".join(review.split()):
        return "prompt_echo"
    if leaked := _leaked(review, text, telltales):
        return f"demonstration: {leaked}"
    if kind == "rw" and _ABOUT.search(training_text(kind, text)):
        return "about_review"
    if kind == "anl" and not any(
        block.target and len(block.target.split()) <= _TARGET_WORDS
        for block in analyses.blocks(text)
    ):
        return "unparseable"
    if not is_english(text):
        return "wrong_language"
    return ""


def spelt(text: str) -> str:
    """Returns the words of a text in lower case, with a blank around each."""
    return f" {' '.join(_WORD.findall(text.lower().replace('’', chr(39))))} "


def telling(phrase: str) -> list[str]:
    """Returns the words of a phrase that are no function words."""
    return [word for word in phrase.split() if word not in _ENGLISH]


def _leaked(review: str, text: str, telltales: Iterable[str]) -> str:
    """Returns a phrase that only the demonstration can have brought into an answer, if any."""
    answer, own = spelt(text), spelt(review)
    for phrase in telltales:
        # One dumpling in the review is enough.
        if phrase in answer and not any(
            f" {word.removesuffix('s')}" in own for word in telling(phrase)
        ):
            return phrase.strip()
    return ""


def _cut_off(text: str, finish_reason: str) -> str:
    """Names the rule that an answer breaks by how it ended, or returns an empty string."""
    if _THINKING_START.search(text):
        return "length: the thinking has no end"
    word = re.sub(r"[^a-z]+", "_", finish_reason.lower()).strip("_")
    word = word.removeprefix("finish_reason_")
    if word in _UNKNOWN:
        return ""
    if _CUT.search(word):
        return "length" if word == "length" else f"length: {finish_reason}"
    # A word that nobody knows counts as done where the text ends like a finished one.
    if _BROKEN.search(word) or not (_DONE.search(word) or _SENTENCE_END.search(text)):
        return f"finish_reason: {finish_reason}"
    return ""


def without_thinking(response: str) -> str:
    """Returns what follows the last end of a model's thinking: the answer itself."""
    ends = list(_THINKING_END.finditer(response))
    return response[ends[-1].end() :].lstrip() if ends else response


def visible(response: str) -> str:
    """Returns what a reader should see of an answer, also where its thinking never ended."""
    text = without_thinking(response)
    start = _THINKING_START.search(text)
    return (text[: start.start()] if start else text).strip()


def training_text(kind: str, response: str) -> str:
    """Returns an answer as a student should learn it.

    It comes without space around it and without thinking; a rewritten review without a label in
    front, or a sentence to whoever asked and the quotes that such a sentence asks for.
    """
    text = without_thinking(response).strip()
    if kind != "rw":
        return text
    rest = _LEAD.sub("", text, count=1).strip()
    quoted = _QUOTED.fullmatch(rest) if rest != text else None
    return (quoted[1].strip() if quoted else rest) or text


def prepare() -> None:
    """Loads what the rules need: loading writes a temporary file, and a disk may be full later."""
    import py3langid

    py3langid.classify("text")


def is_english(text: str) -> bool:
    """Tells whether a text is English; short ones without a clear sign pass."""
    words = _WORD.findall(text[:2000].lower().replace("’", "'"))
    if len(words) < 4:
        return sum(character.isascii() for character in text) >= len(text) / 2 or not words
    share = sum(word in _ENGLISH for word in words) / len(words)
    telling = not _TELLING.isdisjoint(words)
    if share >= 0.15 and telling:
        return True
    # Brief English reviews may do without function words ("great food great price"), so ask a
    # classifier.
    import py3langid

    ranked = py3langid.rank(text[:1000])
    close = ranked[0][1] - dict(ranked)["en"] <= _CLOSE
    return bool(close) or (share >= 0.08 and telling and text.isascii())
