"""Runs the benchmarks against peers and writes ``docs/benchmarks.md``.

    python scripts/benchmarks/run.py [--only training parts decoding tpu] [--rounds 3]

Takes about three quarters of an hour on two quiet cores, and half an hour more for the part about
TPUs, which needs ``pip install libtpu==0.0.52`` and says so where it is missing. Set
``FSA_TEST_DATA`` to measure on real data.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

from fsa_jax.runtime import files, provenance

ROOT = Path(__file__).resolve().parents[2]
REPORT = ROOT / "docs" / "benchmarks.md"
RESULTS = ROOT / "docs" / "benchmarks.json"
GIB = 2**30


def measure(name: str, rounds: int) -> dict[str, Any] | None:
    """Runs one benchmark; returns its results and its command, or None if it has failed."""
    command = [f"scripts.benchmarks.{name}"]
    if name != "tpu":  # a compiler counts the same in every round
        command += ["--rounds", str(rounds)]
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        print(f"{name}: ended with {done.returncode}; its older results stay", file=sys.stderr)
        return None
    return {"command": f"python -m {' '.join(command)}", **json.loads(done.stdout)}


def machine() -> dict[str, Any]:
    """The processor and the versions."""
    names = ("jax", "flax", "torch", "transformers")
    return provenance.machine() | {"versions": {name: metadata.version(name) for name in names}}


def machine_line(facts: Mapping[str, Any]) -> str:
    """One line of it."""
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    return f"{facts['processor']}, {facts['cores']} cores; Python {facts['python']}, {versions}"


def left_out(r: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    """Lines on what was started and could not be measured."""
    return [f"Left out: {names[key]}: {why}." for key, why in r.get("left_out", {}).items()]


def training_section(r: Mapping[str, Any]) -> str:
    """The training results as Markdown."""
    names = {
        "ours": "fsa_jax, float32, packed rows",
        "torch_float32": "PyTorch loop, float32, padded",
        "torch_bfloat16": "PyTorch loop, bfloat16 autocast, padded",
        "t5x": "T5X's network and loss, float32, our packed rows",
    }
    rows = [
        f"| {words} | {r['target_tokens_per_second'][key]:,.0f} | "
        f"{'' if key == 'ours' else format(r['speed_ratio'][key], '.2f') + '×'} | "
        f"{r['seconds_per_update'][key]:.1f} s for {r['examples_per_update'][key]:.0f} | "
        f"{r['fill'][key]:.0%} | {r['peak_memory'][key] / GIB:.2f} GiB |"
        for key, words in names.items()
        if key in r["target_tokens_per_second"]
    ]
    peak = limit = ""
    if "torch_float32" in r["speed_ratio"]:
        peak = f"; PyTorch's is {r['peer_matmul_peak']['torch_float32'] / 1e9:.0f}"
        ratio = r["speed_ratio"]["torch_float32"] / r["mfu"]
        limit = f" At that peak throughout, our update would be {ratio:.2f}× as fast as PyTorch's."
    return "\n".join(
        (
            "## Training",
            "",
            f"T5-small ({r['parameters'] / 1e6:.1f}M parameters) on {r['data']}; one update is "
            f"about fifty examples; medians of {r['rounds']} interleaved rounds, each side in "
            "its own process; no dropout. The PyTorch loop is HF T5 with the same RMS-scaled "
            "AdamW, batches of 20 padded to their longest, 3 accumulated. Its bfloat16 run is "
            "left out where the processor has no bfloat16 instructions, T5X where it cannot be "
            "imported.",
            "",
            f"    {r['command']}",
            "",
            "| | real target tokens/s | we are faster by | update, examples "
            "| target positions filled | peak memory |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            *(line for why in left_out(r, names) for line in (why, "")),
            f"Model FLOPs of our update are {r['mfu']:.0%} of the machine's own float32 "
            f"matrix-product peak in JAX ({r['matmul_peak'] / 1e9:.0f} GFLOP/s{peak}). "
            "From the start of the process to the end of the first update, compilation included: "
            f"{r['first_step_seconds']:.0f} s.{limit}",
            "",
        )
    )


def parts_section(r: Mapping[str, Any]) -> str:
    """Where a training step's time goes, as Markdown."""
    whole, parts = r["whole"], r["parts"]
    rest = whole["seconds"] - sum(part["seconds"] for part in parts.values())
    rows = [
        f"| {name} | {part['seconds']:.2f} s | {part['seconds'] / whole['seconds']:.0%} | "
        f"{part['of_peak']:.0%} |"
        for name, part in parts.items()
    ]
    return "\n".join(
        (
            "## Where a training step's time goes",
            "",
            f"Gradients of one micro-batch of T5-small, {r['rows']} packed rows of {r['inputs']} "
            f"and {r['targets']} positions, float32; each part is run alone, as often as the "
            "network holds it. The rest is norms, residuals, embeddings, relative positions and "
            "what running it all together costs or saves. Model FLOPs count causal attention with "
            "all its keys.",
            "",
            f"    {r['command']}",
            "",
            "| | time | share | model FLOPs over the machine's matrix-product peak |",
            "|---|---|---|---|",
            *rows,
            f"| the rest | {rest:.2f} s | {rest / whole['seconds']:.0%} | |",
            f"| the whole | {whole['seconds']:.2f} s | | {whole['of_peak']:.0%} |",
            "",
        )
    )


