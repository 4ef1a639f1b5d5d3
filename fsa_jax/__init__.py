"""Distils fine-grained sentiment understanding from LLM teachers into small T5 students.

Importing this package loads neither JAX nor TensorFlow; its modules do so when they are used.
"""

__version__ = "0.1.0"
