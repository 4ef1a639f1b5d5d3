"""LLMs as judges: the paper's six scores from an LLM, kept apart from people's, and compared."""
