"""Corpora: from ledgers, or from the released files, to TFRecords that training reads (DESIGN section 3)."""
