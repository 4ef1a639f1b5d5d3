"""A scaling sweep: distils and fine-tunes a grid of sizes, mixtures, tasks and seeds.

    python scripts/sweep.py --sizes small base large --tasks tsa_rest14 asa_rest16 \
      --mixtures none distill_mixtral_8x7b_anl_rw_10k distill_mixtral_8x7b_anl_rw_100k \
      --seeds 42 52 62 --weights 'weights/t5-{size}' --output-dir runs/sweep

Each run is one ``t5x train``. Runs that are finished are left alone and interrupted ones go on, so
the same command continues a sweep; a run that fails is named at the end and holds up only the runs
that need it. ``--print`` prints the commands instead, for a job queue: first all distillations, an
empty line, then all fine-tunings. What follows ``--`` goes to every run.

The scores stand in ``scores.csv``, their means over seeds in a table and in ``scores.png``.
"""

import argparse
import csv
import shlex
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

NONE = "none"  # instead of a mixture: fine-tuning without distillation
FINISHED = "finished"  # file in a run directory


@dataclass(frozen=True)
class Run:
    """One ``t5x train``.

    Attributes:
      folder: Its run directory.
      command: What to run.
      needs: The run whose checkpoint it starts from.
      facts: Its place in the grid: size, mixture, and of fine-tunings task and seed.
    """

    folder: Path
    command: tuple[str, ...]
    needs: "Run | None"
    facts: dict[str, str]

    @property
    def finished(self) -> bool:
        """Whether it has ended well, and was this very command."""
        mark = self.folder / FINISHED
        if not mark.exists():
            return False
        if mark.read_text() != shlex.join(self.command):
            raise SystemExit(
                f"error: {self.folder} was made by another command (see {mark}): name another "
                "--output-dir, or remove it"
            )
        return True


def plan(options: argparse.Namespace) -> tuple[list[Run], list[Run]]:
    """Returns the distillations and the fine-tunings of the grid."""
    distillations: list[Run] = []
    fine_tunings: list[Run] = []
    for size in options.sizes:
        weights = options.weights.format(size=size) if options.weights else None
        for mixture in options.mixtures:
            facts = {"size": size, "mixture": mixture}
            teacher = None
            if mixture != NONE:
                folder = options.output_dir / size / mixture / "distilled"
                settings = {"MIXTURE_OR_TASK_NAME": mixture}
                teacher = _run(
                    options, "distill_anl_rw.gin", folder, weights, settings, None, facts
                )
                distillations.append(teacher)
            start = str(teacher.folder) if teacher else weights
            for task in options.tasks:
                for seed in options.seeds:
                    folder = options.output_dir / size / mixture / f"{task}_{seed}"
                    settings = {"MIXTURE_OR_TASK_NAME": task, "RANDOM_SEED": seed}
                    place = facts | {"task": task, "seed": str(seed)}
                    fine_tunings.append(
                        _run(options, "finetune.gin", folder, start, settings, teacher, place)
                    )
    return distillations, fine_tunings


def _run(options, gin_file, folder, start, settings, needs, facts) -> Run:
    settings = {**settings, "MODEL_DIR": folder}
    if start:
        settings["INITIAL_CHECKPOINT_PATH"] = start
    command = ["t5x", "train", f"--gin_file={gin_file}"]
    command += [f"--gin_file=models/{facts['size']}.gin"]
    command += [f"--gin.{name}={value}" for name, value in settings.items()]
    return Run(folder, (*command, *options.settings), needs, facts)


def work(runs: Sequence[Run]) -> Iterator[Run]:
    """Runs what is not finished, in order; yields the runs that failed."""
    failed: set[Path] = set()
    for number, run in enumerate(runs, start=1):
        if run.finished:
            continue
        print(f"[{number}/{len(runs)}] {shlex.join(run.command)}", flush=True)
        if run.needs and run.needs.folder in failed:
            print(f"left out: {run.needs.folder} failed", flush=True)
        elif _succeeds(run):
            continue
        failed.add(run.folder)
        yield run


def _succeeds(run: Run) -> bool:
    run.folder.mkdir(parents=True, exist_ok=True)
    program = Path(sys.executable).with_name(run.command[0])
    with (run.folder / "log.txt").open("a") as log:
        code = subprocess.call(
            [str(program), *run.command[1:]], stdout=log, stderr=subprocess.STDOUT
        )
    stopped = (
        code == 0 and "the same command goes on" in (run.folder / "log.txt").read_text()[-400:]
    )
    if stopped:
        raise SystemExit(f"stopped in {run.folder}; the same command goes on")
    if code == 0:
        (run.folder / FINISHED).write_text(shlex.join(run.command))
        return True
    last = (run.folder / "log.txt").read_text().strip().splitlines()[-1:]
    print(f"failed: {' '.join(last)} (see {run.folder / 'log.txt'})", flush=True)
    return False


