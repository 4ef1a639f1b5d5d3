"""The card of a student: what its run tells of data, hyperparameters, scores and terms."""

import ast
import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import fsa_jax
from fsa_jax.huggingface import export
from fsa_jax.model import flops
from fsa_jax.opinions.corpus import NEWLINE
from fsa_jax.opinions.publishing import terms
from fsa_jax.opinions.publishing.cards import OTHER_LICENCE, front_matter, section, table
from fsa_jax.opinions.scoring.predictions import kind_of
from fsa_jax.runtime.run_directory import RunDirectory, run_of
from fsa_jax.student.load import Student
from fsa_jax.student.scores import RunScores

Engine = Literal["transformers", "ctranslate2"]  # the Hub's names of what loads a folder

_PAPER = "https://arxiv.org/abs/2412.18552"
_MAX_LENGTH = "MAX_DECODE_LENGTH"
# Settings of a run by the words of the card.
_HYPERPARAMETERS = {
    "TRAIN_EPOCHS": "epochs",
    "BATCH_SIZE": "rows a step",
    "EXAMPLES_PER_BATCH": "examples a step, about",
    "TASK_FEATURE_LENGTHS": "tokens of a row",
    "DROPOUT_RATE": "dropout",
    "BEST_METRIC": "best checkpoint by, on the development split",
    _MAX_LENGTH: "tokens of an answer at most, greedy",
}
_PARTS = {"optimizer": "optimizer", "learning_rate": "learning rate"}
_INITIAL = "INITIAL_CHECKPOINT_PATH"
_EXAMPLES = {
    "laptop": "The battery lasts all day, but the keyboard feels cheap.",
    "restaurant": "The pasta was great, but we waited an hour for it.",
}
# What a manifest tells, by the words of the card.
_FACTS = {"steps": "steps", "seed": "seed", "data_fingerprint": "fingerprint of the data"}
# How the folder is used with each engine; the longest output is without the start token.
_LINES = {
    "transformers": """\
from transformers import AutoTokenizer, T5ForConditionalGeneration
tokenizer = AutoTokenizer.from_pretrained("{name}")
model = T5ForConditionalGeneration.from_pretrained("{name}")
inputs = tokenizer("{example}", return_tensors="pt")
print(tokenizer.decode(model.generate(**inputs)[0], skip_special_tokens=True))
""",
    "ctranslate2": """\
import ctranslate2
from transformers import T5Tokenizer
folder = "{name}"
tokenizer, model = T5Tokenizer.from_pretrained(folder), ctranslate2.Translator(folder)
texts = ["{example}"]
inputs = [tokenizer.convert_ids_to_tokens(ids) for ids in tokenizer(texts).input_ids]
greedy = dict(beam_size=1, min_decoding_length=0, max_decoding_length={longest}, max_input_length=0)
for found in model.translate_batch(inputs, max_batch_size=64, **greedy):
    print(tokenizer.decode(tokenizer.convert_tokens_to_ids(found.hypotheses[0])))
""",
}
_NOTES = {
    "transformers": "",
    "ctranslate2": """\
Leave `min_decoding_length=0` there: CTranslate2 forbids an empty answer by default, and a sentence
without opinions would get one. `max_input_length=0` keeps it from cutting texts off at 1024 tokens.
It loads from the disk alone: `huggingface_hub.snapshot_download` brings the folder from the Hub.

""",
}
_TAGS = ("t5", "sentiment-analysis", "aspect-based-sentiment-analysis", "distillation")


@dataclasses.dataclass(frozen=True)
class Lineage:
    """A run, and what its weights came from.

    Attributes:
        task: What it was trained on.
        settings: Of its gin configuration.
    """

    task: str
    settings: Mapping[str, Any]


