"""What a task's answers are, told through SeqIO alone.

A metric of the task says what an answer holds (``kind``, a ``units.Kind``), and where the polarity
of a given target or category is asked for, also what may be answered (``labels``). A metric with a
``prompt`` writes the question; without one the text itself is the question. A task with other
metrics has its own postprocessor read the answer. One without metrics is answered in plain text;
those of the corpus tell by their name whether it is an analysis or a rewriting.

Analyses and rewritings are asked for by the same text, as in the paper: a student of both can only
begin an answer in one way or the other. So the beginning of an answer is told to the decoder.
"""

import dataclasses
from collections.abc import Callable

import seqio

from fsa_jax.opinions import analyses, corpus
from fsa_jax.opinions.units import Kind

_ANALYSIS, _REWRITING = "anl", "rw"


@dataclasses.dataclass(frozen=True)
class Form:
    """What a task's answers are.

    Attributes:
        kind: What an opinion holds; None where the answer is no list of opinions.
        labels: What may be answered about a given target or category; empty where nothing is given.
        prompt: Writes the question about a text, and about what is given with it (else an empty
            text); None where the text is the question.
        reads: The task whose own postprocessor reads answers; None where nothing does.
        prompt_kind: ``anl`` or ``rw`` for what teachers write; empty for all else.
        begins: What an answer begins with; empty for anything.
        never_begins: What it does not begin with.
    """

    kind: Kind | None = None
    labels: tuple[str, ...] = ()
    prompt: Callable[[str, str], str] | None = None
    reads: seqio.Task | None = None
    prompt_kind: str = ""
    begins: str = ""
    never_begins: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What people read: tsa, asa, quad, tsc, asc, anl, rw, text, or the name of a task."""
        if self.kind is not None:
            return self.kind.row_name
        return self.prompt_kind or ("text" if self.reads is None else str(self.reads.name))

    def question(self, text: str, given: str = "") -> str:
        """Writes what the student reads."""
        return text if self.prompt is None else self.prompt(text, given)


def form_of(task: seqio.Task) -> Form:
    """Tells what a task's answers are."""
    metrics = [*task.predict_metric_fns, *task.score_metric_fns]
    for metric in metrics:
        if hasattr(metric, "kind"):
            labels = tuple(getattr(metric, "labels", ()))
            return Form(metric.kind, labels, getattr(metric, "prompt", None))
    if metrics:
        return Form(reads=task if task.predict_metric_fns else None)
    prompt = corpus.prompt_of(task.name) or ""
    if prompt == _REWRITING:
        return Form(prompt_kind=_REWRITING, never_begins=tuple(analyses.BEGINNINGS.values()))
    begins = analyses.BEGINNINGS.get(prompt, "")
    return Form(prompt_kind=_ANALYSIS if begins else "", begins=begins)


def forms_of(provider: seqio.Task | seqio.Mixture) -> dict[str, Form]:
    """The different forms of a task's or a mixture's answers, each with the first task of it."""
    found: dict[str, Form] = {}
    for task in seqio.get_subtasks(provider):
        form = form_of(task)
        if all(form != known for known in found.values()):
            found[task.name] = form
    return found


def only_form(provider: seqio.Task | seqio.Mixture) -> Form:
    """Returns the one form of a task's or a mixture's answers.

    Raises:
        ValueError: A mixture asks for several things; the message says which.
    """
    found = forms_of(provider)
    if len(found) > 1:
        choices = " or ".join(f"{task} ({form.name})" for task, form in found.items())
        raise ValueError(
            f"{provider.name} asks for several things: choose one of its tasks, {choices}, as "
            "--task"
        )
    return next(iter(found.values()))


def asked_alike(forms: dict[str, Form]) -> list[str]:
    """The tasks of which a student cannot know which one is asked; empty where it always can."""
    bare = {
        name: form
        for name, form in forms.items()
        if form.prompt is None and not form.begins and not form.never_begins
    }
    return list(bare) if len(bare) > 1 else []
