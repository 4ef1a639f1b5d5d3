"""Greedy decoding and label scoring against Hugging Face, with the same weights.

    python -m scripts.benchmarks.decoding [--rounds 3] [--student FOLDER] [--limit N]

Prints a JSON object of the results. Three measurements:

* ``trained``: the test sentences of ``tsa_rest14`` (hard ones included), greedily, by a T5-small
  that was briefly fine-tuned on the train split, so that outputs end where a student's end;
* ``endless``: some of them by random weights, which do not end before 99 tokens: what counts is
  the speed of a step alone;
* ``labels``: three label words for the prompts of ``tsc_rest14``; the peer makes one pass a label.

The peer takes batches of 64 in the order of the data, padded to their longest, as its users do.
"""

import argparse
import functools
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scripts.benchmarks import sides, world

MODULE = "scripts.benchmarks.decoding"
BATCH = 64
MAX_LENGTH = 100
LABELS = 3


def fine_tune(folder: Path, steps: int, rows: int = 4) -> None:
    """Writes a T5-small that has learned the form of the answers, as an HF folder."""
    import jax

    import tasks  # noqa: F401 - registers them
    from fsa_jax.data.batches import TrainBatches
    from fsa_jax.huggingface import export
    from fsa_jax.model import network, partitioning
    from fsa_jax.training import optimizers, train_step

    config = network.T5Config(32128, 512, 8, 64, 2048, 6, 6)
    mesh = partitioning.make_mesh()
    lengths = {"inputs": 128, "targets": 128}
    batches = TrainBatches("tsa_rest14", "train", lengths, rows, pack=True, shuffle=True, seed=0)
    program = train_step.make_program(config, optimizers.rms_scaled_adamw(3e-3), mesh)
    state = program.init(jax.random.key(0))
    for step, (rows_of_step, _) in zip(range(steps), batches, strict=False):
        batch = partitioning.put_batch(rows_of_step, mesh)
        state, metrics = program.step(state, batch, jax.random.key(1))
        if step % 20 == 0:
            print(f"fine-tuning, step {step}: {float(metrics['loss']):.3f}", file=sys.stderr)
    export.export(state.params, config, os.environ["FSA_VOCABULARY"], folder)


def random_student(folder: Path) -> None:
    """Writes a T5-small of random weights as an HF folder."""
    import torch
    import transformers

    from scripts.benchmarks import torch_t5

    torch.manual_seed(0)
    config = torch_t5.small_config(tie_word_embeddings=True)
    transformers.T5ForConditionalGeneration(config).save_pretrained(folder)


def build_ours(job: dict[str, Any]) -> sides.Built:
    """Builds our side of a job."""
    from fsa_jax.decoding import label_scoring, slots
    from fsa_jax.decoding.search import DecodingConfig
    from fsa_jax.huggingface import weights

    config = weights.config_from_hf(job["student"])
    params = weights.load_params(job["student"], config)
    inputs = [np.array(ids, np.int32) for ids in job["inputs"]]

    def measure() -> sides.Record:
        start = time.perf_counter()
        if job["labels"]:
            labels = [job["labels"]] * len(inputs)
            scores = label_scoring.score_labels(params, config, inputs, labels, BATCH)
            found = [int(np.argmax(row)) for row in scores]
        else:
            decoding = DecodingConfig(max_length=MAX_LENGTH, batch_size=BATCH)
            found = [row.tolist() for row in slots.generate(params, config, inputs, decoding)]
        return {"seconds": time.perf_counter() - start, "found": found}

    return {"first_round": measure()["seconds"]}, measure


