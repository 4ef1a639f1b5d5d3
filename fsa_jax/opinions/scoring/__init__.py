"""Scoring: prediction rows, their counts, files of them, and how sure a score is."""