def decoding_section(r: Mapping[str, Any]) -> str:
    """The decoding results as Markdown."""
    names = {
        "trained": "greedy, outputs of a fine-tuned student",
        "endless": "greedy, outputs that do not end",
        "labels": "three label words",
    }
    rows = []
    for key, words in names.items():
        if key not in r:
            continue
        part = r[key]
        lengths = (
            f"{part['mean_tokens']:.1f} / {part['longest_output']}"
            if "mean_tokens" in part
            else "–"
        )
        rows.append(
            f"| {words} | {part['examples']} | {lengths} | {part['seconds']['ours']:.1f} s | "
            f"{part['seconds']['torch']:.1f} s | {part['speed_ratio']:.2f}× | "
            f"{part['first_seconds']:.1f} s | {part['equal_answers']:.1%} |"
        )
    return "\n".join(
        (
            "## Decoding and label scoring",
            "",
            f"T5-small, float32, batches of 64, max_length 100, on {r['data']}; the peer is HF "
            "`generate`, and HF with one pass per label. The same weights on both sides.",
            "",
            f"    {r['command']}",
            "",
            "| | inputs | new tokens, mean / longest | fsa_jax | HF | ratio | fsa_jax, first time "
            "(compiles) | equal answers |",
            "|---|---|---|---|---|---|---|---|",
            *rows,
            "",
            *(line for why in left_out(r, names) for line in (why, "")),
        )
    )


def tpu_section(r: Mapping[str, Any]) -> str:
    """What the TPU's compiler counts, as Markdown."""
    names = {"ours": "fsa_jax", "t5x": "T5X's network and loss"}
    rows = [
        f"| T5-{size} | {names[side]} | {c['flops'] / 1e12:.2f} TFLOP | "
        f"{c['memory_bytes'] / 1e9:.1f} GB | {c['bytes_accessed'] / 1e9:.1f} GB | "
        f"{c['temporaries'] / 1e9:.2f} GB |"
        for size, sides in r["sizes"].items()
        for side, c in sides.items()
    ]
    return "\n".join(
        (
            "## A TPU's gradient, as its compiler counts it",
            "",
            f"Computed, not measured: the gradient in bfloat16 of {r['rows']} packed rows of "
            f"{r['inputs']} and {r['targets']} positions on one chip of {r['chip']}, compiled by "
            "PyPI's libtpu; no dropout, no optimizer. High-bandwidth memory: what the compiled "
            "program reads from it and writes to it, loops counted as often as they run "
            "(`scripts/benchmarks/tpu_program.py`). Bytes accessed: XLA's own sum, which counts "
            "what stays in the chip's vector memory too, copies several times, and a loop's body "
            "once. FLOPs are XLA's sum too: where our loss takes four turns (T5X's takes none), "
            "three of them are missing there.",
            "",
            f"    {r['command']}",
            "",
            "| | | FLOPs | high-bandwidth memory | bytes accessed | temporaries |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            *(line for why in left_out(r, names) for line in (why, "")),
        )
    )


SECTIONS = {
    "training": training_section,
    "parts": parts_section,
    "decoding": decoding_section,
    "tpu": tpu_section,
}


def main() -> None:
    """Measures, keeps the numbers, writes the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(SECTIONS), default=list(SECTIONS))
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    failed = []
    for name in options.only:
        found = measure(name, options.rounds)
        if found is None:
            failed.append(name)
            continue
        results[name] = found | {"machine": machine(), "date": date.today().isoformat()}
        files.write_text(RESULTS, json.dumps(results, indent=1) + "\n")
        files.write_text(REPORT, report(results))
        print(f"written: {name} in {REPORT.relative_to(ROOT)}")
    if failed:
        sys.exit(f"error: not measured: {', '.join(failed)}; the reasons are above")


def report(results: Mapping[str, Any]) -> str:
    """The whole page."""
    parts = [
        "# Benchmarks",
        "",
        "Written by `make benchmark`; the numbers are in `benchmarks.json`.",
        "",
    ]
    for name, section in SECTIONS.items():
        if name in results:
            parts += [section(results[name])]
            line = machine_line(results[name]["machine"])
            parts += [f"Measured {results[name]['date']} on {line}.", ""]
    return "\n".join(parts)


if __name__ == "__main__":
    main()