def build_torch(job: dict[str, Any]) -> sides.Built:
    """Builds the peer's side of a job."""
    import torch
    import transformers

    from scripts.benchmarks import torch_t5

    model = transformers.T5ForConditionalGeneration.from_pretrained(job["student"]).eval()
    inputs = [np.array(ids, np.int64) for ids in job["inputs"]]
    batches = [
        torch_t5.collate([(ids, ids) for ids in inputs[start : start + BATCH]])
        for start in range(0, len(inputs), BATCH)
    ]

    def generate(batch: Mapping[str, Any]) -> list[list[int]]:
        out = model.generate(
            input_ids=batch["input_ids"],
            attention_mask=batch["attention_mask"],
            max_length=MAX_LENGTH,
            num_beams=1,
            do_sample=False,
        )
        rows = [row[1:].tolist() for row in out]
        return [row[: row.index(1)] if 1 in row else row for row in rows]

    def classify(batch: Mapping[str, Any]) -> list[int]:
        scores = []
        for word in job["labels"]:
            labels = torch.tensor([word] * len(batch["input_ids"]))
            logits = model(
                input_ids=batch["input_ids"],
                attention_mask=batch["attention_mask"],
                labels=labels,
            ).logits
            likelihood = torch.log_softmax(logits, -1).gather(2, labels[..., None])
            scores.append(likelihood[..., 0].sum(1))
        return torch.stack(scores, 1).argmax(1).tolist()

    @torch.inference_mode()
    def measure(count: int | None = None) -> sides.Record:
        start = time.perf_counter()
        answer = classify if job["labels"] else generate
        found: list[Any] = []
        for batch in batches[:count]:
            found += answer(batch)
        return {"seconds": time.perf_counter() - start, "found": found}

    measure(count=1)  # it compiles nothing: one batch warms it up
    return {}, measure


def compare(job: dict[str, Any], folder: Path, rounds: int) -> dict[str, Any]:
    """Measures both sides of a job; returns what was found.

    Raises:
        SideEndedError: One ended early, so there is nothing to compare.
    """
    path = folder / "job.json"
    path.write_text(json.dumps(job))
    specs = [sides.Spec(name, MODULE, ("--side", name, str(path))) for name in ("ours", "torch")]
    measured = sides.measure(specs, rounds)
    ours, peer = measured["ours"], measured["torch"]
    seconds = {name: side.median(lambda r: r["seconds"]) for name, side in measured.items()}
    pairs = list(zip(ours.rounds[0]["found"], peer.rounds[0]["found"], strict=True))
    found = {
        "examples": len(job["inputs"]),
        "rounds": rounds,
        "seconds": seconds,
        "first_seconds": ours.ready["first_round"],
        "speed_ratio": seconds["torch"] / seconds["ours"],
        "equal_answers": sum(a == b for a, b in pairs) / len(pairs),
        "peak_memory": {name: side.peak_memory for name, side in measured.items()},
    }
    if not job["labels"]:
        found["mean_tokens"] = float(np.mean([len(row) for row, _ in pairs]))
        found["longest_output"] = max(len(row) for row, _ in pairs)
    return found


def make_jobs(folder: Path, options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Prepares students and inputs."""
    trained, untrained = folder / "trained", folder / "random"
    if options.student:
        trained = Path(options.student)
    else:
        fine_tune(trained, options.steps)
    random_student(untrained)
    sentences = [ids.tolist() for ids, _ in world.examples("tsa_rest14", "test")]
    prompts = world.examples("tsc_rest14", "test")
    distinct: dict[bytes, list[int]] = {}
    words: dict[bytes, list[int]] = {}
    for prompt, word in prompts:
        distinct.setdefault(prompt.tobytes(), prompt.tolist())
        words.setdefault(word.tobytes(), word.tolist())
    limit = options.limit
    return {
        "trained": {"student": str(trained), "inputs": sentences[:limit], "labels": []},
        "endless": {
            "student": str(untrained),
            "inputs": sentences[: min(limit, 2 * BATCH)],
            "labels": [],
        },
        "labels": {
            "student": str(trained),
            "inputs": list(distinct.values())[: min(limit, 10 * BATCH)],
            "labels": list(words.values())[:LABELS],
        },
    }


def main() -> None:
    """Compares, or plays one side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=200, help="of fine-tuning")
    parser.add_argument("--student", help="an HF folder to decode with instead")
    parser.add_argument("--limit", type=int, default=10**9, help="decode so many inputs")
    parser.add_argument("--only", choices=("trained", "endless", "labels"))
    parser.add_argument("--side", choices=("ours", "torch"), help=argparse.SUPPRESS)
    parser.add_argument("job", nargs="?", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        build = build_ours if options.side == "ours" else build_torch
        job = json.loads(Path(options.job).read_text())
        sides.serve(functools.partial(build, job))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = world.make_world(folder)
        found: dict[str, Any] = {"data": data.words, "left_out": {}}
        for kind, job in make_jobs(folder, options).items():
            if options.only not in (None, kind):
                continue
            try:
                found[kind] = compare(job, folder, options.rounds)
            except sides.SideEndedError as error:
                found["left_out"][kind] = str(error)
                print(f"left out: {kind}: {error}", file=sys.stderr, flush=True)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
