"""Measuring teachers: LLMs in context on the benchmark (tables 9 and 10)."""
