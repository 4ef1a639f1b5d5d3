"""The sample world: a seeded generator of short reviews whose opinions are known.

A benchmark is made from it, too.

It stands in for review dumps and for the FSA benchmark where neither is at hand: in the quickstart,
in tests, and on a machine without network. Its language is small on purpose, so that a student of a
few hundred thousand parameters learns it in a minute; figures measured on it say that the machinery
works, and nothing about real reviews.
"""
