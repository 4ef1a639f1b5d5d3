"""The Python shown in the README runs as shown, without fsa_jax."""

import pathlib
import re
import subprocess
import sys

import pytest

import tasks

PACKAGE = pathlib.Path(tasks.__file__).parent
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


def blocks():
    for block in BLOCK.findall((PACKAGE / "README.md").read_text(encoding="utf-8")):
        if "import tasks\n" in block or "import tasks  #" in block:
            yield block


@pytest.mark.parametrize("script", list(blocks()))
def test_scripts_run_as_shown(script, data_dir, corpus_writer):
    for prompt in ("anl", "rw"):
        for domain in ("restaurant", "laptop"):
            rows = [(f"r{i}", "The wine list .", f"great {i}\nwine") for i in range(50)]
            corpus_writer(
                data_dir, "mixtral_8x7b", prompt, domain, {"train": rows, "validation": rows[:1]}
            )
    check = (
        "\nimport sys\n"
        "floors = {m.split('.')[1] for m in sys.modules if m.startswith('fsa_jax.')}\n"
        "assert floors <= {'opinions', 'runtime'}, floors\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script + check], capture_output=True, text=True, cwd=data_dir
    )
    assert done.returncode == 0, done.stderr[-2000:]
    if "distill_mixtral" in script:
        assert "'encoder_input_tokens': (8, 256)" in done.stdout
        assert "'decoder_target_tokens': (8, 800)" in done.stdout
    else:
        assert "absa_quads" in done.stdout


def test_the_seqio_script_is_there():
    assert any("distill_mixtral_8x7b_anl_rw" in script for script in blocks())
