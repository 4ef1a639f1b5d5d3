"""Which code and which data made a result: short hashes that go into keys and into the store."""

import functools
import hashlib
import importlib.metadata
from collections.abc import Iterable
from pathlib import Path

import fsa_jax

# What decides numbers; commands, reports and experiments only start and show them.
_FLOORS = ("data", "decoding", "huggingface", "model", "opinions", "runtime", "student", "training")
_PACKAGES = ("jax", "flax", "optax", "numpy", "seqio", "tensorflow", "sentencepiece")
_HEAD = 1 << 20  # of a large file, this much is read


@functools.cache
def code_version(gin_folder: Path) -> str:
    """Version of the code that decides numbers, such as ``0.1.0+3f9a01c2``.

    A hash of its sources and of the libraries' versions, so that a change of the documentation is
    none, and an installed wheel has the version of its checkout.

    Args:
        gin_folder: The project's gin files.
    """
    package = Path(fsa_jax.__file__).parent
    files = [path for floor in _FLOORS for path in (package / floor).rglob("*.py")]
    for other in ("tasks", "generation"):
        files += (package.parent / other).rglob("*.py")
    found = hashlib.sha256()
    for root, paths in ((package.parent, files), (gin_folder, gin_folder.rglob("*.gin"))):
        for path in sorted(paths):
            found.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    for name in _PACKAGES:
        found.update(f"{name}={importlib.metadata.version(name)}".encode())
    return f"{fsa_jax.__version__}+{found.hexdigest()[:8]}"


def fingerprint(paths: Iterable[Path]) -> str:
    """Hash of files and of the files of folders; what is not there counts as missing.

    Of a file over a mebibyte the first one and the length are read: weights and reviews are large,
    and do not change in their middle alone.
    """
    found = hashlib.sha256()
    for path in paths:
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for file in files:
            name = file.relative_to(path) if file != path else file.name
            found.update(f"{name}\0{_content(file)}\0".encode())
    return found.hexdigest()[:12]


def _content(file: Path) -> str:
    if not file.is_file():
        return "missing"
    stat = file.stat()
    return _hash(str(file), stat.st_size, stat.st_mtime_ns)


@functools.lru_cache(maxsize=4096)
def _hash(file: str, size: int, stamp: int) -> str:
    with open(file, "rb") as stream:
        return f"{size} {hashlib.sha256(stream.read(_HEAD)).hexdigest()}"
