"""Cards are what the Hub reads."""

from huggingface_hub import ModelCard

from fsa_jax.opinions.publishing.cards import front_matter, section, table


def test_the_hub_reads_the_front_matter():
    text = front_matter({"license": "other", "tags": ["t5", "a: b"], "language": "en"})
    card = ModelCard(text + "# name\n")
    assert card.data.license == "other"
    assert card.data.tags == ["t5", "a: b"]
    assert card.text.strip() == "# name"


def test_no_cell_breaks_a_table():
    lines = table(("a", "b"), [("x | y", "two\nlines"), (1, 2.5)]).splitlines()
    assert lines == ["| a | b |", "| --- | --- |", r"| x \| y | two lines |", "| 1 | 2.5 |"]


def test_a_section_leaves_out_what_says_nothing():
    assert section("Data", "", "one\n", "two") == "\n## Data\n\none\n\ntwo\n"
