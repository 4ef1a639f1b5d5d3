"""How large an experiment is run: as declared, or tiny, on the sample world.

Tiny keeps the graph: every system, pretraining, task and sub-set is there. What is large becomes
small: a tiny student (of another width for each size), dozens of steps, thousands of made-up
reviews, two seeds, three values of a figure's axis. The lexicon teacher plays every teacher, and a
short denoising of reviews stands for T5's own pretraining.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from fsa_jax.experiments.declaration import Experiment, System

_WORLD_REVIEWS = 5200
_SEEDS = 2
_POINTS = 3
_ARMS = ("pretrain", "finetune", "evaluate")
# Head sizes are the same, so that the sizes differ in width alone and compile fast.
_WIDTHS = {"small": 32, "large": 96, "3B": 128, "11B": 160}
_COUNTS = ((50_000, 1_000), (500_000, 2_000))  # below: so many reviews
_MOST = 5_000
_LENGTHS = {"inputs": 64, "targets": 64}
_SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "pretrain": {
        "TRAIN_STEPS": 40,
        "BATCH_SIZE": 4,
        "TASK_FEATURE_LENGTHS": {"inputs": 128, "targets": 256},
        "EVAL_PERIOD": 40,
        "CHECKPOINT_PERIOD": 40,
        "LOG_PERIOD": 5,
    },
    "finetune": {
        "TRAIN_STEPS": 60,
        "BATCH_SIZE": 16,
        "TASK_FEATURE_LENGTHS": _LENGTHS,
        "EVAL_PERIOD": 60,
        "FINAL_SPLITS": ("test",),
        "MAX_DECODE_LENGTH": 24,
        "LOG_PERIOD": 5,
        "schedules.linear.peak": 2e-3,
    },
    "evaluate": {},
}


@dataclasses.dataclass(frozen=True)
class Scale:
    """What running at a scale changes.

    Attributes:
        name: Full or tiny.
        world: Reviews of the sample world; None where the user's own data is read.
        settings: Gin settings by stage kind, which go before those of the declaration.
        stands_in: Whether a short pretraining stands for the weights that a system starts from.
        note: Line under the table.
    """

    name: str
    world: int | None = None
    settings: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    stands_in: bool = False
    note: str = ""

    def model_settings(self, system: System) -> dict[str, Any]:
        """Gin settings of the student's own size, for every stage kind."""
        if not self.stands_in:
            return {}
        width = _WIDTHS.get(system.size.rpartition("_")[2], 64)
        sizes = {"vocab_size": 1024, "emb_dim": width, "num_heads": 2, "head_dim": 32}
        sizes |= {"mlp_dim": 2 * width}
        return {f"network.T5Config.{name}": value for name, value in sizes.items()}


FULL = Scale("full")
TINY = Scale(
    "tiny",
    _WORLD_REVIEWS,
    _SETTINGS,
    True,
    "Tiny scale: it shows that everything runs, not how well anything works. The lexicon teacher "
    "plays every teacher, so systems that differ in their teacher alone are one system here.",
)


def read(name: str) -> Scale:
    """Returns a scale by its name.

    Raises:
        ValueError: There is no such scale.
    """
    for scale in (FULL, TINY):
        if scale.name == name:
            return scale
    raise ValueError(f"--scale {name}: it is full or tiny")


def apply(scale: Scale, experiment: Experiment) -> Experiment:
    """Returns the experiment as it is run at a scale."""
    if not scale.stands_in:
        return experiment
    kept = _thinned(experiment.systems)
    systems = tuple(_shrunk(system) for system in kept)
    return dataclasses.replace(
        experiment,
        systems=systems,
        world=scale.world,
        notes=(*experiment.notes, scale.note),
    )


def _thinned(systems: tuple[System, ...]) -> list[System]:
    """Keeps the first, the middle and the last point of each line of a figure."""
    kept = []
    for system in systems:
        line = [other.name for other in systems if other.series == system.series]
        places = {round(i * (len(line) - 1) / (_POINTS - 1)) for i in range(_POINTS)}
        if line.index(system.name) in places:
            kept.append(system)
    return kept


def _shrunk(system: System) -> System:
    reviews = system.reviews
    if reviews is not None:
        reviews = next((few for below, few in _COUNTS if reviews < below), _MOST)
    return dataclasses.replace(
        system,
        teacher="lexicon" if system.teacher else "",
        reviews=reviews,
        seeds=system.seeds[:_SEEDS],
    )