def scores(runs: Sequence[Run]) -> list[dict[str, str]]:
    """The last F1 of each finished fine-tuning on the test split, with its place in the grid."""
    rows = []
    for run in runs:
        if run.finished:
            history = run.folder / "inference_eval" / f"{run.facts['task']}-test-metrics.jsonl"
            last = _last_row(history)
            rows.append(run.facts | {name: f"{last[name]:.2f}" for name in ("f1", "strict_f1")})
    return rows


def _last_row(path: Path) -> dict[str, float]:
    import json

    return json.loads(path.read_text().splitlines()[-1])


def means(rows: Sequence[dict[str, str]]) -> dict[tuple[str, str, str], tuple[float, float, int]]:
    """Mean, standard deviation (0 of one seed) and number of F1s by (task, mixture, size)."""
    groups: dict[tuple[str, str, str], list[float]] = {}
    for row in rows:
        groups.setdefault((row["task"], row["mixture"], row["size"]), []).append(float(row["f1"]))
    return {
        key: (statistics.mean(x), statistics.stdev(x) if len(x) > 1 else 0.0, len(x))
        for key, x in groups.items()
    }


def report(rows: Sequence[dict[str, str]], options: argparse.Namespace) -> None:
    """Writes ``scores.csv`` and ``scores.png``, prints the table of means."""
    from rich.console import Console
    from rich.table import Table

    with (options.output_dir / "scores.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["size", "mixture", "task", "seed", "f1", "strict_f1"])
        writer.writeheader()
        writer.writerows(rows)
    found = means(rows)
    table = Table(title="test F1, mean ± standard deviation (seeds)")
    for head in ("task", "mixture", *options.sizes):
        table.add_column(head)
    for task in options.tasks:
        for mixture in options.mixtures:
            cells = [found.get((task, mixture, size)) for size in options.sizes]
            words = [f"{m:.2f} ± {s:.2f} ({n})" if n else "–" for m, s, n in _filled(cells)]
            table.add_row(task, mixture, *words)
    Console().print(table)
    _draw(found, options)


def _filled(cells) -> Iterator[tuple[float, float, int]]:
    yield from (cell or (0.0, 0.0, 0) for cell in cells)


def _draw(found, options: argparse.Namespace) -> None:
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        1, len(options.tasks), figsize=(4.5 * len(options.tasks), 3.5), squeeze=False
    )
    for axis, task in zip(axes[0], options.tasks, strict=True):
        for mixture in options.mixtures:
            points = [
                (size, *found[task, mixture, size][:2])
                for size in options.sizes
                if (task, mixture, size) in found
            ]
            if points:
                sizes, mean, deviation = zip(*points, strict=True)
                axis.errorbar(sizes, mean, deviation, marker="o", capsize=3, label=mixture)
        axis.set(title=task, xlabel="T5", ylabel="test F1")
    axes[0][0].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(options.output_dir / "scores.png", dpi=150)
    pyplot.close(figure)


def read_options(arguments: Sequence[str]) -> argparse.Namespace:
    """Reads the command line; what follows ``--`` becomes ``settings``."""
    own, _, settings = " ".join(map(shlex.quote, arguments)).partition(" -- ")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", nargs="+", required=True, help="of gin/models/")
    parser.add_argument("--tasks", nargs="+", required=True, help="to fine-tune on")
    parser.add_argument("--mixtures", nargs="+", default=[NONE], help=f"to distil; or {NONE}")
    parser.add_argument("--seeds", nargs="+", type=int, default=[42], help="of fine-tuning")
    parser.add_argument("--weights", help="where each size starts; {size} stands for its name")
    parser.add_argument("--output-dir", type=Path, required=True)
    parser.add_argument("--print", action="store_true", help="print the commands, run nothing")
    options = parser.parse_args(shlex.split(own))
    options.settings = shlex.split(settings)
    return options


def main(arguments: Sequence[str]) -> int:
    """Runs the sweep, or prints it; returns the exit status."""
    options = read_options(arguments)
    distillations, fine_tunings = plan(options)
    if options.print:
        for run in distillations:
            print(shlex.join(run.command))
        print()
        for run in fine_tunings:
            print(shlex.join(run.command))
        return 0
    failed = list(work([*distillations, *fine_tunings]))
    report(scores(fine_tunings), options)
    for run in failed:
        print(f"not finished: {run.folder}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
