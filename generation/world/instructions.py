"""Writes made-up instructions with right answers, for the baseline that learns instructions."""

import json
import random
from collections.abc import Callable
from pathlib import Path

from fsa_jax.runtime import files
from generation.world.sentences import Speaker

COUNT = 600
_KINDS: dict[str, Callable[[str], str]] = {
    "Repeat the sentence.": lambda text: text,
    "Write the sentence in small letters.": str.lower,
    "Write the first word of the sentence.": lambda text: text.split()[0],
    "Write the last word of the sentence.": lambda text: text.split()[-1].strip(".!?"),
    "How many words has the sentence?": lambda text: str(len(text.split())),
    "Write the words of the sentence from the last to the first.": lambda text: " ".join(
        reversed(text.split())
    ),
}


def write_instructions(path: Path, seed: int, count: int = COUNT) -> int:
    """Writes JSON lines of ``instruction``, ``input`` and ``output``; returns their number.

    Args:
        path: The file.
        seed: Same seed, same bytes.
        count: How many.
    """
    rng = random.Random(f"{seed} instructions")
    speakers = [Speaker(domain, rng) for domain in ("restaurant", "laptop")]
    with files.atomic_file(path) as stream:
        for number in range(count):
            text = speakers[number % 2].sentence(0.55).text
            instruction = rng.choice(list(_KINDS))
            row = {
                "instruction": instruction,
                "input": text,
                "output": _KINDS[instruction](text),
            }
            stream.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
    return count
