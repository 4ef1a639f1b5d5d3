"""The data root is asked of the environment, and a wrong one is told."""

import pytest

from fsa_jax.runtime.locations import cache_root, data_root


def test_the_root_is_read_at_each_use(tmp_path, monkeypatch):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv("FSA_DATA_DIR", str(tmp_path / name))
        assert data_root() == tmp_path / name


def test_a_tilde_is_the_home(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("FSA_DATA_DIR", "~/data")
    assert data_root() == tmp_path / "data"


@pytest.mark.parametrize("value", [None, ""])
def test_without_it_the_message_says_what_it_is(monkeypatch, value):
    monkeypatch.delenv("FSA_DATA_DIR", raising=False)
    if value is not None:
        monkeypatch.setenv("FSA_DATA_DIR", value)
    with pytest.raises(FileNotFoundError, match=r"FSA_DATA_DIR is not set.*export"):
        data_root()


def test_a_file_or_nothing_is_no_root(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    for name in ("file", "missing"):
        monkeypatch.setenv("FSA_DATA_DIR", str(tmp_path / name))
        with pytest.raises(FileNotFoundError, match=f"{name} is not a folder"):
            data_root()


def test_the_cache_lies_beside_the_data_unless_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("FSA_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("FSA_CACHE_DIR", raising=False)
    assert cache_root() == tmp_path / "cache"
    monkeypatch.setenv("FSA_CACHE_DIR", "~/mine")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_root() == tmp_path / "mine"


def test_a_bucket_is_no_cache(monkeypatch):
    monkeypatch.setenv("FSA_CACHE_DIR", "gs://mine/cache")
    with pytest.raises(ValueError, match=r"gs://mine/cache is a bucket: name a folder"):
        cache_root()
