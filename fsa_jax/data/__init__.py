"""Feeding: from a registered SeqIO task to batches of rows."""
