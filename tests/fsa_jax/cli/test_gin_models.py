"""Sizes and macros are read as gin itself reads them."""

import gin
import pytest

from fsa_jax.cli import gin_config, gin_models


@pytest.mark.parametrize("size", ["tiny", "base", "t5_1_1_small", "11B"])
def test_sizes_are_those_that_gin_makes(size):
    models = gin_models.Models()
    files = ["finetune.gin", f"models/{size}.gin"]
    gin.clear_config()
    try:
        gin_config.load(files, ["MODEL_DIR = 'x'", "DROPOUT_RATE = 0.0"], [])
        made = gin.get_configurable("network.T5Config")()
    finally:
        gin.clear_config()
    assert models[size] == made
    assert size in models
    with pytest.raises(KeyError):
        models["huge"]


def test_what_is_set_last_replaces_its_rival():
    said = gin_models.read(["quickstart/distill.gin"], {})
    assert (said["TRAIN_STEPS"], said["TRAIN_EPOCHS"]) == (2000, None)
    assert (said["BATCH_SIZE"], said["EXAMPLES_PER_BATCH"]) == (1, None)
    assert said["T5Config.vocab_size"] == 1024
    said = gin_models.read(["quickstart/distill.gin"], {"TRAIN_EPOCHS": 3})
    assert (said["TRAIN_STEPS"], said["TRAIN_EPOCHS"]) == (None, 3)


def test_files_of_ones_own_are_read_where_they_lie(tmp_path):
    own = tmp_path / "own.gin"
    own.write_text("include 'quickstart/distill.gin'\nTRAIN_STEPS = 5\n")
    assert gin_models.read([str(own)], {})["TRAIN_STEPS"] == 5
    with pytest.raises(FileNotFoundError, match=r"distil\.gin"):
        gin_models.read(["quickstart/distil.gin"], {})


def test_macros_of_run_files():
    assert {"MODEL_DIR", "RANDOM_SEEDS", "TRAIN_EPOCHS"} <= gin_models.macros("finetune.gin")
    assert "EVAL_SPLITS" in gin_models.macros("eval.gin")
    assert not [name for name in gin_models.macros("pretrain.gin") if "." in name]
