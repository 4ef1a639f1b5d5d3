"""The commands ``fsa export`` and ``fsa push``: from a run to a folder for others, to the Hub."""

import functools
import pathlib
from typing import Annotated

import typer

_FORMATS = {"hf": "Hugging Face", "ctranslate2": "CTranslate2"}


def export(
    checkpoint: Annotated[
        str,
        typer.Option(
            help="Run directory (its best checkpoint), folder of seeds (the best one), checkpoint, "
            "or Hugging Face folder."
        ),
    ],
    output_dir: Annotated[pathlib.Path, typer.Option(help="Folder to write.")],
    format: Annotated[
        str, typer.Option(help="hf (plain transformers) or ctranslate2 (fast on CPUs).")
    ] = "hf",
    quantization: Annotated[
        str, typer.Option(help="How ctranslate2 keeps the weights: float32, int8, …")
    ] = "float32",
    task: Annotated[
        str | None,
        typer.Option(help="Task whose vocabulary it speaks; default: the run's own."),
    ] = None,
    step: Annotated[
        int | None, typer.Option(help="Checkpoint of a run; default: its best, else its latest.")
    ] = None,
    module: Annotated[str, typer.Option(help="Module that registers the task.")] = "tasks",
    licence: Annotated[
        str | None,
        typer.Option(help="Licence that you give the weights on with, such as apache-2.0."),
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace a folder that is not empty.")] = False,
) -> None:
    """Export a student to a folder that plain transformers or CTranslate2 loads, with its card."""
    if format not in _FORMATS:
        raise ValueError(f"--format={format}: it is {' or '.join(_FORMATS)}")
    if quantization != "float32" and format != "ctranslate2":
        raise ValueError("--quantization is for --format ctranslate2")
    from fsa_jax.runtime import process
    from fsa_jax.runtime.run_directory import run_of

    process.import_quietly("seqio")
    from fsa_jax.huggingface import ctranslate2_folder
    from fsa_jax.huggingface.export import refuse_full
    from fsa_jax.student.export import best_seed, export_ctranslate2, export_hf
    from fsa_jax.student.load import load, to_stderr

    refuse_full(output_dir, overwrite)
    write = export_hf
    if format == "ctranslate2":
        ctranslate2_folder.check(quantization)
        write = functools.partial(export_ctranslate2, quantization=quantization)
    chosen = best_seed(checkpoint, to_stderr)
    run = run_of(chosen)
    status = run.status()
    if status and status.state != "finished":
        to_stderr(f"note: {run} is {status.state} at step {status.step} of {status.steps}")
    folder = write(
        load(chosen, task, module=module, step=step),
        output_dir,
        overwrite,
        run if run.is_there else None,
        licence,
    )
    print(f"{_FORMATS[format]} model, with its card → {folder}")
    print(f"next: fsa push {folder} YOU/{folder.name} --dry-run")


def push(
    folder: Annotated[
        pathlib.Path, typer.Argument(help="Folder of fsa export, or understanding/ of a data root.")
    ],
    repo: Annotated[str, typer.Argument(help="Where to on the Hub: OWNER/NAME.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print files, sizes and card; send nothing.")
    ] = False,
    private: Annotated[
        bool, typer.Option("--private", help="Make a new repository for its owner alone.")
    ] = False,
) -> None:
    """Push an exported student, or corpora, to the Hugging Face Hub."""
    from fsa_jax.huggingface import hub
    from fsa_jax.runtime.files import sized

    upload = hub.plan(folder, repo)
    if not dry_run:
        print(f"pushed → {hub.push(upload, private)}")
        return
    sizes = upload.sizes()
    for name, size in sizes.items():
        print(f"{sized(size):>10}  {name}")
    print(f"{sized(sum(sizes.values())):>10}  in all, {len(sizes)} files, as {upload.kind}")
    print(f"\n{upload.card}\n(dry run: nothing was sent to {upload.url})")
