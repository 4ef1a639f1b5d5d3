"""All tasks and mixtures, put into SeqIO's registry."""

import functools

from fsa_jax.opinions.corpus import TEACHERS
from tasks import extraction, instructions, reviews, understanding, user_data, zero_shot


@functools.cache
def register() -> None:
    """Registers everything, the user's own benchmarks and teachers included; once, nothing read."""
    extraction.register()
    zero_shot.register()
    reviews.register()
    instructions.register()
    for teacher in TEACHERS:
        understanding.register_teacher(teacher)
    understanding.register_found()
    user_data.register()
