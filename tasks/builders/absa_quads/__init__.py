"""The quad data sets as a TFDS builder."""