def write_card(
    name: str,
    student: Student,
    run: RunDirectory | None = None,
    licence: str | None = None,
    engine: Engine = "transformers",
) -> str:
    """Returns the text of a student's card.

    Args:
        name: The model's name.
        student: The student.
        run: The run that it is from; None for weights of elsewhere.
        licence: The Hub's name of the licence that it is given on with, such as ``apache-2.0``.
        engine: What loads the folder that the card is for.
    """
    lineage = list(_lineage(run)) if run else []
    scores = RunScores(run) if run else None
    is_invented = scores is not None and scores.is_invented()
    task = lineage[0].task if lineage else student.task.name
    longest = (run and longest_answer(run)) or export.LONGEST
    parts = [
        f"# {name}\n\n{_what(task, student)}",
        section("How to use it", _usage(name, task, engine, longest)),
        section("Data", *_data(lineage, is_invented)),
        section("Hyperparameters", _hyperparameters(student, lineage)),
        section("Scores", *(scores.parts(student.step) if scores else ["It was not scored."])),
        section("Limits", _limits(task, run)),
        section("Licence", _licence(licence)),
        section("Made with", _made_with(student)),
    ]
    fields: dict[str, Any] = {
        "library_name": engine,
        "pipeline_tag": "text-generation",
        "language": "en",
        "license": licence or OTHER_LICENCE,
        "tags": list(_TAGS),
    }
    if scores and (results := scores.for_the_hub()) and not is_invented:
        fields["model-index"] = [{"name": name, "results": results}]
    return front_matter(fields) + "".join(parts)


def longest_answer(run: RunDirectory) -> int | None:
    """Returns how many tokens an answer of a run may have; None where it does not say."""
    found = settings_of(run.config()).get(_MAX_LENGTH)
    return found if isinstance(found, int) else None


def settings_of(config: str) -> dict[str, Any]:
    """Returns the settings of a resolved gin configuration; references as gin writes them."""
    found: dict[str, Any] = {}
    joined = re.sub(r"\\\n\s*|\n(?=[ \t)\]}])", " ", config)
    for name, value in re.findall(r"^([\w./]+) = (.+)$", joined, re.MULTILINE):
        try:
            found[name] = ast.literal_eval(value.strip())
        except (ValueError, SyntaxError):
            found[name] = value.strip()
    return found


def _lineage(run: RunDirectory) -> Iterator[Lineage]:
    """The run, and the runs that its weights came from, as far as they are still there."""
    seen: set[str] = set()
    here: RunDirectory | None = run
    while here is not None and str(here) not in seen:
        seen.add(str(here))
        manifest, settings = here.manifest(), settings_of(here.config())
        if task := manifest.get("mixture_or_task_name"):
            yield Lineage(str(task), settings)
        start = settings.get(_INITIAL)
        here = run_of(start) if isinstance(start, str) else None


def _what(task: str, student: Student) -> str:
    config = student.config
    size = flops.count_params(student.params) / 1e6
    kind = "T5 1.0" if config.logits_via_embedding else "T5 1.1"
    layers = f"{config.num_encoder_layers} + {config.num_decoder_layers} layers"
    return (
        f"A {kind} of {size:.1f}M parameters ({config.emb_dim} wide, {layers}) {_does(task)}. "
        "It was trained with fsa_jax by the method of [Distilling Fine-grained Sentiment "
        f"Understanding from Large Language Models]({_PAPER}).\n"
    )


def _does(task: str) -> str:
    kind = kind_of(task)
    if kind is not None and kind.is_classified:
        return f"that names the polarity of a given {kind.fields[0]}"
    if kind is not None:
        unit = " | ".join(kind.keys)
        return f"that finds the opinions in a sentence and writes them as `{unit} ; …`"
    if terms.teacher_of(task):
        return "that writes about a review as its teacher did, and is there to be fine-tuned"
    return f"for the task `{task}`"


def _usage(name: str, task: str, engine: Engine, longest: int) -> str:
    example = _EXAMPLES["laptop" if "laptop" in task else "restaurant"]
    wanted = {"name": name, "example": example, "longest": longest - 1}
    return f"""\
```python
{_LINES[engine].format(**wanted)}\
```

{_NOTES[engine]}T5's vocabulary has no newline, and the added token `{NEWLINE}` stands for it: write
`text.replace("\\n", " {NEWLINE} ")` going in, and turn `{NEWLINE}` back into a newline coming out.
"""


