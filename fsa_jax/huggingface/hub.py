"""To the Hub: a folder with a model or with corpora, and its card."""

import dataclasses
from pathlib import Path
from typing import Any, Literal

from fsa_jax.opinions.corpus import VERSION
from fsa_jax.opinions.publishing.cards import CARD
from fsa_jax.runtime.exits import RunFailedError

Kind = Literal["model", "dataset"]
_LOG_IN = "run `hf auth login`, or set HF_TOKEN, with a token that may write"


@dataclasses.dataclass(frozen=True)
class Upload:
    """What would go to the Hub.

    Attributes:
        folder: Where it lies.
        repo: ``owner/name``.
        kind: What it is.
        files: The files, relative to the folder, the card among them.
        card: The text of the card, which names the repository as where to load from.
    """

    folder: Path
    repo: str
    kind: Kind
    files: list[Path]
    card: str

    def sizes(self) -> dict[str, int]:
        """Returns the size of each file by its name."""
        found = {str(file): (self.folder / file).stat().st_size for file in self.files}
        return found | {CARD: len(self.card.encode())}

    @property
    def url(self) -> str:
        """Where it will be found."""
        return f"https://huggingface.co/{'datasets/' * (self.kind == 'dataset')}{self.repo}"


def plan(folder: Path, repo: str) -> Upload:
    """Looks at what would go to the Hub; asks nobody.

    Hidden files stay where they are.

    Args:
        folder: A folder of ``fsa export``, or one of corpora.
        repo: Where to, ``owner/name``.

    Raises:
        FileNotFoundError: There is no such folder, or no card in it.
        ValueError: The folder holds something else, or the name is none.
    """
    import huggingface_hub.utils

    huggingface_hub.utils.validate_repo_id(repo)  # type: ignore[attr-defined]
    if "/" not in repo:
        raise ValueError(f"{repo}: name the owner as well, such as YOU/{repo}")
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is no folder: make one with `fsa export`")
    found = sorted(file.relative_to(folder) for file in folder.rglob("*") if file.is_file())
    files = [file for file in found if not any(part.startswith(".") for part in file.parts)]
    kind = _kind(folder, files)
    if Path(CARD) not in files:
        command = "fsa export" if kind == "model" else "fsa corpus card"
        raise FileNotFoundError(f"{folder} lacks its card {CARD}: `{command}` writes it")
    card = (folder / CARD).read_text(encoding="utf-8")
    # A card is loaded from where it was exported to, and from the Hub when it is there.
    name = folder.resolve().name
    card = card.replace(f'from_pretrained("{name}")', f'from_pretrained("{repo}")')
    return Upload(folder, repo, kind, files, card)


def _kind(folder: Path, files: list[Path]) -> Kind:
    weights = {Path("model.safetensors"), Path("model.bin")}  # of transformers, of CTranslate2
    if Path("config.json") in files and weights & set(files):
        return "model"
    if any(file.name == "dataset_info.json" and VERSION in file.parts for file in files):
        return "dataset"
    raise ValueError(
        f"{folder} holds neither an exported model nor corpora: give the folder that `fsa export` "
        "wrote, or understanding/ of a data root"
    )


def push(upload: Upload, private: bool, api: Any = None) -> str:
    """Makes the repository, unless it is there, and sends the files in one commit.

    Args:
        upload: What goes there.
        private: Make the repository for its owner alone; one that is there stays as it is.
        api: A ``huggingface_hub.HfApi``; None for the Hub with the user's token.

    Returns:
        Where it is found.

    Raises:
        ValueError: Nobody is logged in.
        RunFailedError: The Hub refuses, or is not reached.
    """
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError

    if api is None:
        if huggingface_hub.get_token() is None:
            raise ValueError(f"no token of Hugging Face: {_LOG_IN}")
        api = huggingface_hub.HfApi(library_name="fsa_jax")
    add = huggingface_hub.CommitOperationAdd
    operations = [
        add(str(file), upload.card.encode() if str(file) == CARD else upload.folder / file)
        for file in upload.files
    ]
    message = f"{upload.kind} by fsa_jax"
    # Its base is that of the HTTP library, httpx or its successor, whose own faults are those of
    # the network.
    faults: tuple[type[Exception], ...] = (HfHubHTTPError, *HfHubHTTPError.__bases__)
    try:
        api.create_repo(upload.repo, repo_type=upload.kind, private=private, exist_ok=True)
        api.create_commit(upload.repo, operations, commit_message=message, repo_type=upload.kind)
    except faults as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        hint = _LOG_IN if status in (401, 403) else "run the same command again"
        raise RunFailedError(f"{upload.url}: {error}; {hint}") from error
    return upload.url
