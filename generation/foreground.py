"""A run as a person starts it: a teacher from a choice, Ctrl-C, progress, and the dry run."""

import contextlib
import dataclasses
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType

import rich.console

from generation import display, run
from generation.dry_run import Estimate, estimate
from generation.progress import Progress
from generation.teachers import factory


def generate(choice: factory.Choice, options: run.Options, quiet: bool = False) -> Progress:
    """Runs one shard in this process, with progress and Ctrl-C; see ``run.generate``."""
    return generate_each(choice, [options], quiet)[0]


def generate_each(
    choice: factory.Choice, runs: Sequence[run.Options], quiet: bool = False
) -> list[Progress]:
    """Runs several runs, one after the other, with one teacher, whose model is loaded once.

    Args:
        choice: Who answers.
        runs: What to do; ``max_cost`` is the limit of all together.
        quiet: Without progress.

    Returns:
        The counts of each run; where one stops, those behind it are not begun and have none.
    """
    teacher = factory.make(choice, runs[0].folder)
    with contextlib.closing(teacher), interruptible() as stop:

        def one(options: run.Options) -> Progress:
            if quiet:
                return run.generate(options, teacher, stop)
            with display.watcher(teacher) as watch:
                return run.generate(options, teacher, stop, watch)

        return in_turn(runs, one)


def in_turn(
    runs: Sequence[run.Options], generate_one: Callable[[run.Options], Progress]
) -> list[Progress]:
    """Runs runs by a function; what one has cost counts towards the next one's ``max_cost``."""
    done: list[Progress] = []
    for options in runs:
        spent = sum(progress.spent for progress in done)
        done.append(generate_one(dataclasses.replace(options, spent=spent)))
        if done[-1].stopped:
            break
    return done


@contextlib.contextmanager
def interruptible() -> Iterator[Callable[[], str]]:
    """Turns the first Ctrl-C, or SIGTERM, into a reason to stop; a second one ends at once.

    Yields:
        A function that returns the reason, or an empty string.
    """
    reason = ""

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal reason
        if reason:
            raise KeyboardInterrupt
        reason = f"by {signal.Signals(number).name}"
        rich.console.Console(stderr=True).print(
            "finishing what is in flight; once more ends at once (nothing is lost either way)"
        )

    old = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            # Only the main thread may do this; elsewhere (a Ray worker) signals are not ours.
            with contextlib.suppress(ValueError):
                old[number] = signal.signal(number, handle)
        yield lambda: reason
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def show_dry_run(choice: factory.Choice, options: run.Options, tokenizer: Path | None) -> Estimate:
    """Prints three rendered prompts, token counts, and ranges of cost and time; asks nothing."""
    spec, price = factory.describe(choice)
    found = estimate(options, spec, price, choice.concurrency, tokenizer)
    console = rich.console.Console()
    for messages, tokens in found.examples:
        console.rule(f"{tokens:,} tokens")
        for message in messages:
            console.print(
                f"[{message['role']}]\n{message['content']}", markup=False, highlight=False
            )
    console.rule(f"{spec.teacher}: {spec.model} by {spec.backend}")
    console.print(f"sampling: {spec.sampling}", highlight=False)
    low, high = found.completion_tokens
    console.print(
        f"requests: {found.requests:,} to ask, {found.kept:,} done\n"
        f"prompt tokens: {found.prompt_tokens:,}{'' if tokenizer else ' (guessed by length)'}\n"
        f"completion tokens: {low:,} to {high:,}",
        highlight=False,
    )
    if found.cost:
        console.print(f"cost: ${found.cost[0]:,.4f} to ${found.cost[1]:,.4f}", highlight=False)
    else:
        console.print("cost: no price known; set --price-prompt and --price-completion")
    if found.seconds:
        first, last = (seconds / 60 for seconds in found.seconds)
        console.print(f"time: {first:,.1f} to {last:,.1f} minutes, at 2 to 10 s a request")
    else:
        console.print(f"time: not known for {spec.backend}; a run tells after its first rows")
    return found
