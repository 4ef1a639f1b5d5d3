"""``fsa experiment``: tables and figures, declared in small files, as one command each."""

import dataclasses
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from fsa_jax.opinions.console import open_console

if TYPE_CHECKING:
    from fsa_jax.experiments.costs import Hardware
    from fsa_jax.experiments.declaration import Experiment
    from fsa_jax.experiments.planning import Engine, Plan
    from fsa_jax.experiments.running import Runner
    from fsa_jax.experiments.store import Store
    from fsa_jax.experiments.tables import Table as ResultTable

experiment = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Plan, run and report a table or a figure as one thing.",
)
_Name = Annotated[str, typer.Argument(help="Name (see `list`), or the path of a .yaml file.")]
_Scale = Annotated[str, typer.Option(help="full, or tiny: the same graph small, offline.")]
_Output = Annotated[Path, typer.Option(help="Folder of stages, store and reports.")]
_Weights = Annotated[Path, typer.Option(help="Folder of the weights that systems start from.")]
_Store = Annotated[Path | None, typer.Option(help="Default: results.sqlite in --output-dir.")]
OUTPUT = Path("experiments")
WEIGHTS = Path("weights")
_SHOWN_COLUMNS = 4  # of a wider table, a terminal shows averages alone


def _engine() -> "Engine":
    from fsa_jax.cli import gin_files, gin_models
    from fsa_jax.experiments.planning import Engine

    run_files = {"pretrain": "pretrain.gin", "finetune": "finetune.gin", "evaluate": "eval.gin"}
    found = {kind: gin_models.macros(name) for kind, name in run_files.items()}
    return Engine(gin_files.gin_folder(), gin_models.Models(), found, gin_models.read)


def _plan(name: str, scale: str, output_dir: Path, weights_dir: Path) -> "Plan":
    from fsa_jax.experiments import declaration, planning
    from fsa_jax.experiments import scale as scales

    chosen = scales.read(scale)
    engine = _engine()
    found = declaration.load(name, engine.models)
    return planning.plan(found, chosen, engine, _folder(output_dir, scale), weights_dir)


def _folder(output_dir: Path, scale: str) -> Path:
    """Tiny results lie beside the real ones, never among them."""
    return (output_dir if scale == "full" else output_dir / scale).expanduser().absolute()


@experiment.command("list")
def list_experiments() -> None:
    """List the experiments that come with the package."""
    from fsa_jax.experiments import declaration

    table = Table(title="experiments")
    for head in ("name", "what", "systems", "tasks"):
        table.add_column(head)
    sizes = _engine().models
    for name in declaration.declared():
        found = declaration.load(name, sizes)
        table.add_row(name, found.title, str(len(found.systems)), " ".join(found.tasks))
    open_console().print(table)


@experiment.command()
def show(name: _Name) -> None:
    """Show what an experiment varies, system by system."""
    from fsa_jax.experiments import declaration

    found: Experiment = declaration.load(name, _engine().models)
    console = open_console()
    console.print(found.title, highlight=False)
    console.print(f"tasks: {' '.join(found.tasks)}; sub-sets: {' '.join(found.subsets)}")
    default = declaration.System("")
    table = Table(title=f"systems of {found.name} (baseline: {found.baseline or 'none'})")
    for head in ("system", "size", "starts from", "pretraining", "what else it says"):
        table.add_column(head)
    shown = {"name", "series", "x", "size", "weights", "pretraining", "paper", "tasks", "group"}
    for system in found.systems:
        rest = {
            field.name: getattr(system, field.name)
            for field in dataclasses.fields(system)
            if field.name not in shown
            and getattr(system, field.name) != getattr(default, field.name)
        }
        words = "; ".join(f"{k}: {v}" for k, v in rest.items())
        start = "an LLM" if system.predictions else system.weights.format(size=system.size)
        table.add_row(system.name, system.size, start, system.pretraining, words)
    console.print(table)


