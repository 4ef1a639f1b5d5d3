"""The command ``fsa doctor``."""

import itertools
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from fsa_jax.cli.doctor import data, machine, packages
from fsa_jax.cli.doctor.findings import Finding, State
from fsa_jax.runtime import compile_cache, exits

# What changes how things run; names of other variables, and so keys, are never shown.
_VARIABLES = re.compile(r"(FSA|JAX|XLA|TF_CPP|CUDA_VISIBLE)(_.*)?")
_USER_IN_URL = re.compile(r"(?<=://)[^/@\s]+@")


def doctor(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print everything as JSON, for a report of a bug.")
    ] = False,
) -> None:
    """Check packages, devices, disk, credentials and data; each problem comes with its fix.

    Exit with 1 if something that is required is broken.
    """
    found = []
    for area, findings in itertools.groupby(check(), key=lambda one: one.area):
        shown = list(findings)
        found += shown
        if not as_json:
            _print(area, shown)
    if as_json:
        typer.echo(json.dumps(report(found), indent=1, ensure_ascii=False))
    else:
        typer.echo(_verdict(found))
    if any(one.state is State.BROKEN for one in found):
        raise typer.Exit(exits.FAILED)


def check() -> Iterator[Finding]:
    """Yields what is found, area by area; the slow ones last."""
    yield from packages.check()
    yield from machine.check_credentials()
    places = [Path(), Path(os.environ.get("FSA_DATA_DIR") or ".")]
    cache = compile_cache.folder()
    yield from machine.check_disk(places + ([] if "://" in cache else [Path(cache)]))
    yield machine.check_compile_cache()
    vocabulary = None
    if packages.trains_students():
        yield from machine.check_devices()
        about_vocabulary, vocabulary = data.check_vocabulary()
        yield about_vocabulary
    yield from data.check_data(vocabulary)


def report(found: Iterable[Finding]) -> dict[str, Any]:
    """Returns what a report of a bug needs: the findings, and the variables that matter."""
    variables = {
        name: _USER_IN_URL.sub("…@", value)
        for name, value in sorted(os.environ.items())
        if _VARIABLES.fullmatch(name)
    }
    rows = [{**vars(one), "state": one.state.value} for one in found]
    return {"platform": sys.platform, "variables": variables, "findings": rows}


def _print(area: str, found: list[Finding]) -> None:
    typer.secho(area, bold=True)
    # What is as it should be is told in a line for all packages: there are dozens.
    plain = [one for one in found if one.state is State.OK]
    if area == "packages":
        _print_line(State.OK, ", ".join(f"{one.name} {one.found}" for one in plain))
        found = [one for one in found if one.state is not State.OK]
    for one in found:
        _print_line(one.state, f"{one.name}: {one.found}")
        if one.fix:
            typer.echo(f"           → {one.fix}")


_COLOURS = {State.BROKEN: "red", State.WARNING: "yellow", State.OK: "green"}


def _print_line(state: State, words: str) -> None:
    mark = typer.style(f"  {state.value:8}", fg=_COLOURS.get(state))
    typer.echo(f"{mark} {words}")


def _verdict(found: list[Finding]) -> str:
    broken = [one.name for one in found if one.state is State.BROKEN]
    warnings = sum(one.state is State.WARNING for one in found)
    also = f"; warnings: {warnings}" if warnings else ""
    if broken:
        return f"broken: {', '.join(broken)}{also}. Mend what is broken, from the top."
    return f"all that is required works{also}."
