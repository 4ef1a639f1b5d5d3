"""Which reviews are held out, and which a size draws."""

import hashlib

import pytest

from fsa_jax.opinions.corpus import (
    HELD_OUT,
    TEACHERS,
    corpus_name,
    draw_rank,
    is_held_out,
    nearness,
    read_draw,
    size_name,
)
from generation.teachers.presets import PRESETS

NAMES = [f"review-{i}" for i in range(20_000)]


def test_the_rule_is_the_one_that_corpora_were_built_with():
    for name in NAMES[:200]:
        digest = hashlib.sha256(b"split:" + name.encode()).digest()
        old = int.from_bytes(digest[:8], "big") < 0.1 * 2**64
        assert is_held_out(name, 0.1) == old == (nearness(name) < 0.1)
    assert not any(is_held_out(name, 0) for name in NAMES)


def test_held_out_is_a_random_part_of_every_draw():
    assert 0.017 < sum(map(is_held_out, NAMES)) / len(NAMES) < 0.023 == HELD_OUT + 0.003
    first = sorted(NAMES, key=draw_rank)[:5000]
    assert 0.015 < sum(map(is_held_out, first)) / 5000 < 0.025
    assert len({draw_rank(name) for name in NAMES}) == len(NAMES)
    assert draw_rank("\ud800") == draw_rank("?")


@pytest.mark.parametrize(
    ("reviews", "name"),
    [(500, "500"), (2500, "2500"), (1000, "1k"), (100_000, "100k"), (10**6, "1m")],
)
def test_sizes_are_written_short(reviews, name):
    assert size_name(reviews) == name


def test_the_draw_file_is_read_anew_when_it_changes(tmp_path):
    assert read_draw(tmp_path) is None
    (tmp_path / "draw.txt").write_text("tv.\n")
    assert read_draw(tmp_path) == "tv."


def test_names():
    assert corpus_name("gpt35", "anl", "laptop") == "gpt35_anl_laptop"
    assert set(PRESETS) == set(TEACHERS)
