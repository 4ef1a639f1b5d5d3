"""SeqIO's registry, asked: tasks and mixtures by name, and the vocabulary that they speak."""

import difflib
from typing import Any

import seqio


def get_provider(name: str) -> seqio.Task | seqio.Mixture:
    """Looks a task or mixture up in the SeqIO registry.

    Raises:
      ValueError: there is none of that name; the message lists the closest names.
    """
    known = sorted({*seqio.TaskRegistry.names(), *seqio.MixtureRegistry.names()})
    if name in known:
        return seqio.get_mixture_or_task(name)
    start = f"no task or mixture is named {name!r}"
    if not known:
        raise ValueError(f"{start}: none is registered; import the module that adds it")
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        raise ValueError(f"{start}; did you mean {' or '.join(near)}?")
    raise ValueError(f"{start}; {len(known)} are registered, for example {known[0]}")


def check_vocabulary(mixture_or_task_name: str, vocabulary: Any, rows: int) -> None:
    """Checks that the tasks speak the vocabulary that is asked for, and that the model holds it.

    Args:
      mixture_or_task_name: A registered SeqIO name.
      vocabulary: What the tasks' vocabulary has to be (a ``seqio.Vocabulary``); None: anything.
      rows: Rows of the embedding.

    Raises:
      ValueError: The tasks' vocabulary is another, or larger than the embedding.
    """
    for task in seqio.get_subtasks(get_provider(mixture_or_task_name)):
        for feature in task.output_features.values():
            check_rows(feature.vocabulary.vocab_size, rows)
            if vocabulary not in (None, feature.vocabulary):
                raise ValueError(
                    f"VOCABULARY is not that of task {task.name}: {vocabulary} against "
                    f"{feature.vocabulary}"
                )


def check_rows(size: int, rows: int) -> None:
    """Refuses a vocabulary with more ids than the embedding has rows.

    Args:
      size: Ids of the vocabulary, the sentinels and the newline included.
      rows: Rows of the embedding.

    Raises:
      ValueError: The vocabulary is the larger one.
    """
    if size > rows:
        raise ValueError(
            f"the vocabulary has {size} ids but the embedding only {rows} rows: set "
            f"T5Config.vocab_size to {size} or more (T5 uses multiples of 128)"
        )
