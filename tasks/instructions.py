"""The baselines that follow instructions: general distillation and InstructABSA.

General distillation learns any set of instructions and answers, read from the files
``$FSA_DATA_DIR/instructions/*.json`` and ``*.jsonl``: lists or lines of ``{instruction, input,
output}``, of ``{instruction, instances: [{input, output}]}``, of ``{instruction, response}`` or of
``{prompt, completion}``. InstructABSA asks for the benchmark's targets with a definition and six
examples before the sentence, in the form that Tk-Instruct checkpoints were trained on.
"""

import functools
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import seqio

from fsa_jax.opinions.corpus import SPLITS
from fsa_jax.opinions.data_sets import DATA_SETS
from fsa_jax.opinions.readers.source import json_items, parse_json, read_text
from fsa_jax.runtime.locations import data_root
from tasks import extraction
from tasks.features import DISTILLATION_LENGTHS, OUTPUT_FEATURES, Rows, RowsSource, preprocessors
from tasks.vocabulary import without_newlines

_QUESTIONS = ("instruction", "prompt", "question")
_ANSWERS = ("output", "response", "completion", "answer")
_DEFINITIONS = {
    "tsa": (
        "The output lists every opinion target of the input sentence with the sentiment towards "
        "it. A target is a part of the sentence; the sentiment is positive, negative, neutral or "
        "conflict. Write each one as `target | sentiment`, put ` ; ` between them, and write "
        "nothing if the sentence names no target."
    ),
    "asa": (
        "The output lists every aspect category that the input sentence judges, with the sentiment "
        "towards it: positive, negative or neutral. Write each one as `category | sentiment`, put "
        "` ; ` between them, and write nothing if the sentence judges no category."
    ),
}
# Two examples of each polarity, none of them from a benchmark.
_EXAMPLES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "tsa_restaurant": (
        ("Our waiter could not have been kinder .", "waiter | positive"),
        ("Great dumplings , and the tea is even better .", "dumplings | positive ; tea | positive"),
        ("The noodles arrived cold twice .", "noodles | negative"),
        ("I would skip the terrace , it is far too loud .", "terrace | negative"),
        ("We took the set menu with a bottle of cider .", "set menu | neutral ; cider | neutral"),
        ("They bring bread before the starters .", "bread | neutral ; starters | neutral"),
    ),
    "tsa_laptop": (
        ("The hinge feels like it will outlive me .", "hinge | positive"),
        ("Lovely screen and a very quiet fan .", "screen | positive ; fan | positive"),
        ("The trackpad misses every second click .", "trackpad | negative"),
        ("After a month the charger gave up .", "charger | negative"),
        ("It has two ports and a card slot .", "ports | neutral ; card slot | neutral"),
        ("I installed my own editor on it .", "editor | neutral"),
    ),
    "asa_restaurant": (
        ("Our waiter could not have been kinder .", "service general | positive"),
        ("A room full of plants and soft light .", "ambience general | positive"),
        ("The noodles arrived cold twice .", "food quality | negative"),
        ("Nine dollars for a small tea ?", "drinks prices | negative"),
        ("The curry was neither good nor bad .", "food quality | neutral"),
        ("It is an ordinary corner bistro .", "restaurant general | neutral"),
    ),
    "asa_laptop": (
        ("The hinge feels like it will outlive me .", "hardware quality | positive"),
        ("It slips into the smallest bag .", "laptop portability | positive"),
        ("The trackpad misses every second click .", "mouse operation_performance | negative"),
        ("They never answered my mails .", "support quality | negative"),
        ("The speakers are what one expects .", "multimedia_devices general | neutral"),
        ("It is an average machine .", "laptop general | neutral"),
    ),
}


