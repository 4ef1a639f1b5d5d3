"""SeqIO's registry, asked: tasks and mixtures by name, and the vocabulary that they speak."""

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

import seqio


def get_provider(name: str) -> seqio.Task | seqio.Mixture:
    """Looks a task or mixture up in the SeqIO registry.

    Raises:
        ValueError: There is none of that name; the message lists the closest names.
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


def tasks_of(name: str) -> list[seqio.Task]:
    """The tasks of a mixture, or the task alone; ValueError where there is none of that name."""
    tasks: list[seqio.Task] = seqio.get_subtasks(get_provider(name))
    return tasks


def evaluated_tasks(name: str) -> list[seqio.Task]:
    """Those tasks of a task or mixture that have metrics; ValueError where none has."""
    scored = [task for task in tasks_of(name) if task.predict_metric_fns or task.score_metric_fns]
    if not scored:
        raise ValueError(f"{name} has no task with metrics: it is for training only")
    return scored


def splits_of(tasks: Iterable[seqio.Task]) -> list[str]:
    """The splits that any of some tasks has, in the tasks' own order."""
    return list(dict.fromkeys(str(split) for task in tasks for split in task.splits))


def check_split(
    tasks: Sequence[seqio.Task], split: str, use_cached: bool = False, advice: str = ""
) -> None:
    """Checks that each of some tasks has a split, and that its examples can be counted.

    Args:
        tasks: The tasks.
        split: Name of the split, or a slice of it such as ``validation[:10%]``.
        use_cached: Leave the sources alone: the examples are read from SeqIO's cache.
        advice: What else could be done, for the message.

    Raises:
        ValueError: A task has no such split, or its split is empty or broken.
        FileNotFoundError: The split's files are not there.
    """
    name = split.split("[")[0]
    for task in tasks:
        if name not in task.splits:
            near = difflib.get_close_matches(name, splits_of([task]), n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(
                f"task {task.name} has no split {name!r}; it has {', '.join(splits_of([task]))}"
                + (hint or advice)
            )
        if not use_cached and _count(task, name) == 0:
            raise ValueError(f"split {name!r} of task {task.name} holds no examples{advice}")


def _count(task: seqio.Task, split: str) -> int | None:
    """Examples of a split, which for many sources means to read it; None where that is unknown."""
    try:
        count: int | None = task.num_input_examples(split)
    except NotImplementedError:
        return None
    return count


def existing_splits(
    tasks: Sequence[seqio.Task], wanted: Iterable[str], setting: str, use_cached: bool = False
) -> tuple[str, ...]:
    """Returns those of the wanted splits that any of the tasks has, each checked.

    Benchmarks differ in their test splits, so one list serves them all.

    Args:
        tasks: The tasks.
        wanted: Names of splits.
        setting: Where they were asked for, for the message.
        use_cached: As in ``check_split``.

    Raises:
        ValueError: Splits are wanted and there are none of them, or one is empty or broken.
        FileNotFoundError: A split's files are not there.
    """
    wanted, found = list(wanted), splits_of(tasks)
    present = tuple(split for split in wanted if split.split("[")[0] in found)
    if wanted and not present:
        names = " and ".join(task.name for task in tasks)
        raise ValueError(
            f"{names} has none of the splits {', '.join(wanted)} of {setting}; "
            f"it has {', '.join(found)}"
        )
    for split in present:
        check_split(having(tasks, split), split, use_cached)
    return present


def having(tasks: Iterable[seqio.Task], split: str) -> list[seqio.Task]:
    """Those of some tasks that have a split."""
    return [task for task in tasks if split.split("[")[0] in task.splits]


def check_vocabulary(mixture_or_task_name: str, vocabulary: Any, rows: int) -> None:
    """Checks that the tasks speak the vocabulary that is asked for, and that the model holds it.

    Args:
        mixture_or_task_name: A registered SeqIO name.
        vocabulary: What the tasks' vocabulary has to be (a ``seqio.Vocabulary``); None: anything.
        rows: Rows of the embedding.

    Raises:
        ValueError: The tasks' vocabulary is another, or larger than the embedding.
    """
    for task in tasks_of(mixture_or_task_name):
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
