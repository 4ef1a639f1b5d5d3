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


def test_macros_of_run_files():
    assert {"MODEL_DIR", "RANDOM_SEEDS", "TRAIN_EPOCHS"} <= gin_models.macros("finetune.gin")
    assert "EVAL_SPLITS" in gin_models.macros("eval.gin")
    assert not [name for name in gin_models.macros("pretrain.gin") if "." in name]
