"""Experiments: what is declared in a small file is planned, run, kept and reported as one thing.

An *experiment* is a table or a figure. Its *systems* are the table's rows: a student, how it was
pretrained, how it was fine-tuned. Each system asks for *stages*, commands in folders of their own
that several systems and experiments share. The *store* keeps one row for each score.

May import every floor below the commands; knows the commands by their names alone.
"""
