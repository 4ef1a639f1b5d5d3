"""The sample quads are read back without faults."""

from fsa_jax.opinions.readers import read_file


def test_quads_are_read_back_without_faults(world):
    files = [*(world / "asqp").rglob("*.txt"), *(world / "acos").rglob("*.tsv")]
    assert len(files) == 4 * 3
    for file in files:
        sentences, problems = read_file(file)
        assert not [problem for problem in problems if problem.is_fault]
        opinions = [opinion for sentence in sentences for opinion in sentence.opinions]
        assert len(opinions) > len(sentences) > 50
        assert {opinion.target is None for opinion in opinions} == {True, False}
        assert {opinion.polarity for opinion in opinions} <= {"positive", "negative", "neutral"}
