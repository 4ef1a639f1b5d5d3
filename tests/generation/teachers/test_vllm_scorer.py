"""Labels scored by a real vLLM engine, offline and by `vllm serve`, against HF transformers.

They run in vLLM's own environment (`make test-vllm`), and are skipped elsewhere.
"""

import importlib.util
import json
import os
import pathlib
import sys

import pytest

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("vllm") is None, reason="vLLM is not installed; see `make test-vllm`"
)
FSA = pathlib.Path(sys.executable).with_name("fsa")
ENGINE = ["--dtype", "float32", "--max-model-len", "4096", "--enforce-eager", "--window", "16"]


@pytest.fixture
def data(tmp_path):
    """A data root with the first and the last 100 sentences of TSA-Rest14's splits."""
    # The tests' root, which knows this variable too, is out of sight in vLLM's environment.
    if not os.environ.get("FSA_TEST_DATA"):
        pytest.skip("FSA_TEST_DATA does not name the folder of real data")
    source = pathlib.Path(os.environ["FSA_TEST_DATA"]) / "fsa/atsa/rest14"
    folder = tmp_path / "data/fsa/atsa/rest14"
    folder.mkdir(parents=True)
    for name in ("train", "test"):
        sentences = json.loads((source / f"{name}.json").read_text("utf-8-sig"))
        (folder / f"{name}.json").write_text(json.dumps(sentences[:100] + sentences[-100:]))
    return tmp_path / "data"


@pytest.fixture
def evaluate(data, tmp_path, llama):
    """Returns a function that words `fsa evaluate` of the Llama; it is "tiny" to a server."""

    def words(task, name, *more, server=None):
        command = [FSA, "evaluate", "--task", task, "--data-dir", data, "--teacher", "tiny"]
        command += ["--split", "test_original", "--output-dir", tmp_path / name, *more]
        command += ["--max-filter-rate", "1"]  # what it writes is nonsense
        if server:
            return [*command, "--backend", "openai", "--base-url", server, "--model", "tiny"]
        return [*command, "--backend", "vllm", "--model", llama, *ENGINE]

    return words


def rows_of(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def reference_scores(llama, rows):
    """Computes the labels' log-probabilities with HF transformers."""
    import torch
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(llama)
    model = transformers.AutoModelForCausalLM.from_pretrained(llama, dtype=torch.float32).eval()
    found = []
    for row in rows:
        prompt = f"Sentence: {row['text']}\nOpinion target: {row['gold'][0]['target']}\nLabel:"
        start = len(tokenizer(prompt).input_ids)
        scores = {}
        for label in row["label_scores"]:
            ids = torch.tensor([tokenizer(f"{prompt} {label}").input_ids])
            with torch.no_grad():
                logprobs = model(ids).logits[0].log_softmax(-1)
            scores[label] = sum(
                float(logprobs[place - 1, ids[0, place]]) for place in range(start, ids.shape[1])
            )
        found.append(scores)
    return found


def farthest(rows, expected):
    return max(
        abs(row["label_scores"][label] - score)
        for row, scores in zip(rows, expected, strict=True)
        for label, score in scores.items()
    )


def test_zero_shot_killed_and_resumed_gives_the_log_probabilities_of_transformers(
    evaluate, kill_at, llama, tmp_path
):
    from generation.run_folder import RunFolder

    folder = RunFolder(tmp_path / "offline")
    ledger, predictions = folder.shard(0, 1).ledger, folder.predictions("tsc_rest14")
    kill_at(evaluate("tsc_rest14", "offline"), ledger, rows=20)
    kept = ledger.read_bytes().count(b"\n")
    assert not predictions.exists()
    kill_at(evaluate("tsc_rest14", "offline"))
    rows = rows_of(predictions)
    assert 20 <= kept < len(rows) == ledger.read_bytes().count(b"\n")
    expected = reference_scores(llama, rows)
    assert {len(scores) for scores in expected} == {4}
    assert len({row["raw"] for row in rows}) > 1
    for row, scores in zip(rows, expected, strict=True):
        assert scores[row["raw"]] > max(scores.values()) - 1e-3
    difference = farthest(rows, expected)
    print(json.dumps({"questions": len(rows), "rows kept": kept, "largest difference": difference}))
    assert difference < 1e-3


@pytest.mark.parametrize("way", ["prompt_logprobs", "echo and logprobs"])
def test_a_server_gives_the_same_log_probabilities(
    evaluate, vllm_server, llama, tmp_path, monkeypatch, way
):
    from fsa_jax.cli.main import fsa_main
    from generation.run_folder import RunFolder
    from generation.teachers.services import openai_scorer

    ways = tuple(each for each in openai_scorer.WAYS if each.name == way)
    assert len(ways) == 1
    monkeypatch.setattr(openai_scorer, "WAYS", ways)
    command = evaluate("tsc_rest14", "served", "--by", "probability", server=vllm_server)
    monkeypatch.setattr(sys, "argv", [str(word) for word in command])
    with pytest.raises(SystemExit) as ended:
        fsa_main()
    assert ended.value.code in (0, None)
    rows = rows_of(RunFolder(tmp_path / "served").predictions("tsc_rest14"))
    difference = farthest(rows, reference_scores(llama, rows))
    print(json.dumps({"way": way, "questions": len(rows), "largest difference": difference}))
    assert difference < 1e-3


def test_in_context_killed_and_resumed(evaluate, kill_at, tmp_path):
    from generation.run_folder import RunFolder

    folder = RunFolder(tmp_path / "context").of_seed(42)
    ledger, predictions = folder.shard(0, 1).ledger, folder.predictions("tsa_rest14")
    command = evaluate("tsa_rest14", "context", "--max-tokens", "24")
    kill_at(command, ledger, rows=60)
    kept = ledger.read_bytes().count(b"\n")
    kill_at(command)
    rows = rows_of(predictions)
    assert 60 <= kept < len(rows) == ledger.read_bytes().count(b"\n") == 200
    assert sum(bool(row["raw"]) for row in rows) > 190  # it may begin with the end
    print(json.dumps({"sentences": len(rows), "rows kept": kept}))
