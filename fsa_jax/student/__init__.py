"""A finished student: loading it, scoring it, letting it answer, giving it away."""
