"""Opinions of made-up sentences stand where they say."""

from generation.world.sentences import KINDS, Speaker


def test_opinions_stand_where_they_say():
    import random

    for domain in ("restaurant", "laptop"):
        speaker = Speaker(domain, random.Random(0))
        for kind in KINDS:
            for _ in range(40):
                sentence = speaker.sentence(0.5, kind)
                for opinion in sentence.opinions:
                    if opinion.target is not None:
                        assert sentence.text[opinion.start :].startswith(opinion.target)
                    for at, word in opinion.words:
                        assert sentence.text[at:].startswith(word)
                assert sentence.implicit == (kind in ("fact", "unnamed"))
                assert sentence.multiple == (kind == "contrast")
