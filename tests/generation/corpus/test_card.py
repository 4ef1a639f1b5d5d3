"""The card of corpora: filled from their manifests, and its code runs."""

import json

import pytest
from corpora import make
from huggingface_hub import DatasetCard

from fsa_jax.opinions.publishing import terms
from generation import quality
from generation.corpus import card

RUN = {
    "spec": {
        "teacher": "gpt35",
        "model": "gpt-3.5-turbo-0125",
        "revision": "",
        "sampling": {"temperature": 0.7},
    },
    "prompts": {"anl": {"version": "1", "kind": "anl", "sha256": "abcdef0123456789"}},
}


def manifest_in(root, config, **more):
    folder = root / "understanding" / config / "1.0.0"
    folder.mkdir(parents=True)
    manifest = {"config": config, "rows": 100, "validation_fraction": 0.02, "reasons": {}}
    manifest["splits"] = {"train": 88, "validation": 2}
    (folder / "manifest.json").write_text(json.dumps(manifest | more))


def read(path):
    return DatasetCard(path.read_text("utf-8"))


def test_a_build_writes_the_card_and_its_code_runs(runs, tmp_path, monkeypatch, capsys):
    make(runs, tmp_path / "data")
    found = read(tmp_path / "data" / "understanding" / "README.md")
    assert found.data.license == "other"
    assert "| lexicon | lexicon | rules-" in found.text
    assert "**240 of the rows are on invented reviews" in found.text
    monkeypatch.chdir(tmp_path / "data" / "understanding")
    exec(found.text.split("```python\n")[1].split("```")[0], {})
    assert "→ Opinion Target 1: " in capsys.readouterr().out


def test_counts_teachers_prompts_and_rules_are_told(tmp_path):
    reasons = {"filtered: refused": 3, "filtered: length": 4, "failed: timeout": 1}
    manifest_in(tmp_path, "gpt35_anl_laptop", runs={"a": RUN}, reasons=reasons)
    manifest_in(tmp_path, "gpt35_anl_restaurant", runs={"a": RUN}, reasons={"filtered: length": 2})
    text = card.write_card(tmp_path).read_text()
    for line in (
        "| `gpt35_anl_laptop` | 88 | 2 | 10 |",
        "| gpt35 | gpt-3.5-turbo-0125 |  | temperature 0.7 |",
        "| anl | analysis of the opinions in a review | 1 | abcdef012345 |",
        f"| length | {quality.RULES['length']} | 6 |",
        f"| refused | {quality.RULES['refused']} | 3 |",
        "| timeout | no answer came, or none could be used | 1 |",
        terms.TEACHERS["gpt35"].terms,
        terms.REVIEWS[0].terms,
        "which 2% of the reviews",
    ):
        assert line in text
    assert text.count("gpt-3.5-turbo-0125") == 1


def test_an_imported_corpus_is_told_by_its_name(tmp_path):
    manifest_in(tmp_path, "mixtral_8x7b_rw_laptop", files={"a.json": "abc"})
    text = card.write_card(tmp_path).read_text()
    assert "| mixtral_8x7b |  |  | told by its name alone: an imported corpus |" in text
    assert "| rw | review, rewritten to be plainer |  |  |" in text


@pytest.mark.parametrize(("invented", "has_terms"), [(100, False), (40, True)])
def test_invented_reviews_are_told_and_are_nobodys(invented, has_terms, tmp_path):
    manifest_in(tmp_path, "lexicon_anl_laptop", invented=invented)
    text = card.write_card(tmp_path).read_text()
    assert f"**{invented} of the rows are on invented reviews" in text
    assert ("Yelp" in text) == has_terms


def test_a_licence_that_was_chosen_stays(tmp_path):
    manifest_in(tmp_path, "lexicon_anl_laptop")
    assert read(card.write_card(tmp_path, "cc-by-4.0")).data.license == "cc-by-4.0"
    again = read(card.write_card(tmp_path))
    assert again.data.license == "cc-by-4.0"
    assert "under `cc-by-4.0`" in again.text


def test_a_root_without_corpora_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="fsa corpus build"):
        card.write_card(tmp_path)
