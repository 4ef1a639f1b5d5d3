"""Everything there is to learn: importing this package registers its SeqIO tasks and mixtures.

No file is read at import. Where the data lies is said by ``FSA_DATA_DIR``, the vocabulary by
``FSA_VOCABULARY``, both read at first use.
"""

from tasks.distillation import distill
from tasks.registry import register
from tasks.understanding import register_teacher
from tasks.user_data import user_benchmark
from tasks.vocabulary import get_vocabulary

__all__ = ["distill", "get_vocabulary", "register_teacher", "user_benchmark"]
register()
