"""The FSA benchmark as a TFDS builder."""
