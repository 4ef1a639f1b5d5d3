"""From a declaration to stages: what has to be run, and whose answers fill which cells."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fsa_jax.experiments import known, outside, versions
from fsa_jax.experiments import scale as scales
from fsa_jax.experiments.costs import Work
from fsa_jax.experiments.declaration import Experiment, System
from fsa_jax.experiments.scale import Scale
from fsa_jax.experiments.stages import Command, Requirement, Stage, in_order
from fsa_jax.model.network import T5Config
from fsa_jax.opinions.scoring.sources import is_answers
from fsa_jax.runtime.run_directory import seed_directory

TEST = "test"
_GIN_FILES = {"pretrain": "distill_anl_rw.gin", "finetune": "finetune.gin", "evaluate": "eval.gin"}
# What is reckoned with where only the data say it: rows of 100 examples, lengths of sentences.
_ROWS = {"pretrain": 32, "finetune": 16, "evaluate": 64}
_LENGTHS = {"inputs": 64, "targets": 32}
_TEST_SENTENCES, _DEV_SENTENCES = 1100, 500


@dataclasses.dataclass(frozen=True)
class Engine:
    """What the planner knows of the gin files.

    Attributes:
        gin_folder: Where they lie.
        models: The students by size.
        macros: Macros of the run file by stage kind; a setting is passed on only where it is one.
        read: Says what gin files and settings bind, by macro or ``<configurable>.<argument>``.
    """

    gin_folder: Path
    models: Mapping[str, T5Config]
    macros: Mapping[str, frozenset[str]]
    read: Callable[[Sequence[str], Mapping[str, Any]], Mapping[str, Any]]


@dataclasses.dataclass(frozen=True)
class Answers:
    """Whose answers to a task fill a system's cells.

    Attributes:
        system: The system.
        task: The task as the table names it.
        stage: The stage that writes the answers; None for an LLM, whose files are given.
        folder: Of an LLM: the folder of its prediction files.
        reason: Why there is no stage, where there cannot be one.
    """

    system: System
    task: str
    stage: Stage | None = None
    folder: Path | None = None
    reason: str = ""

    def files(self) -> list[Path]:
        """The prediction files of an LLM for the task."""
        if self.folder is None or not self.folder.is_dir():
            return []
        return sorted(filter(is_answers, self.folder.rglob(f"{self.task}-*.jsonl")))


@dataclasses.dataclass(frozen=True)
class Plan:
    """An experiment ready to run.

    Attributes:
        experiment: As it is run at its scale.
        scale: The scale.
        stages: All of them, each behind what it needs.
        answers: What fills the table.
    """

    experiment: Experiment
    scale: Scale
    stages: tuple[Stage, ...]
    answers: tuple[Answers, ...]

    def pretraining_of(self, system: System) -> list[Stage]:
        """The stages that a system's answers come from, pretraining first."""
        own = [a.stage for a in self.answers if a.system.name == system.name and a.stage]
        return in_order(own)


def plan(
    experiment: Experiment, scale: Scale, engine: Engine, output: Path, weights: Path | None = None
) -> Plan:
    """Plans an experiment.

    Args:
        experiment: As declared.
        scale: How large it is run.
        engine: What is known of the gin files.
        output: Folder of all experiments that may share stages.
        weights: Folder that names of weights are looked up in.
    """
    experiment = scales.apply(scale, experiment)
    planner = _Planner(experiment, scale, engine, output.absolute(), weights or Path("weights"))
    answers = tuple(
        planner.answers(system, task) for system in experiment.systems for task in system.tasks
    )
    stages = in_order(found.stage for found in answers if found.stage is not None)
    return Plan(experiment, scale, tuple(stages), answers)


