"""What a conversion cannot do is told in one line, and leaves nothing behind."""

import importlib.util
import json

import pytest

from fsa_jax.huggingface import ctranslate2_folder
from fsa_jax.runtime.exits import RunFailedError


def test_a_missing_package_is_named_with_what_installs_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"ctranslate2 and torch not installed.*\[ctranslate2\]"):
        ctranslate2_folder.check("float32")


def test_an_unknown_quantization_is_told_with_those_that_are_known():
    pytest.importorskip("ctranslate2")
    with pytest.raises(ValueError, match=r"--quantization=int9: .*int8.*float32.*did you mean"):
        ctranslate2_folder.check("int9")


def test_what_cannot_be_converted_is_one_line_and_leaves_what_was_there(tmp_path):
    pytest.importorskip("ctranslate2")
    source, target = tmp_path / "source", tmp_path / "target"
    for folder in (source, target):
        folder.mkdir()
    (target / "mine.txt").write_text("keep")
    (source / "config.json").write_text(json.dumps({"model_type": "vit"}))
    with pytest.raises(RunFailedError, match="CTranslate2 cannot convert this model: No conv"):
        ctranslate2_folder.convert(source, target, "int8")
    assert [file.name for file in target.iterdir()] == ["mine.txt"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["source", "target"]
