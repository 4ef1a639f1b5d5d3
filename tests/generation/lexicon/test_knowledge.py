"""What the lexicon teacher knows holds together: what it says of a word it can find in a text."""

import pytest

from fsa_jax.opinions.corpus import DOMAINS
from generation.lexicon import knowledge

MOST = 4.0  # VADER's scale


@pytest.fixture(params=DOMAINS)
def known(request):
    return knowledge.load(request.param)


def test_targets_are_what_a_search_of_up_to_three_words_finds(known):
    for term in known.terms:
        assert term == " ".join(term.lower().split())
        assert 1 <= len(term.split()) <= 3
    assert known.terms[known.whole] == known.general


def test_aspects_are_of_the_domains_own(known):
    aspects = set(known.terms.values())
    assert set(known.implied.values()) <= aspects
    assert {cue.aspect for cue in known.cues} <= aspects | {None}


def test_a_word_is_a_target_or_an_opinion(known):
    assert not known.valences.keys() & known.terms.keys()
    assert all(isinstance(word, str) and word == word.lower() for word in known.valences)
    assert all(abs(value) <= MOST for value in known.valences.values())


def test_cues_can_match_lower_case_and_judge(known):
    for cue in known.cues:
        assert 0 < abs(cue.value) <= MOST
        assert cue.means
        literal = cue.pattern.pattern.replace("\\S", "").replace("\\W", "").replace("\\D", "")
        assert literal == literal.lower()
        assert not cue.pattern.search("")


def test_ours_stand_over_vaders():
    assert knowledge.load("laptop").valences["good"] > 0
    restaurant, laptop = (knowledge.load(domain).valences for domain in DOMAINS)
    assert restaurant != laptop
    assert laptop["true"] == 0  # written bare, YAML would read it as a truth value
    assert "n't" in knowledge.load("laptop").negations


def test_telling_words_tell_the_domains_apart():
    restaurant, laptop = map(knowledge.telling_words, ("restaurant", "laptop"))
    assert not restaurant & laptop
    assert {"waiter", "pasta"} <= restaurant
    assert {"keyboard", "battery"} <= laptop
    assert all(word == word.lower() and " " not in word for word in restaurant | laptop)


def test_a_domain_that_is_none_is_no_empty_knowledge():
    with pytest.raises(KeyError, match="hotel"):
        knowledge.load("hotel")


def test_the_version_is_that_of_rules():
    kind, number = knowledge.version().split("-", 1)
    assert kind == "rules"
    assert int(number) >= 1