@experiment.command()
def plan(
    name: _Name,
    scale: _Scale = "full",
    output_dir: _Output = OUTPUT,
    weights_dir: _Weights = WEIGHTS,
    hardware: Annotated[
        str, typer.Option(help="here, or a chip: a100, h100, h200, l4, v4, v5e, v5p, v6e.")
    ] = "h100",
) -> None:
    """Print stages, steps, FLOPs, memory and hours, and what is missing."""
    from fsa_jax.experiments.running import standing

    found = _plan(name, scale, output_dir, weights_dir)
    device = _device(hardware, found)
    table = Table(title=f"{found.experiment.title}: {len(found.stages)} stages, {scale} scale")
    for head in ("kind", "stage", "state"):
        table.add_column(head)
    for head in ("steps", "runs", "PFLOP", "GiB", "hours"):
        table.add_column(head, justify="right")
    hours = 0.0
    for stage in found.stages:
        now, work = standing(stage), stage.work
        left = device.hours(work) if now.state != "finished" else 0.0
        hours += left
        lacks = now.state != "finished" and bool(stage.missing())
        state = "lacks data" if lacks else now.state
        if work.model is None:
            table.add_row(stage.kind, stage.name, state)
            continue
        numbers = (f"{work.steps:,}", f"{work.runs}", f"{work.flops / 1e15:,.3f}")
        sizes = (f"{work.memory / 2**30:.1f}", f"{device.hours(work):.2f}")
        table.add_row(stage.kind, stage.name, state, *numbers, *sizes)
    console = open_console()
    console.print(table)
    _print_totals(found, device, hours, console)


def _print_totals(found: "Plan", device: "Hardware", hours: float, console: Console) -> None:
    from fsa_jax.experiments.stages import lacking

    total = sum(stage.work.flops for stage in found.stages)
    lines = [
        f"{total / 1e18:.3f} EFLOP in all; {hours:,.1f} hours to go on one {device.name} "
        f"({device.source}).",
        "Counted from shapes: weights, gradients, two moments and activations without "
        "recomputation; rows of "
        "256/800 positions in pretraining and 64/32 in fine-tuning unless settings say otherwise.",
    ]
    largest = max((stage.work.memory for stage in found.stages), default=0.0)
    if device.memory is not None and largest > device.memory:
        lines.append(
            f"The largest stage needs {largest / 2**30:.0f} GiB, a {device.name} has "
            f"{device.memory / 2**30:.0f}: set MICRO_BATCHES or FSDP, or remat_policy, in settings."
        )
    disk = sum(stage.work.disk for stage in found.stages)
    fewer = sum(stage.work.disk for stage in found.stages if stage.kind != "finetune")
    lines.append(
        f"Checkpoints take up to {disk / 2**30:,.0f} GiB of disk, {fewer / 2**30:,.0f} with "
        "--drop-checkpoints."
    )
    lines += [f"missing: {line}" for line in lacking(found.stages)]
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _device(name: str, found: "Plan") -> "Hardware":
    from fsa_jax.experiments import costs
    from fsa_jax.experiments.running import standing

    if name != "here":
        return costs.published(name)
    done = [(stage.work.flops, standing(stage)) for stage in found.stages]
    return costs.here([(f, now.seconds) for f, now in done if f and now.state == "finished"])


@experiment.command()
def run(
    name: _Name,
    scale: _Scale = "full",
    output_dir: _Output = OUTPUT,
    weights_dir: _Weights = WEIGHTS,
    store: _Store = None,
    devices: Annotated[
        str, typer.Option(help="all (one stage at a time), cpu:2, gpu:0,1,2,3 or tpu:0,1.")
    ] = "all",
    print_only: Annotated[
        bool, typer.Option("--print", help="Print a command for each stage, for a job queue.")
    ] = False,
    only: Annotated[
        str | None, typer.Option(help="Run this stage alone, as --print names it; no scores kept.")
    ] = None,
    drop_checkpoints: Annotated[
        bool, typer.Option(help="Remove fine-tuned weights once their answers are scored.")
    ] = False,
) -> None:
    """Run what is missing, keep the scores, write the report; the same command goes on."""
    from fsa_jax.experiments.collecting import collect
    from fsa_jax.experiments.running import Runner, read_slots
    from fsa_jax.experiments.stages import Stage
    from fsa_jax.experiments.store import Store

    found = _plan(name, scale, output_dir, weights_dir)
    if print_only:
        words = ["fsa", "experiment", "run", name, "--scale", scale]
        words += ["--output-dir", str(output_dir), "--weights-dir", str(weights_dir)]
        _print_commands(found, words)
        return
    if only is not None:
        _run_one(found, only, devices)
        return
    folder = _folder(output_dir, scale)
    kept = Store(store or folder / "results.sqlite")

    def on_finished(stage: Stage) -> None:
        for answers in found.answers:
            if answers.stage is not None and answers.stage.key == stage.key:
                collect(answers, found, kept)
        if drop_checkpoints and stage.kind == "finetune":
            for directory in stage.run_directories.values():
                directory.drop_checkpoints()

    runner = Runner(found.stages, read_slots(devices), on_finished)
    code = runner.run()
    for answers in found.answers:
        if answers.stage is None:
            collect(answers, found, kept)
    kept.export(folder)
    _write_report(found, kept, folder, runner.failed)
    _tell(found, runner)
    if code:
        raise typer.Exit(code)