class _Planner:
    def __init__(
        self, experiment: Experiment, scale: Scale, engine: Engine, output: Path, weights: Path
    ):
        self._experiment, self._scale, self._engine = experiment, scale, engine
        self._output, self._weights = output, weights.absolute()
        self._code = versions.code_version(engine.gin_folder)
        # Benchmark and vocabulary are those of the first system's data; schemes differ in reviews.
        self._scheme = experiment.systems[0].scheme

    def answers(self, system: System, task: str) -> Answers:
        if system.predictions:
            return Answers(system, task, folder=self._output / "predictions" / system.predictions)
        if known.zero_shot_of(task) is None:
            return Answers(system, task, self._finetune(system, task))
        start = self._start(system)
        if start is None and system.weights == "none":
            reason = "it starts from nothing and learns nothing, so there is no one to ask"
            return Answers(system, task, reason=reason)
        return Answers(system, task, self._evaluate(system, task))

    # ------------------------------------------------------------------ stages

    def _finetune(self, system: System, task: str) -> Stage:
        start = self._start(system)
        names = {seed: _task_name(system, task, seed) for seed in system.seeds}
        settings = self._settings("finetune", system)
        shared = {**settings, **self._initial(system, start)}
        runs = {seed: f"run/{seed_directory('', seed).path.name}" for seed in system.seeds}
        if len(set(names.values())) == 1:
            own: dict[str, Any] = {"MIXTURE_OR_TASK_NAME": names[system.seeds[0]]}
            own |= {"MODEL_DIR": "{folder}/run", "RANDOM_SEEDS": tuple(system.seeds)}
            every = tuple(runs.values())
            commands = [self._command("train", "finetune", system, shared | own, *every)]
        else:  # seeds that differ in their data are programs of their own
            commands = []
            for seed, name in names.items():
                own = {"MIXTURE_OR_TASK_NAME": name, "MODEL_DIR": f"{{folder}}/{runs[seed]}"}
                own["RANDOM_SEED"] = seed
                commands.append(
                    self._command("train", "finetune", system, shared | own, runs[seed])
                )
        recipe = self._recipe("finetune", system, settings, start) | {"tasks": names}
        part = f" p{system.fraction}" if system.fraction < 100 else ""
        title = f"{task} {self._title(system)}{part}"
        return self._stage(
            "finetune",
            title,
            recipe,
            commands,
            start,
            system,
            data=outside.benchmark(task),
            runs=runs,
            task=task,
            work=self._work("finetune", system, settings, outside.sentences(task, system.fraction)),
        )

    def _evaluate(self, system: System, task: str) -> Stage:
        start = self._start(system)
        settings = self._settings("evaluate", system)
        one = {
            "MIXTURE_OR_TASK_NAME": task,
            "EVAL_OUTPUT_DIR": "{folder}/run",
            "EVAL_SPLITS": (TEST,),
            "CHECKPOINT_PATH": self._initial(system, start)["INITIAL_CHECKPOINT_PATH"],
        }
        command = self._command("eval", "evaluate", system, settings | one)
        return self._stage(
            "evaluate",
            f"{task} {self._title(system)}",
            self._recipe("evaluate", system, settings, start) | {"task": task},
            [command],
            start,
            system,
            data=outside.benchmark(task),
            runs={0: "run"},
            task=task,
            work=self._work("evaluate", system, settings, 0),
        )

    def _start(self, system: System) -> Stage | None:
        """The stage that a system's students start from; None where they start from weights."""
        return (
            self._weights_stage(system) if system.pretraining == "none" else self._pretrain(system)
        )

    def _weights_stage(self, system: System) -> Stage | None:
        """What stands for a system's weights, where something has to."""
        if not self._scale.stands_in or system.weights == "none":
            return None
        settings = self._settings("pretrain", dataclasses.replace(system, settings={}))
        one = {"MIXTURE_OR_TASK_NAME": "dapt_reviews", "MODEL_DIR": "{folder}/run"}
        return self._stage(
            "pretrain",
            f"stand-in for {system.weights.format(size=system.size)}",
            {"gin": settings, "mixture": "dapt_reviews", "size": system.size},
            [self._command("train", "pretrain", system, settings | one, "run")],
            None,
            dataclasses.replace(system, scheme=self._scheme),
            runs={0: "run"},
            work=self._work("pretrain", system, settings, 0),
        )

    def _pretrain(self, system: System) -> Stage:
        start = self._weights_stage(system)
        mixture = _mixture(system)
        settings = self._settings("pretrain", system)
        one = {"MIXTURE_OR_TASK_NAME": mixture, "MODEL_DIR": "{folder}/run"}
        shared = {**settings, **self._initial(system, start)}
        return self._stage(
            "pretrain",
            self._title(system),
            self._recipe("pretrain", system, settings, start)
            | {"mixture": mixture, "scheme": system.scheme},
            [self._command("train", "pretrain", system, shared | one, "run")],
            start,
            system,
            data=outside.corpora(system),
            runs={0: "run"},
            work=self._work("pretrain", system, settings, self._examples(system)),
        )

    def _world(self, scheme: str) -> Stage | None:
        """The stage that makes the data up, with reviews drawn by a scheme."""
        if self._experiment.world is None:
            return None
        count = str(self._experiment.world)
        sample = ["fsa", "sample", "--output-dir", "{folder}/data", "--overwrite"]
        generate = ["fsa", "generate", "--teacher", "lexicon", "--prompt", "anl,rw"]
        generate += ["--reviews", "{folder}/data/reviews.jsonl"]
        build = ["fsa", "corpus", "build", "{folder}/ledgers", "--output-dir", "{folder}/data"]
        commands = [
            [*sample, "--reviews", count, "--scheme", scheme],
            [*generate, "--output-dir", "{folder}/ledgers"],
            [*build, "--overwrite"],
        ]
        return Stage(
            "data",
            f"sample world {scheme}",
            self._output / "stages",
            {"reviews": count, "scheme": scheme},
            tuple(Command(tuple(words)) for words in commands),
            code=self._code,
            environment={"FSA_VOCABULARY": "{folder}/data/vocabulary.model"},
        )

    def _stage(
        self,
        kind: str,
        name: str,
        recipe: Mapping[str, Any],
        commands: list[Command],
        start: Stage | None,
        system: System,
        data: tuple[Requirement, ...] = (),
        **rest: Any,
    ) -> Stage:
        """Puts a stage together: the data comes from a stage of its own, or from outside."""
        needs = [start] if start is not None else []
        environment: dict[str, str] = {}
        requires = list(data)
        main = self._world(self._scheme)
        if main is not None:
            own = self._world(system.scheme) if kind == "pretrain" else main
            environment["FSA_DATA_DIR"] = str((own or main).folder / "data")
            environment["FSA_VOCABULARY"] = str(main.folder / "data" / "vocabulary.model")
            if self._scale.stands_in:
                environment["JAX_PLATFORMS"] = "cpu"
            needs += [main] if own in (None, main) else [main, own]
            requires = []
        elif kind == "pretrain" and system.scheme != outside.MAIN_SCHEME:
            environment["FSA_DATA_DIR"] = str(outside.scheme_root(system.scheme))
        if start is None and not self._scale.stands_in and system.weights != "none":
            requires.insert(0, outside.weights(system, self._weights))
        return Stage(
            kind,
            name,
            self._output / "stages",
            recipe,
            tuple(commands),
            tuple(needs),
            versions.fingerprint(requirement.path for requirement in requires),
            self._code,
            environment,
            tuple(requires),
            **rest,
        )

    # ------------------------------------------------------------------ settings

    def _settings(self, kind: str, system: System) -> dict[str, Any]:
        """Gin settings of a stage, but for its task, its folder and where it starts."""
        found: dict[str, Any] = {}
        if kind in system.dropout:
            found["DROPOUT_RATE"] = system.dropout[kind]
        if kind in system.optimizer:
            found["loop.RunConfig.optimizer"] = f"@optimizers.{system.optimizer[kind]}"
        if kind in system.learning_rate:
            schedule = {"pretrain": "cosine", "finetune": "linear"}[kind]
            found[f"schedules.{schedule}.peak"] = system.learning_rate[kind]
        if kind != "pretrain":
            found |= {f"search.DecodingConfig.{k}": v for k, v in system.decoding.items()}
        found |= system.settings.get(kind, {})
        small = dict(self._scale.settings.get(kind, {}))
        if kind == "finetune" and system.instructions and small:
            # Prompts are longer than sentences.
            small["TASK_FEATURE_LENGTHS"] = {"inputs": None, "targets": None}
        macros = self._engine.macros[kind]
        found |= {k: v for k, v in small.items() if "." in k or k in macros}
        return found | self._scale.model_settings(system)

    def _recipe(
        self, kind: str, system: System, settings: Mapping[str, Any], start: Stage | None
    ) -> dict[str, Any]:
        recipe = {"gin": settings, "files": self._gin_files(kind, system)}
        if start is None:
            recipe["weights"] = outside.weights_name(system)
        return recipe

    def _initial(self, system: System, start: Stage | None) -> dict[str, str]:
        if start is not None:
            return {"INITIAL_CHECKPOINT_PATH": str(start.folder / "run")}
        if system.weights == "none":
            return {}
        return {"INITIAL_CHECKPOINT_PATH": str(outside.weights_path(system, self._weights))}

    def _gin_files(self, kind: str, system: System) -> list[str]:
        """The gin files of a stage; a file that the declaration names says the size itself."""
        if kind in system.gin_files:
            return [system.gin_files[kind]]
        size = "tiny" if self._scale.stands_in else system.size
        return [_GIN_FILES[kind], f"models/{size}.gin"]

    def _command(
        self, mode: str, kind: str, system: System, settings: Mapping[str, Any], *runs: str
    ) -> Command:
        words = ["t5x", mode]
        words += [f"--gin_file={name}" for name in self._gin_files(kind, system)]
        words += [f"--gin.{name}={value}" for name, value in settings.items()]
        return Command(tuple(words), runs)

    # ------------------------------------------------------------------ words and numbers

    def _title(self, system: System) -> str:
        size = self._scale.name if self._scale.stands_in else ""
        parts = [size, system.size, system.pretraining if system.pretraining != "none" else ""]
        if system.pretraining == "distill":
            parts += [system.teacher, system.prompts]
        if system.pretraining != "none":
            parts += [known.count_name(system.reviews), system.scheme]
        if system.instructions:
            parts.append("instructions")
        return " ".join(part for part in parts if part)

    def _examples(self, system: System) -> int:
        made = self._experiment.world
        known_count = system.reviews if system.reviews is not None else made
        return outside.examples(dataclasses.replace(system, reviews=known_count))

    def _work(self, kind: str, system: System, settings: Mapping[str, Any], examples: int) -> Work:
        said = self._engine.read(self._gin_files(kind, system), settings)
        lengths = said.get("TASK_FEATURE_LENGTHS") or {}
        inputs, targets = (lengths.get(name) or usual for name, usual in _LENGTHS.items())
        rows = int(said.get("BATCH_SIZE") or _ROWS[kind])
        steps, evaluations = 0, 1
        if kind != "evaluate":
            epochs = said.get("TRAIN_EPOCHS") or 0
            # A packed row of pretraining takes two of the longest examples, and some short ones.
            per_step = said.get("EXAMPLES_PER_BATCH") or rows * (2 if kind == "pretrain" else 1)
            steps = said.get("TRAIN_STEPS") or -(-examples // per_step) * epochs
            evaluations = int(steps / (said.get("EVAL_PERIOD") or max(1, steps / max(1, epochs))))
        model = self._engine.models[system.size if not self._scale.stands_in else "tiny"]
        own = {f.name: said.get(f"T5Config.{f.name}") for f in dataclasses.fields(T5Config)}
        own |= {k.rpartition(".")[2]: v for k, v in self._scale.model_settings(system).items()}
        return Work(
            dataclasses.replace(model, **{k: v for k, v in own.items() if v is not None}),
            int(steps),
            rows,
            inputs,
            targets,
            len(system.seeds) if kind == "finetune" else 1,
            {
                "pretrain": 0,
                "finetune": _TEST_SENTENCES + _DEV_SENTENCES * evaluations,
                "evaluate": _TEST_SENTENCES,
            }[kind],
            # Fine-tuning keeps the best one beside the last ones.
            int(said.get("KEEP_CHECKPOINTS") or 0) + (kind == "finetune"),
        )


def _task_name(system: System, task: str, seed: int) -> str:
    name = f"instructabsa_{task}" if system.instructions else task
    if system.fraction == 100:
        return name
    name = f"{name}_p{system.fraction}"
    return f"{name}_s{seed}" if system.draw == "per_seed" else name


def _mixture(system: System) -> str:
    size = "" if system.reviews is None else f"_{known.count_name(system.reviews)}"
    if system.pretraining == "distill":
        return f"distill_{system.teacher}_{system.prompts}{size}"
    if system.pretraining == "general_distillation":
        return system.pretraining
    return f"{system.pretraining}_reviews{size}"