def _data(lineage: Sequence[Lineage], is_invented: bool) -> Iterator[str]:
    """What it was trained on, from the last to the first, and the terms of that."""
    if not lineage:
        yield "Not known: these weights came without a run."
        return
    steps = ", and before that on ".join(f"`{one.task}`" for one in lineage)
    yield f"Trained on {steps}{_from_where(lineage[-1])}"
    if is_invented:
        yield (
            "**The sentences that it was scored on are invented ones (`fsa sample`): its scores "
            "say nothing about real text.**"
        )
    owners = [one for step in lineage for one in terms.of_task(step.task)]
    if is_invented:
        owners = [one for one in owners if one in terms.TEACHERS.values()]
    rows = dict.fromkeys((one.name, one.terms, one.url) for one in owners)
    if rows:
        yield table(("whose", "terms", "where"), rows)


def _from_where(first: Lineage) -> str:
    start = first.settings.get(_INITIAL)
    if start is None:
        return ", from random weights." if first.settings else "."
    return f", from the weights `{Path(str(start)).name}`."


def _hyperparameters(student: Student, lineage: Sequence[Lineage]) -> str:
    rows = [(words, student.facts[key]) for key, words in _FACTS.items() if key in student.facts]
    settings = lineage[0].settings if lineage else {}
    for name, words in _HYPERPARAMETERS.items():
        if (value := settings.get(name)) is not None:
            rows.append((words, _lengths(value) if isinstance(value, dict) else value))
    for name, words in _PARTS.items():
        part = str(settings.get(f"loop.RunConfig.{name}", "")).removeprefix("@")
        numbers = {k.rpartition(".")[2]: v for k, v in settings.items() if k.startswith(f"{part}.")}
        if part:
            shown = ", ".join(f"{key} {value}" for key, value in numbers.items())
            rows.append((words, f"{part.rpartition('.')[2]} ({shown})"))
    return table(("what", "value"), rows) if rows else "Not known."


def _lengths(by_feature: Mapping[str, int | None]) -> str:
    shown = (f"{name} {length or 'as long as needed'}" for name, length in by_feature.items())
    return ", ".join(shown)


def _limits(task: str, run: RunDirectory | None) -> str:
    kind, status = kind_of(task), run.status() if run else None
    lines = []
    if status and status.state != "finished":
        lines.append(
            f"**The run has not finished: it is at step {status.step} of {status.steps}.**"
        )
    lines += [
        "English reviews of restaurants and laptops; other languages and domains were not tried.",
        "Text that is longer than what it was trained on (see above) is not what it knows.",
    ]
    if kind is not None:
        polarities = ", ".join(kind.polarities)
        lines += [
            f"It knows these polarities alone: {polarities}.",
            "It writes text, which may not parse; it may name a target that the sentence lacks. "
            "`fsa predict` finds places, and says what it could not read.",
        ]
    if terms.teacher_of(task):
        lines += ["It writes what a language model wrote, mistakes and biases of that included."]
    lines += ["No decision about a person should rest on it."]
    return "\n".join(f"- {line}" for line in lines)


def _licence(licence: str | None) -> str:
    given = f"The weights are given on under `{licence}`. " if licence else ""
    return (
        f"{given}The code of fsa_jax is under Apache 2.0. What may be done with these weights also "
        "depends on the terms of the data and of the teacher, which are named above: read them "
        "before you use the weights for more than research."
    )


def _made_with(student: Student) -> str:
    facts = student.facts
    versions = dict(facts.get("versions", {}))
    rows: list[tuple[str, object]] = [("fsa_jax", facts.get("fsa_jax", fsa_jax.__version__))]
    rows += [("commit", facts["git"])] if facts.get("git") else []
    rows += list(versions.items())
    return table(("what", "version"), rows)
