"""The commands ``t5x`` and ``fsa``."""
