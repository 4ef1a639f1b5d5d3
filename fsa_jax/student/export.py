"""A finished student as a folder for others."""

import pathlib

from fsa_jax.huggingface import export
from fsa_jax.student.load import Student


def export_hf(student: Student, output_dir: pathlib.Path, overwrite: bool) -> pathlib.Path:
    """Writes a student as a Hugging Face folder; see ``export.export``."""
    shown = ("mixture_or_task_name", "steps", "seed", "git")
    return export.export(
        student.params,
        student.config,
        student.vocabulary.sp_model,  # the content: the default vocabulary has no path
        output_dir,
        facts={key: student.facts[key] for key in shown if key in student.facts},
        overwrite=overwrite,
    )
