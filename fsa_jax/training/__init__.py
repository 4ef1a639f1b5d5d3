"""Learning: the loop, its step, optimizers, evaluation and checkpoints."""
