"""Names that a declaration may use."""

import pytest

from fsa_jax.experiments import known


def test_teacher_is_known_by_the_corpus(tmp_path, monkeypatch):
    monkeypatch.setenv("FSA_DATA_DIR", str(tmp_path))
    (tmp_path / "understanding" / "my_teacher_anl_restaurant").mkdir(parents=True)
    known.check_teacher("my_teacher")
    with pytest.raises(ValueError, match="did you mean my_teacher"):
        known.check_teacher("my_techer")
