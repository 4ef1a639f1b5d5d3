"""From a Hugging Face folder to one for CTranslate2: by its own conversion, with the tokenizer."""

import importlib.util
import shutil
from pathlib import Path

from fsa_jax.huggingface.weights import WEIGHTS
from fsa_jax.runtime import files
from fsa_jax.runtime.exits import RunFailedError

_PACKAGES = ("ctranslate2", "torch")  # its conversion reads weights with PyTorch
_OF_THE_WEIGHTS = {WEIGHTS, "config.json", "generation_config.json"}


def check(quantization: str) -> None:
    """Finds out before anything is loaded whether a conversion is possible here.

    Args:
        quantization: How the weights are to be kept.

    Raises:
        ValueError: A package is missing, or CTranslate2 does not know the quantization.
    """
    if missing := [name for name in _PACKAGES if importlib.util.find_spec(name) is None]:
        raise ValueError(
            f"{' and '.join(missing)} not installed: pip install 'fsa-jax[ctranslate2]'"
        )
    from ctranslate2.specs.model_spec import ACCEPTED_MODEL_TYPES as KNOWN

    if quantization not in KNOWN:
        near = files.near(quantization, KNOWN)
        raise ValueError(f"--quantization={quantization}: it is one of {', '.join(KNOWN)}{near}")


def convert(source: Path, output_dir: Path, quantization: str) -> Path:
    """Converts a folder.

    Args:
        source: What ``export.export`` wrote; all but the weights and what describes them is taken
            over.
        output_dir: Folder to write, or to replace; it appears only when complete.
        quantization: How the weights are kept.

    Returns:
        The folder.

    Raises:
        ValueError: See ``check``.
        RunFailedError: CTranslate2 cannot convert this model.
    """
    check(quantization)
    import transformers
    from ctranslate2.converters import TransformersConverter

    transformers.utils.logging.disable_progress_bar()  # of reading what we wrote just now
    with files.atomic_folder(output_dir.parent, output_dir.name) as work:
        folder = work / output_dir.name
        try:
            TransformersConverter(str(source)).convert(str(folder), quantization=quantization)
        except Exception as error:  # it has no errors of its own
            raise RunFailedError(f"CTranslate2 cannot convert this model: {error}") from error
        for file in source.iterdir():
            if file.name not in _OF_THE_WEIGHTS:
                shutil.copyfile(file, folder / file.name)
        files.replace_folder(folder, output_dir)
    return output_dir
