"""Commands of ``fsa`` that make data.

Each parses, calls the library and prints; heavy imports stay inside the functions.
"""

from generation.commands.annotating import annotate
from generation.commands.corpora import corpus
from generation.commands.dumps import reviews
from generation.commands.evaluating import evaluate
from generation.commands.judging import humaneval
from generation.commands.llm_judging import judge
from generation.commands.sorting import errors
from generation.commands.teaching import generate, sample

__all__ = [
    "annotate",
    "corpus",
    "errors",
    "evaluate",
    "generate",
    "humaneval",
    "judge",
    "reviews",
    "sample",
]