def _run_one(found: "Plan", key: str, devices: str) -> None:
    """One stage for a job queue; what it needs has to be finished."""
    from fsa_jax.experiments.running import Runner, read_slots, standing

    chosen = [stage for stage in found.stages if stage.key == key]
    if not chosen:
        raise ValueError(f"--only {key}: no stage has this key; `--print` lists them")
    for need in chosen[0].needs:
        if standing(need).state != "finished":
            raise ValueError(f"--only {key}: it needs {need.kind} {need.name} ({need.key}) first")
    runner = Runner([*chosen[0].needs, *chosen], read_slots(devices)[:1], lambda stage: None)
    code = runner.run()
    _tell(found, runner)
    if code:
        raise typer.Exit(code)


def _tell(found: "Plan", runner: "Runner") -> None:
    """Says what is not finished, once for each reason."""
    by_reason: dict[str, list[str]] = {}
    for stage in found.stages:
        if stage.key in runner.failed:
            reason = runner.failed[stage.key]
            by_reason.setdefault(reason, []).append(f"{stage.kind} {stage.name}")
    for reason, (first, *rest) in by_reason.items():
        more = f" and {len(rest)} more" if rest else ""
        typer.echo(f"not finished: {first}{more}: {reason}", err=True)
    if runner.stopped:
        typer.echo(f"stopped: {len(runner.stopped)} stages; the same command goes on", err=True)


def _print_commands(found: "Plan", words: list[str]) -> None:
    """What a job queue is to run: each block after the one before, its lines side by side."""
    from fsa_jax.experiments.running import standing
    from fsa_jax.experiments.stages import levels

    printed = False
    for level in levels(found.stages):
        left = [stage for stage in level if standing(stage).state != "finished"]
        if left and printed:
            print()
        for stage in left:
            print(f"{shlex.join([*words, '--only', stage.key])}  # {stage.kind} {stage.name}")
            printed = True


@experiment.command()
def report(
    name: _Name,
    scale: _Scale = "full",
    output_dir: _Output = OUTPUT,
    weights_dir: _Weights = WEIGHTS,
    store: _Store = None,
    figures: Annotated[
        Path | None, typer.Option(help="JSON of the table, for documents that quote it.")
    ] = None,
    measured_by: Annotated[
        str, typer.Option(help="For --figures: the command that made the runs.")
    ] = "fsa experiment run",
    seconds: Annotated[
        float | None, typer.Option(min=0, help="For --figures: how long that took.")
    ] = None,
) -> None:
    """Write tables (Markdown, CSV, LaTeX), figures and one HTML page from what is there."""
    from fsa_jax.experiments.collecting import collect
    from fsa_jax.experiments.store import Store

    found = _plan(name, scale, output_dir, weights_dir)
    folder = _folder(output_dir, scale)
    kept = Store(store or folder / "results.sqlite")
    for answers in found.answers:
        if answers.stage is None:
            collect(answers, found, kept)
    kept.export(folder)
    table = _write_report(found, kept, folder, {})
    if figures is not None:
        from fsa_jax.experiments.report.quoted import write_figures

        write_figures(table, figures, measured_by, seconds)
        typer.echo(f"figures → {figures}")


def _write_report(
    found: "Plan", kept: "Store", folder: Path, failures: Mapping[str, str]
) -> "ResultTable":
    from fsa_jax.experiments.report import text, write_reports

    table, path = write_reports(found, kept, folder / "reports" / found.experiment.name, failures)
    console = open_console()
    shown = Table(title=found.experiment.title)
    shown.add_column("system")
    first = 0 if len(table.columns) <= _SHOWN_COLUMNS else len(table.columns)
    for head in text.heads(table)[first:]:
        shown.add_column(head, justify="right")
    for row in table.rows:
        cells = text.cells_of(row, table.columns)[first:]
        shown.add_row(
            row.system.name, *(text.plain(cell, cell is row.difference) for cell in cells)
        )
    console.print(shown)
    for line in text.reasons(table):
        console.print(f"empty: {line}", highlight=False, markup=False, soft_wrap=True)
    typer.echo(f"report → {path}")
    return table
