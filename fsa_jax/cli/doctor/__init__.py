"""``fsa doctor``: what is installed and reachable here, and how to mend what is not."""
