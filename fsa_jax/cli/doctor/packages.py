"""Python, the packages that must be here, and those that may be.

What is required and optional is what the installed package says of itself (``setup.py``), what was
tested is in ``constraints.txt``, which lies beside the package.
"""

import importlib.metadata
import importlib.util
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsa_jax
from fsa_jax.cli.doctor.findings import Finding, State
from fsa_jax.runtime import provenance

_AREA = "packages"
_DISTRIBUTION = "fsa-jax"
CONSTRAINTS = Path(fsa_jax.__file__).with_name("constraints.txt")
# A machine that has none of them is one that generates.
_STUDENTS = ("jax", "seqio", "tensorflow")
_NOT_FOR_USERS = {"dev"}


def trains_students() -> bool:
    """Whether this machine is one for students, and not one that only generates."""
    return any(importlib.util.find_spec(name) for name in _STUDENTS)


def version_of(name: str) -> str | None:
    """Returns the installed version of a package, None where there is none."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def tested_versions() -> dict[str, str]:
    """Returns the versions that were tested together, by canonical name."""
    from packaging.utils import canonicalize_name

    if not CONSTRAINTS.is_file():
        return {}
    lines = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==") for line in lines if "==" in line)
    return {canonicalize_name(name.strip()): version.strip() for name, version in pairs}


def check() -> list[Finding]:
    """Looks at Python, at what is required, and at what is optional."""
    if version_of("packaging") is None:
        return [Finding(_AREA, "packaging", State.BROKEN, "not installed", "pip install packaging")]
    try:
        own = importlib.metadata.distribution(_DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        fix = "pip install -c constraints.txt -e . in the checkout"
        return [Finding(_AREA, _DISTRIBUTION, State.BROKEN, "not installed", fix)]
    required = _required(own)
    return [
        _ourselves(),
        _python(own.metadata["Requires-Python"]),
        *map(_requirement, required),
        *_untested(required),
        *_extras(own),
    ]


def _ourselves() -> Finding:
    revision = provenance.git_revision()
    found = fsa_jax.__version__ + (f", commit {revision}" if revision else "")
    return Finding(_AREA, "fsa_jax", State.OK, found)


def _python(wanted: str) -> Finding:
    from packaging.specifiers import SpecifierSet

    version = platform.python_version()
    if SpecifierSet(wanted).contains(version, prereleases=True):
        return Finding(_AREA, "Python", State.OK, version)
    fix = f"make an environment with Python {wanted}"
    return Finding(_AREA, "Python", State.BROKEN, f"{version}, not {wanted}", fix)


def _required(own: importlib.metadata.Distribution) -> list[Any]:
    """What must be here: for students what the package asks for, else what generation does."""
    from packaging.requirements import Requirement

    if trains_students():
        found = [Requirement(line) for line in own.requires or ()]
        return [one for one in found if one.marker is None]
    import generation

    lines = generation.REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def _requirement(wanted: Any) -> Finding:
    version = version_of(wanted.name)
    fix = f"pip install '{wanted.name}{wanted.specifier}'"
    if CONSTRAINTS.is_file():
        fix = f"pip install -c {CONSTRAINTS} '{wanted.name}'"
    if version is None:
        return Finding(_AREA, wanted.name, State.BROKEN, "not installed", fix)
    if not wanted.specifier.contains(version, prereleases=True):
        found = f"{version}, not {wanted.specifier}"
        return Finding(_AREA, wanted.name, State.BROKEN, found, fix)
    return Finding(_AREA, wanted.name, State.OK, version)


def _untested(required: list[Any]) -> Iterator[Finding]:
    """One finding for all packages that are not the tested ones: most of them do no harm."""
    from packaging.utils import canonicalize_name

    tested = tested_versions()
    names = [one.name for one in required]
    others = {
        name: (version, tested[canonicalize_name(name)])
        for name in names
        if (version := version_of(name)) and version != tested.get(canonicalize_name(name), version)
    }
    if others:
        found = ", ".join(f"{name} {here} ({then})" for name, (here, then) in others.items())
        fix = f"if something fails: pip install -c {CONSTRAINTS} {' '.join(others)}"
        yield Finding(_AREA, "other than tested", State.WARNING, found, fix)


def _extras(own: importlib.metadata.Distribution) -> Iterator[Finding]:
    """What each extra installs, as far as it is here."""
    if not trains_students():
        found = "JAX, SeqIO and TensorFlow are not installed: students are trained elsewhere"
        fix = "to train here, install the wheel again without --no-deps"
        yield Finding("engines", "students", State.ABSENT, found, fix)
    for extra in own.metadata.get_all("Provides-Extra") or ():
        if extra in _NOT_FOR_USERS:
            continue
        versions = {name: version_of(name) for name in _brought_by(own, extra)}
        if all(versions.values()):
            found = ", ".join(f"{name} {version}" for name, version in versions.items())
            yield Finding("engines", extra, State.OK, found)
        else:
            fix = f"if you need it: {install_command(extra)}"
            yield Finding("engines", extra, State.ABSENT, "not installed", fix)


def install_command(extra: str) -> str:
    """Returns the command that installs what an extra of ours brings, wherever we came from."""
    own = importlib.metadata.distribution(_DISTRIBUTION)
    return f"pip install {' '.join(repr(_plain(one)) for one in _of_extra(own, extra))}"


def _plain(requirement: Any) -> str:
    requirement.marker = None
    return str(requirement)


def _of_extra(distribution: importlib.metadata.Distribution, extra: str) -> Iterator[Any]:
    """The requirements that an extra adds to those of everybody."""
    from packaging.requirements import Requirement

    for one in map(Requirement, distribution.requires or ()):
        if one.marker is None or one.marker.evaluate({"extra": ""}):
            continue
        if one.marker.evaluate({"extra": extra}):
            yield one


def _brought_by(distribution: importlib.metadata.Distribution, extra: str) -> Iterator[str]:
    """The packages that an extra brings, and those that the extras that it names bring."""
    for one in _of_extra(distribution, extra):
        yield one.name
        if version_of(one.name) is not None:
            other = importlib.metadata.distribution(one.name)
            for inner in sorted(one.extras):
                yield from _brought_by(other, inner)
