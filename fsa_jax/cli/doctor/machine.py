"""The machine: devices, disk, the compile cache, and whether credentials are set."""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from fsa_jax.cli.doctor import packages
from fsa_jax.cli.doctor.findings import Finding, NoAnswerError, State, ask
from fsa_jax.runtime import compile_cache, provenance
from fsa_jax.runtime.files import sized

_DEVICES = """
import json, jax
print(json.dumps([
    {"platform": d.platform, "kind": d.device_kind,
     "memory": (d.memory_stats() or {}).get("bytes_limit")}
    for d in jax.local_devices()
]))
"""
_SECONDS = 90.0
# Files by which Linux shows accelerators, and the extra that lets JAX see them.
_ACCELERATORS = {"/dev/nvidiactl": ("gpu", "cuda"), "/dev/accel0": ("tpu", "tpu")}
# A checkpoint of T5-base with its optimizer's state takes 3 GiB, and a run keeps some.
_FULL, _TIGHT = 1 << 30, 10 << 30


def check_devices() -> list[Finding]:
    """Asks JAX for its devices."""
    processor = f"{provenance.processor()}, {os.cpu_count()} cores"
    found = [Finding("devices", "processor", State.OK, processor)]
    try:
        devices = ask(_DEVICES, _SECONDS)
    except NoAnswerError as error:
        fix = "see who holds the device; JAX_PLATFORMS=cpu does without it"
        return [*found, Finding("devices", "JAX", State.BROKEN, str(error), fix)]
    return [*found, Finding("devices", "JAX", State.OK, _shown(devices)), *_unseen(devices)]


def _shown(devices: list[dict[str, Any]]) -> str:
    first = devices[0]
    memory = f" of {sized(first['memory'])}" if first["memory"] else ""
    return f"{len(devices)} × {first['platform']} ({first['kind']}{memory})"


def _unseen(devices: list[dict[str, Any]]) -> Iterator[Finding]:
    """Accelerators that are here and that JAX does not see, though nobody told it not to."""
    if os.environ.get("JAX_PLATFORMS"):
        return
    platforms = {device["platform"] for device in devices}
    for file, (platform, extra) in _ACCELERATORS.items():
        if Path(file).exists() and platform not in platforms:
            fix = packages.install_command(extra)
            yield Finding("devices", platform, State.WARNING, "here, but JAX does not see it", fix)


def check_disk(places: Iterable[Path]) -> list[Finding]:
    """Looks at the space that is free where things are written, each disk once."""
    disks: dict[int, Path] = {}
    for place in places:
        there = _existing(place)
        disks.setdefault(there.stat().st_dev, there)
    return [_disk(place) for place in disks.values()]


def _disk(place: Path) -> Finding:
    free = shutil.disk_usage(place).free
    found = f"{sized(free)} free"
    if free >= _TIGHT:
        return Finding("disk", str(place), State.OK, found)
    state = State.BROKEN if free < _FULL else State.WARNING
    fix = "free some, or put MODEL_DIR and FSA_DATA_DIR on another disk (T5-base: 3 GiB a "
    return Finding("disk", str(place), state, found, fix + "checkpoint)")


def _existing(path: Path) -> Path:
    """The folder itself, or the next above it that is there."""
    absolute = path.expanduser().absolute()
    return next(folder for folder in (absolute, *absolute.parents) if folder.exists())


def check_compile_cache() -> Finding:
    """Looks at where compiled programs are kept."""
    folder = compile_cache.folder()
    if not compile_cache.is_on():
        fix = "unset JAX_ENABLE_COMPILATION_CACHE, or each start compiles again"
        return Finding("disk", "compile cache", State.WARNING, "switched off", fix)
    if "://" in folder:
        return Finding("disk", "compile cache", State.OK, f"{folder} (not looked into)")
    try:
        with tempfile.TemporaryFile(dir=_existing(Path(folder))):
            pass
    except OSError as error:
        fix = "set JAX_COMPILATION_CACHE_DIR to a folder that you can write"
        found = f"{folder} cannot be written: {error.strerror}"
        return Finding("disk", "compile cache", State.WARNING, found, fix)
    size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    return Finding("disk", "compile cache", State.OK, f"{folder}, {sized(size)}")


def check_credentials() -> list[Finding]:
    """Looks whether credentials are set; they are never shown."""
    found = [
        _credential(
            "OPENAI_API_KEY",
            bool(os.environ.get("OPENAI_API_KEY")),
            "for `fsa generate --backend openai`: export OPENAI_API_KEY=…",
        )
    ]
    try:
        from huggingface_hub import get_token
    except ImportError:
        return found
    fix = "for `fsa push` and gated teachers: hf auth login, or export HF_TOKEN=…"
    return [*found, _credential("Hugging Face token", get_token() is not None, fix)]


def _credential(name: str, is_set: bool, fix: str) -> Finding:
    if is_set:
        return Finding("credentials", name, State.OK, "present")
    return Finding("credentials", name, State.ABSENT, "not present", fix)