def instruction_input(sentence: str, kind_name: str, domain: str) -> str:
    """Writes definition, examples and sentence as Tk-Instruct's inputs are written.

    Its lines come without newlines, which Tk-Instruct's tokenizer reads as blanks.
    """
    lines = [f"Definition: {_DEFINITIONS[kind_name]}"]
    for number, (text, answer) in enumerate(_EXAMPLES[f"{kind_name}_{domain}"], 1):
        lines.append(f"Positive Example {number} -\nInput: {text}\nOutput: {answer}")
    lines.append(f"Now complete the following example -\nInput: {sentence}\nOutput:")
    return without_newlines("\n\n".join(lines))


def _instructed_rows(split: str, read: Any, kind_name: str, domain: str) -> Rows:
    return [
        {**row, "inputs": instruction_input(str(row["text"]), kind_name, domain)}
        for row in read(split)
    ]


def _prompt(sentence: str, given: str, kind_name: str, domain: str) -> str:
    return instruction_input(sentence, kind_name, domain)


def read_instructions(path: Path) -> Iterator[tuple[str, str]]:
    """Yields the (question, answer) pairs of a file of instructions.

    Raises:
        ValueError: An item is no instruction, with file and line.
    """
    text = read_text(path)
    try:
        items = list(json_items(text)) if text.lstrip().startswith("[") else list(_lines(text))
    except ValueError as error:
        raise ValueError(f"{path}:{error}") from error
    for line, item in items:
        pairs = list(_pairs(item))
        if not pairs:
            raise ValueError(
                f"{path}:{line}: no instruction: one of {', '.join(_QUESTIONS)} and one of "
                f"{', '.join(_ANSWERS)} are expected"
            )
        yield from pairs


def _lines(text: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield number, parse_json(line)
            except ValueError as error:
                raise ValueError(f"{number}: {error}") from error


def _pairs(item: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(item, dict):
        return
    question = next((item[key] for key in _QUESTIONS if isinstance(item.get(key), str)), None)
    if question is None:
        return
    for instance in item.get("instances") or [item]:
        answer = next((instance[k] for k in _ANSWERS if isinstance(instance.get(k), str)), None)
        if answer is not None:
            extra = instance.get("input") or ""
            yield (f"{question}\n{extra}" if extra else question), answer


@functools.lru_cache(maxsize=4)
def _all_pairs(paths: tuple[str, ...], stamps: tuple[int, ...]) -> list[tuple[str, str]]:
    return [pair for path in paths for pair in read_instructions(Path(path))]


def _instruction_rows(split: str) -> Rows:
    folder = data_root() / "instructions"
    paths = sorted(p for p in folder.glob("*") if p.suffix in (".json", ".jsonl"))
    if not paths:
        raise FileNotFoundError(f"{folder} holds no .json or .jsonl files of instructions")
    pairs = _all_pairs(tuple(map(str, paths)), tuple(p.stat().st_mtime_ns for p in paths))
    wanted = split == "validation"
    return [
        {"inputs": question, "targets": answer}
        for question, answer in pairs
        if _held_out(question) == wanted
    ]


def _held_out(question: str) -> bool:
    return int(hashlib.sha256(question.encode()).hexdigest()[:8], 16) % 100 == 0


def register() -> None:
    """Registers the baselines; nothing is read."""
    seqio.TaskRegistry.add(
        "general_distillation",
        source=RowsSource(_instruction_rows, SPLITS),
        preprocessors=preprocessors(DISTILLATION_LENGTHS),
        output_features=OUTPUT_FEATURES,
        metric_fns=[],
    )
    for name, data_set in DATA_SETS.items():
        if data_set.form != "fsa":
            continue
        read = functools.partial(
            _instructed_rows,
            read=functools.partial(extraction.read_rows, data_set=data_set),
            kind_name=data_set.kind.name,
            domain=data_set.domain,
        )
        prompt = functools.partial(_prompt, kind_name=data_set.kind.name, domain=data_set.domain)
        task = f"instructabsa_{name}"
        extraction.add_task(task, read, tuple(data_set.splits), data_set.kind, prompt)
