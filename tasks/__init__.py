"""Everything there is to learn: importing this package registers its SeqIO tasks and mixtures.

Nothing is read at import. Where the data lies is said by `FSA_DATA_DIR`, the vocabulary by
`FSA_VOCABULARY`, both read at first use.
"""

from tasks import benchmark, understanding
from tasks.understanding import register_teacher

__all__ = ["register_teacher"]

benchmark.register()
for _teacher in understanding.TEACHERS:
    register_teacher(_teacher)
