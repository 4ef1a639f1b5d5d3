"""The lexicon teacher: a stand-in for an LLM.

It works offline and by rule, and writes ANL and RW text for any English review.

It reads a review with VADER's sentiment lexicon and rules of ours (targets and aspects per domain,
negation, intensity, contrast, and phrases that judge without a sentiment word) and writes what an
LLM would be asked for. It is deterministic, costs nothing and reads about a thousand reviews a
second, which makes it fit for quickstarts, tests and dry runs of a pipeline. It understands far
less than an LLM: a corpus that should teach a student comes from an LLM.
"""
