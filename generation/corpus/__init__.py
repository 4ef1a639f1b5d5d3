"""Corpora: TFRecords that training reads, from ledgers or from the released files."""
