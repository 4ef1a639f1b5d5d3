"""``fsa export`` and ``fsa push`` refuse what they can at once, and a dry run sends nothing."""

import pytest
from typer.testing import CliRunner

from fsa_jax.cli.main import fsa
from fsa_jax.huggingface import hub
from fsa_jax.runtime.run_directory import RunDirectory, Status
from fsa_jax.student import load as loading


@pytest.fixture
def run(monkeypatch, tmp_path):
    """``run(*words)`` runs ``fsa``, in which nothing may be loaded or sent."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(loading, "load", lambda *_, **__: pytest.fail("a student was loaded"))
    monkeypatch.setattr(hub, "push", lambda *_: pytest.fail("something was sent"))
    return lambda *words: CliRunner().invoke(fsa, list(words))


def test_an_unknown_format_is_told_first(run):
    done = run("export", "--checkpoint", "run", "--output-dir", "x", "--format", "onnx")
    assert "--format=onnx: it is hf or ctranslate2" in str(done.exception)


def test_what_ctranslate2_cannot_do_is_told_before_anything_is_loaded(run):
    words = ("export", "--checkpoint", "run", "--output-dir", "x", "--quantization", "int9")
    done = run(*words)
    assert "--quantization is for --format ctranslate2" in str(done.exception)
    pytest.importorskip("ctranslate2")
    done = run(*words, "--format", "ctranslate2")
    assert "--quantization=int9: it is one of int8, " in str(done.exception)


def test_a_folder_that_is_not_empty_is_told_before_anything_is_loaded(run, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    done = run("export", "--checkpoint", "run", "--output-dir", "full")
    assert "full is not empty: name another folder or use --overwrite" in str(done.exception)


def test_a_run_that_has_not_finished_is_told(run, monkeypatch, tmp_path):
    RunDirectory(tmp_path / "x").write_status(Status("stopped", 60, 100))
    monkeypatch.setattr(loading, "load", lambda *_, **__: 1 / 0)
    done = run("export", "--checkpoint", "x", "--output-dir", "new")
    assert isinstance(done.exception, ZeroDivisionError)
    assert f"note: {tmp_path / 'x'} is stopped at step 60 of 100" in done.stderr


def test_a_dry_run_lists_files_sizes_and_card(run, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.json").write_bytes(bytes(100))
    (tmp_path / "mine" / "model.safetensors").write_bytes(bytes(2048))
    (tmp_path / "mine" / "README.md").write_text('# mine\nfrom_pretrained("mine")\n')
    done = run("push", "mine", "me/mine", "--dry-run")
    assert done.exit_code == 0, done.exception
    for words in (
        "     100 B  config.json\n",
        "   2.0 KiB  model.safetensors\n",
        "in all, 3 files, as model\n",
        '# mine\nfrom_pretrained("me/mine")\n',
        "nothing was sent to https://huggingface.co/me/mine",
    ):
        assert words in done.output


def test_a_folder_that_is_none_is_told(run):
    assert "`fsa export`" in str(run("push", "none", "me/mine").exception)
