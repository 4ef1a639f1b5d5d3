import pytest

from generation import foreground
from generation.teachers.factory import Choice


@pytest.fixture
def runs(write_reviews, options):
    """Answers 120 reviews with the lexicon, in two shards; returns the folder."""
    reviews = write_reviews(120)
    for shard in range(2):
        task = options(reviews, shard=shard, shards=2)
        foreground.generate(Choice(), task, quiet=True)
    return task.folder
