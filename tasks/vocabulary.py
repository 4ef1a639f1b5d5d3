"""T5's SentencePiece vocabulary with one piece more: the newline.

T5's vocabulary has no newline, and the teachers' analyses are made of lines. The piece ``▁[NL]``
follows the 100 sentinels, so ``[NL]`` gets the id ``pieces + 100`` (32100 for T5's own 32,000
pieces) and the first sentinel stays at 32099. Text goes in with every newline replaced by `` [NL]
`` and comes back with the blanks around the mark removed.

The model file is named by ``FSA_VOCABULARY`` and read at first use: importing this module reads
nothing.
"""

import functools
import hashlib
import os
import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import sentencepiece
import seqio
import tensorflow as tf
from google.protobuf import message
from sentencepiece import sentencepiece_model_pb2
from seqio import vocabularies as seqio_vocabularies

from fsa_jax.opinions.corpus import NEWLINE, SENTINELS
from fsa_jax.runtime.files import atomic_file

DEFAULT_VOCABULARY = "gs://t5-data/vocabs/cc_all.32000/sentencepiece.model"
NEWLINE_PIECE = f"▁{NEWLINE}"
_NEWLINE_MARK = f" {NEWLINE} "
_NEWLINE_PATTERN = rf" *{re.escape(NEWLINE)} *"
_DOWNLOAD_TIMEOUT_SECONDS = 20
_ModelProto: Any = sentencepiece_model_pb2.__dict__["ModelProto"]


class NewlineVocabulary(seqio.SentencePieceVocabulary):
    """A SentencePiece vocabulary with 100 sentinels and a newline piece, loaded at first use.

    Args:
        path: Path or URL (``gs://``, ``https://``, ``http://``) of a SentencePiece model. ``None``
            means the value of ``FSA_VOCABULARY`` at the moment of use, and T5's own vocabulary
            where that is unset.

    Raises:
        FileNotFoundError: (at first use) the model cannot be had.
        ValueError: (at first use) the file is no SentencePiece model with pad 0, eos 1 and unk 2.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None):
        self._path = os.fspath(path) if path is not None else None
        super().__init__(sentencepiece_model_file=self._path or "", extra_ids=SENTINELS)

    @property
    def sentencepiece_model_file(self) -> str:
        """Path or URL of the model that is (or will be) in use."""
        return self._path or os.environ.get("FSA_VOCABULARY") or DEFAULT_VOCABULARY

    @property
    def sha256(self) -> str:
        """Hex digest of the model file as it was read, without the added pieces."""
        return _load(self.sentencepiece_model_file).sha256

    @property
    def newline_id(self) -> int:
        """Id of the newline: the last one."""
        return int(self.vocab_size) - 1

    def sentinel_id(self, index: int) -> int:
        """Returns the id of ``<extra_id_{index}>``; 32099 for the first in T5's own vocabulary."""
        if not 0 <= index < SENTINELS:
            raise ValueError(f"sentinel {index}: there are {SENTINELS}, numbered from 0")
        return self.newline_id - 1 - index

    def _model_context(self) -> Any:
        return _load(self.sentencepiece_model_file).context

    def _encode(self, s: str) -> Any:
        return super()._encode(s.replace("\n", _NEWLINE_MARK))

    def text_for_model(self, text: bytes) -> bytes:
        """Returns a UTF-8 text as the SentencePiece model reads it in ``encode_tf``."""
        return text.replace(b"\n", _NEWLINE_MARK.encode())

    def _decode(self, ids: Any) -> str:
        return re.sub(_NEWLINE_PATTERN, "\n", super()._decode(ids))

    def _encode_tf(self, s: tf.Tensor) -> tf.Tensor:
        return super()._encode_tf(tf.strings.regex_replace(s, "\n", _NEWLINE_MARK))

    def _decode_tf(self, ids: tf.Tensor) -> tf.Tensor:
        return tf.strings.regex_replace(super()._decode_tf(ids), _NEWLINE_PATTERN, "\n")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NewlineVocabulary):
            return False
        return bool(self.sentencepiece_model_file == other.sentencepiece_model_file)

    def __hash__(self) -> int:
        return hash(self.sentencepiece_model_file)

    def __str__(self) -> str:
        return f"NewlineVocabulary({self.sentencepiece_model_file})"

    __repr__ = __str__


