"""Links out of the documentation lead to pages that show the files."""

from scripts.documentation import sources


def test_links_lead_to_pages_of_the_site():
    text = (
        "[a](../../fsa_jax/__init__.py) [b](../formats.md#review) [c](https://x.org/y) [d](#e) "
        "![f](../screenshots/f.png) [g](../../CONTRIBUTING.md#style) [h](../../README.md)"
    )
    assert sources.relinked(text, "how_to/page.md") == (
        "[a](../source/fsa_jax/__init__.py.md) [b](../formats.md#review) [c](https://x.org/y) "
        "[d](#e) ![f](../screenshots/f.png) [g](../contributing.md#style) [h](../index.md)"
    )


def test_adopted_pages_are_linked_from_where_they_lie_in_the_repository():
    assert sources.relinked("[a](docs/formats.md)", "contributing.md") == "[a](formats.md)"
    lie = "[a](beam_requirements.txt) [b](../docs/glossary.md)"
    linked = "[a](../source/tasks/beam_requirements.txt.md) [b](../glossary.md)"
    assert sources.relinked(lie, "how_to/tasks.md") == linked


def test_a_file_and_a_folder_become_pages():
    texts = {"page.md": "[a](../fsa_jax/__init__.py) [b](../gin/quickstart) [c](formats.md)"}
    made = dict(sources.pages(texts))
    assert set(made) == {
        "source/fsa_jax/__init__.py.md",
        "source/gin/quickstart.md",
        "source/gin/quickstart/distill.gin.md",
        "source/gin/quickstart/finetune.gin.md",
    }
    assert "def load(" in made["source/fsa_jax/__init__.py.md"]
    assert "[`distill.gin`](quickstart/distill.gin.md)" in made["source/gin/quickstart.md"]
    assert all("exclude: true" in text for text in made.values())
