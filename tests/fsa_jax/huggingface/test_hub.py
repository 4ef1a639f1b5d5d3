"""What would go to the Hub, and that exactly that goes."""

import huggingface_hub
import pytest

from fsa_jax.huggingface import hub
from fsa_jax.runtime.exits import RunFailedError

CARD = '# mine\nAutoTokenizer.from_pretrained("mine")\n'


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "mine"
    (folder / ".cache").mkdir(parents=True)
    for name in ("config.json", "model.safetensors", ".env", ".cache/x"):
        (folder / name).write_bytes(b"12345")
    (folder / "README.md").write_text(CARD)
    return folder


@pytest.fixture
def corpora(tmp_path):
    folder = tmp_path / "understanding"
    (folder / "t_anl_laptop" / "1.0.0").mkdir(parents=True)
    (folder / "t_anl_laptop" / "1.0.0" / "dataset_info.json").write_text("{}")
    return folder


class Hub:
    """Takes what the real one would."""

    def __init__(self):
        self.repos, self.files = [], {}

    def create_repo(self, repo, **more):
        self.repos.append((repo, more))

    def create_commit(self, repo, operations, *, commit_message, repo_type):
        for one in operations:
            with one.as_file() as stream:
                self.files[one.path_in_repo] = stream.read()


def test_a_plan_lists_what_is_not_hidden_and_names_the_repository(model):
    upload = hub.plan(model, "me/student")
    assert upload.kind == "model"
    assert upload.card == CARD.replace('"mine"', '"me/student"')
    assert upload.sizes() == {
        "README.md": len(upload.card),
        "config.json": 5,
        "model.safetensors": 5,
    }
    assert upload.url == "https://huggingface.co/me/student"


def test_what_was_planned_is_pushed(model):
    api = Hub()
    upload = hub.plan(model, "me/student")
    assert hub.push(upload, private=True, api=api) == upload.url
    assert api.repos == [("me/student", {"repo_type": "model", "private": True, "exist_ok": True})]
    assert {name: len(content) for name, content in api.files.items()} == upload.sizes()
    assert api.files["README.md"].decode() == upload.card
    assert (model / "README.md").read_text() == CARD


def test_corpora_are_a_dataset_and_need_their_card(corpora):
    with pytest.raises(FileNotFoundError, match=r"lacks its card README\.md: `fsa corpus card`"):
        hub.plan(corpora, "me/corpora")
    (corpora / "README.md").write_text("# corpora\n")
    upload = hub.plan(corpora, "me/corpora")
    assert (upload.kind, upload.url) == ("dataset", "https://huggingface.co/datasets/me/corpora")


@pytest.mark.parametrize(
    ("repo", "error", "message"),
    [
        ("student", ValueError, "name the owner as well, such as YOU/student"),
        ("me/a b", ValueError, "Repo id must use"),
    ],
)
def test_names_that_are_none_are_refused(model, repo, error, message):
    with pytest.raises(error, match=message):
        hub.plan(model, repo)


def test_folders_of_something_else_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="is no folder: make one with `fsa export`"):
        hub.plan(tmp_path / "none", "me/x")
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ValueError, match="neither an exported model nor corpora"):
        hub.plan(tmp_path, "me/x")


def test_who_is_not_logged_in_is_told_how(model, monkeypatch):
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: None)
    with pytest.raises(ValueError, match="hf auth login"):
        hub.push(hub.plan(model, "me/x"), private=False)


def test_a_hub_that_is_not_reached_is_told_in_words(model):
    api = huggingface_hub.HfApi(endpoint="http://127.0.0.1:9", token="hf_secret")
    with pytest.raises(RunFailedError, match=r"me/x: .*; run the same command again") as failed:
        hub.push(hub.plan(model, "me/x"), private=False, api=api)
    assert "secret" not in str(failed.value)
