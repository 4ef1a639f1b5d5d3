"""General distillation and InstructABSA: instructions of any form."""

import json
import re

import pytest
import sentencepiece
import seqio

import tasks  # noqa: F401 - registers the tasks
from tasks import instructions
from tasks.vocabulary import get_vocabulary

LENGTHS = {"inputs": 256, "targets": 800}


def read(name, split="train", **options):
    task = seqio.get_mixture_or_task(name)
    dataset = task.get_dataset(LENGTHS, split, shuffle=False, **options)
    return list(dataset.as_numpy_iterator())


FORMS = [
    ([{"instruction": "Add", "input": "1 2", "output": "3"}], [("Add\n1 2", "3")]),
    (
        [
            {
                "instruction": "Say",
                "instances": [{"input": "", "output": "a"}, {"input": "x", "output": "b"}],
            }
        ],
        [("Say", "a"), ("Say\nx", "b")],
    ),
    ([{"instruction": "Say", "response": "hello"}], [("Say", "hello")]),
    ([{"prompt": "Say", "completion": "hello"}], [("Say", "hello")]),
]


@pytest.mark.parametrize(("items", "pairs"), FORMS)
@pytest.mark.parametrize("lines", [True, False])
def test_instructions_of_any_form(tmp_path, items, pairs, lines):
    path = tmp_path / "file"
    path.write_text(
        "\n".join(json.dumps(item) for item in items) if lines else json.dumps(items, indent=1)
    )
    assert list(instructions.read_instructions(path)) == pairs


def test_a_broken_instruction_is_named(tmp_path):
    path = tmp_path / "file"
    path.write_text('{"instruction": "a", "output": "b"}\n{"instruction": "a"}\n')
    with pytest.raises(ValueError, match=r"file:2: no instruction: one of instruction, prompt"):
        list(instructions.read_instructions(path))
    path.write_text('{"instruction": "a", "output": "b"}\n{"instr\n')
    with pytest.raises(ValueError, match=r"file:2: no JSON"):
        list(instructions.read_instructions(path))


def test_general_distillation_reads_all_files(data_dir):
    with pytest.raises(FileNotFoundError, match=r"instructions holds no \.json"):
        read("general_distillation")
    folder = data_dir / "instructions"
    folder.mkdir()
    items = [{"instruction": f"Say {i}", "output": f"wine {i}"} for i in range(300)]
    (folder / "a.json").write_text(json.dumps(items[:100]))
    (folder / "b.jsonl").write_text("\n".join(json.dumps(item) for item in items[100:]))
    train, held_out = read("general_distillation"), read("general_distillation", "validation")
    assert len(train) + len(held_out) == 300
    assert 0 < len(held_out) < 15


def test_the_real_instructions_are_read(real_data):
    paths = sorted((real_data / "instructions").iterdir())
    counts = [len(list(instructions.read_instructions(path))) for path in paths]
    assert counts[0] == 1100
    assert counts[1] >= 175


@pytest.mark.parametrize("name", ["tsa_rest14", "asa_rest16", "tsa_laptop14", "asa_laptop16"])
def test_instructabsa_asks_with_definition_and_examples(data_dir, benchmark_writer, name):
    folder = {"tsa": "atsa", "asa": "acsa"}[name[:3]] + "/" + name[4:]
    aspect = {
        "from": "0",
        "to": "3",
        "target": "Bar",
        "category": "FOOD#QUALITY" if "rest" in name else "OS#GENERAL",
        "polarity": "positive",
    }
    benchmark_writer(
        data_dir, folder, train=[{"ID": "1", "sentence": "Bar .", "aspects": [aspect]}]
    )
    task = seqio.get_mixture_or_task(f"instructabsa_{name}")
    (example,) = task.get_dataset(split="train", shuffle=False).as_numpy_iterator()
    text = example["inputs_pretokenized"].decode()
    assert text.startswith("Definition: ")
    assert text.endswith("Now complete the following example - Input: Bar . Output:")
    assert text.count("Positive Example") == 6
    row = task.postprocess_fn(example["targets_pretokenized"].decode(), example=example)
    assert row["task"] == f"instructabsa_{name}"
    assert row["reason"] == ""


@pytest.mark.parametrize("name", ["tsa_restaurant", "tsa_laptop", "asa_restaurant", "asa_laptop"])
def test_tk_instruct_reads_the_prompt_as_its_own_tokenizer_writes_it(vocabulary_file, name):
    """T5's tokenizer has no newline: it reads `\\n` as a blank, and never emits the added piece."""
    plain = sentencepiece.SentencePieceProcessor(model_file=str(vocabulary_file))
    kind_name, domain = name.split("_")
    for sentence in ("The bar was fine .", "Two\nlines  and  blanks ."):
        text = instructions.instruction_input(sentence, kind_name, domain)
        ids = get_vocabulary(str(vocabulary_file)).encode(text)
        lines = re.sub(" (Positive Example|Now|Input:|Output:)", r"\n\n\1", text)
        assert lines.count("\n") > 40
        assert ids == plain.encode(lines)
        assert max(ids) < plain.get_piece_size()


def test_the_examples_of_instructabsa_are_in_the_form_they_teach():
    from fsa_jax.opinions.categories import SPACES
    from fsa_jax.opinions.units import ASA, TSA, parse

    for name, examples in instructions._EXAMPLES.items():
        kind_name, domain = name.split("_")
        for text, answer in examples:
            units, junk = parse(answer, {"tsa": TSA, "asa": ASA}[kind_name], text)
            assert junk == []
            if kind_name == "tsa":
                assert all(unit["start"] is not None for unit in units)
            else:
                assert all(unit["category"] in SPACES[domain] for unit in units)
