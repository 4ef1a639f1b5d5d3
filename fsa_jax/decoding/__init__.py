"""Answering: tokens in, tokens out, and answers to SeqIO tasks."""
