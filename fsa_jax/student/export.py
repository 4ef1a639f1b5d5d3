"""A finished student as a folder for others."""

import json
import pathlib
import tempfile
from collections.abc import Callable
from typing import Any

from fsa_jax.huggingface import ctranslate2_folder, export
from fsa_jax.opinions.publishing.cards import CARD
from fsa_jax.runtime.row_files import read_object
from fsa_jax.runtime.run_directory import RunDirectory, runs_in
from fsa_jax.student import calibration, card
from fsa_jax.student.load import Student


def export_hf(
    student: Student,
    output_dir: pathlib.Path,
    overwrite: bool,
    run: RunDirectory | None = None,
    licence: str | None = None,
    engine: card.Engine = "transformers",
) -> pathlib.Path:
    """Writes a student as a Hugging Face folder; see ``export.export``.

    Beside the weights lie a card, and for whoever loads the folder here the run's manifest, which
    tells its task, and the checkpoint's calibration.

    Args:
        student: The student.
        output_dir: Folder to write.
        overwrite: Replace a folder that is there and not empty.
        run: The run that the student is from; None for weights of elsewhere.
        licence: The Hub's name of the licence that the weights are given on with.
        engine: What the card says how to load it with.
    """
    texts = {CARD: card.write_card(output_dir.name, student, run, licence, engine)}
    if student.facts:
        texts["manifest.json"] = json.dumps(student.facts, indent=2) + "\n"
    if run and (calibrated := _calibrations(run, student.step)):
        texts[calibration.FILE] = json.dumps(calibrated, indent=2) + "\n"
    longest = card.longest_answer(run) if run else None
    return export.export(
        student.params,
        student.config,
        student.vocabulary.sp_model,  # the content: the default vocabulary has no path
        output_dir,
        texts=texts,
        overwrite=overwrite,
        **({"max_length": longest} if longest else {}),
    )


def export_ctranslate2(
    student: Student,
    output_dir: pathlib.Path,
    overwrite: bool,
    run: RunDirectory | None = None,
    licence: str | None = None,
    quantization: str = "float32",
) -> pathlib.Path:
    """Writes a student as a folder that CTranslate2 loads, with what ``export_hf`` has beside it.

    Args:
        student: See ``export_hf``.
        output_dir: See ``export_hf``.
        overwrite: See ``export_hf``.
        run: See ``export_hf``.
        licence: See ``export_hf``.
        quantization: How CTranslate2 keeps the weights; in float32 its greedy text is ours.

    Raises:
        FileExistsError: The folder is not empty and ``overwrite`` is not set.
        ValueError: A package is missing, or CTranslate2 does not know the quantization.
        RunFailedError: CTranslate2 cannot convert this model.
    """
    export.refuse_full(output_dir, overwrite)
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / output_dir.name
        export_hf(student, source, False, run, licence, "ctranslate2")
        return ctranslate2_folder.convert(source, output_dir, quantization)


def _calibrations(run: RunDirectory, step: int) -> dict[str, Any]:
    """The calibrations of a run's checkpoint, as of the step that a folder's weights count as."""
    kept = read_object(run.path / calibration.FILE)
    return {form: {**facts, "step": 0} for form, facts in kept.items() if facts["step"] == step}


def best_seed(checkpoint: str, say: Callable[[str], object]) -> str:
    """Returns the run of the seed that did best on the development split.

    Args:
        checkpoint: A folder of seeds; anything else is returned as it is.
        say: Gets a line that tells which seed it is.

    Raises:
        ValueError: A seed kept no best checkpoint, so that they cannot be compared.
    """
    runs = [] if RunDirectory(checkpoint).is_there else runs_in(checkpoint)
    scores = {}
    for run in runs:
        kept = run.best_scores()
        if not kept:
            raise ValueError(f"{run} kept no best checkpoint: give the folder of one seed instead")
        scores[str(run)] = max(kept.values())
    if not scores:
        return checkpoint
    best = max(scores, key=lambda path: scores[path])
    say(f"the best of {len(runs)} seeds on dev: {best} ({scores[best]:.2f})")
    return best
