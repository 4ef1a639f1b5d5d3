"""The data of the benchmarks: real where ``FSA_TEST_DATA`` names it, else the sample world.

Both give a data root as the tasks read it: the corpus ``distill_<teacher>_anl_rw`` and the
benchmark ``tsa_rest14``, with the vocabulary that goes with them.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class World:
    """Where the data lie.

    Attributes:
        root: ``FSA_DATA_DIR``.
        vocabulary: ``FSA_VOCABULARY``.
        teacher: Whose corpus it is.
        words: One line that says what it is.
    """

    root: Path
    vocabulary: Path
    teacher: str
    words: str

    def enter(self) -> None:
        """Sets the environment variables, for this process and its children."""
        os.environ["FSA_DATA_DIR"] = str(self.root)
        os.environ["FSA_VOCABULARY"] = str(self.vocabulary)


def make_world(folder: Path) -> World:
    """Builds the data root under ``folder``."""
    given = os.environ.get("FSA_TEST_DATA")
    root = folder / "data"
    if given:
        real = Path(given).absolute()
        world = World(
            root,
            real / "t5_vocab" / "spiece.model",
            "mixtral_8x7b",
            "400 responses of Mixtral-8x7b and the FSA benchmark, T5's vocabulary",
        )
        world.enter()
        _fsa(
            *("corpus", "import", str(real / "corpus" / "mixtral_400.json")),
            *("--teacher", world.teacher, "--domain", "auto", "--prompt", "auto"),
            *("--output-dir", str(root)),
        )
        if not (root / "fsa").exists():
            (root / "fsa").symlink_to(real / "fsa")
        return world
    world = World(
        root, root / "vocabulary.model", "lexicon", "the sample world and the lexicon teacher"
    )
    world.enter()
    _fsa("sample", "--output-dir", str(root))
    ledgers = str(folder / "ledgers")
    _fsa(
        *("generate", "--teacher", "lexicon", "--prompt", "anl,rw"),
        *("--reviews", str(root / "reviews.jsonl"), "--output-dir", ledgers),
    )
    _fsa("corpus", "build", ledgers, "--output-dir", str(root))
    return world


def examples(task: str, split: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Token ids (inputs, targets) of every example of a task or mixture."""
    import tasks  # noqa: F401 - registers them
    from fsa_jax.data.providers import get_provider
    from fsa_jax.data.tokenizing import read_tokens

    table = read_tokens(get_provider(task), split, {"inputs": None, "targets": None})
    return [table.example(i) for i in range(len(table))]


def _fsa(*arguments: str) -> None:
    command = [str(Path(sys.executable).with_name("fsa")), *arguments]
    subprocess.run(command, check=True, stdout=sys.stderr)
