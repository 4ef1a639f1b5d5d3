"""All tasks and mixtures, put into SeqIO's registry."""

import functools

from fsa_jax.opinions.corpus import TEACHERS
from tasks import benchmark, instructions, reviews, understanding, user_data, zero_shot


@functools.cache
def register() -> None:
    """Registers everything, the user's own benchmarks included; once, and without reading data."""
    benchmark.register()
    zero_shot.register()
    reviews.register()
    instructions.register()
    for teacher in TEACHERS:
        understanding.register_teacher(teacher)
    user_data.register()