def get_vocabulary(path: str | None = None) -> NewlineVocabulary:
    """Returns the vocabulary of all tasks; for the gin macro ``VOCABULARY``.

    Args:
        path: Path or URL of a SentencePiece model; ``None`` for ``FSA_VOCABULARY``.
    """
    return NewlineVocabulary(path)


def without_newlines(text: str) -> str:
    """Writes newlines as T5's own tokenizer reads them: as blanks.

    For prompts to checkpoints that never learnt the newline's piece (T5, Flan-T5, Tk-Instruct); its
    row in their embedding means nothing.
    """
    return text.replace("\n", " ")


class _Loaded:
    """A parsed model: what SeqIO's base class keeps, and the digest of the file."""

    def __init__(self, context: Any, sha256: str) -> None:
        self.context = context
        self.sha256 = sha256


@functools.lru_cache(maxsize=8)
def _load(source: str) -> _Loaded:
    content = _read(source)
    proto = _parse(content, source)
    user_defined = _ModelProto.SentencePiece.USER_DEFINED
    for index in reversed(range(SENTINELS)):
        proto.pieces.add(piece=f"▁<extra_id_{index}>", score=0.0, type=user_defined)
    proto.pieces.add(piece=NEWLINE_PIECE, score=0.0, type=user_defined)
    serialized = proto.SerializeToString()
    tokenizer = sentencepiece.SentencePieceProcessor()
    tokenizer.LoadFromSerializedProto(serialized)
    special = (tokenizer.pad_id(), tokenizer.eos_id(), tokenizer.unk_id())
    if special != (0, 1, 2):
        raise ValueError(
            f"vocabulary {source}: pad, eos and unk have the ids {special}, not (0, 1, 2): "
            "train the model with --pad_id=0 --eos_id=1 --unk_id=2 --bos_id=-1"
        )
    context = seqio_vocabularies._ModelContext(tokenizer=tokenizer, sp_model=serialized)
    return _Loaded(context, hashlib.sha256(content).hexdigest())


def _parse(content: bytes, source: str) -> Any:
    try:
        proto = _ModelProto.FromString(content)
    except message.DecodeError as error:
        raise ValueError(f"vocabulary {source} is not a SentencePiece model: {error}") from error
    if not proto.pieces:
        raise ValueError(f"vocabulary {source} is not a SentencePiece model: it holds no pieces")
    if any(piece.piece in (NEWLINE_PIECE, "▁<extra_id_0>") for piece in proto.pieces):
        raise ValueError(
            f"vocabulary {source} already holds sentinels or {NEWLINE_PIECE}: give the "
            "plain model, they are added on loading"
        )
    return proto


def _read(source: str) -> bytes:
    if "://" in source:
        return _read_url(source)
    path = Path(source).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f"vocabulary {source} does not exist: set FSA_VOCABULARY to the path or URL of a "
            f"SentencePiece model (T5's own is {DEFAULT_VOCABULARY})"
        )
    return path.read_bytes()


def _read_url(source: str) -> bytes:
    """Reads a URL once; a copy is kept in the user's cache folder."""
    cached = _cache_folder() / f"{hashlib.sha256(source.encode()).hexdigest()[:24]}.model"
    if cached.is_file():
        return cached.read_bytes()
    # Public buckets answer over HTTPS at once; TensorFlow's own gs:// reader first waits minutes
    # for credentials.
    url = re.sub(r"^gs://", "https://storage.googleapis.com/", source)
    try:
        if url.startswith(("http://", "https://")):
            with urllib.request.urlopen(url, timeout=_DOWNLOAD_TIMEOUT_SECONDS) as response:
                content = response.read()
        else:
            content = tf.io.gfile.GFile(source, "rb").read()
    except (OSError, urllib.error.URLError, tf.errors.OpError) as error:
        raise FileNotFoundError(
            f"vocabulary {source} cannot be read ({error}): set FSA_VOCABULARY to the path of a "
            "SentencePiece model on disk"
        ) from error
    with atomic_file(cached) as stream:
        stream.write(content)
    return bytes(content)


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "fsa_jax" / "vocabularies"
