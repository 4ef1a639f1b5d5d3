import json
import os
import pathlib
import subprocess
import sys
import unicodedata

import pytest
import seqio
import typer
from typer.testing import CliRunner

from fsa_jax.cli import benchmark
from fsa_jax.opinions.scoring.rows import prediction_row
from fsa_jax.opinions.units import TSA
from tasks import user_data

ROOT = pathlib.Path(benchmark.__file__).parent.parent
TEXT = "The wine list is great ."
GOLD = [{"target": "wine list", "polarity": "positive", "start": 4, "end": 13}]


def run(*arguments):
    result = CliRunner().invoke(benchmark.benchmark, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def run_score(*arguments):
    app = typer.Typer()
    app.command()(benchmark.score)
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "train.json"
    aspects = [
        {"from": "5", "to": "14", "target": "wine list", "category": "A#B", "polarity": "positive"},
        {"from": "4", "to": "8", "target": "wine", "category": "A#B", "polarity": "good"},
    ]
    item = {"ID": "1", "sentence": TEXT, "aspects": aspects}
    path.write_text(json.dumps([item, item | {"ID": "2", "aspects": []}], indent=0))
    return path


def test_validate_names_lines_and_fails_on_faults(file):
    result = run("validate", file)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].startswith(f"{file}:2: [1] target offsets 5-14 do not hold 'wine list'")
    assert lines[0].endswith("(can be repaired)")
    assert "unknown polarity 'good'" in lines[1]
    assert lines[2] == (
        f"{file}: 2 sentences, 1 fault (1 opinion left out), 1 that can be repaired"
    )
    result = run("validate", file, "--polarities", "positive,good", "--categories", "a b")
    assert result.exit_code == 0
    assert run("validate", file, "--polarities", "positive,good", "--strict").exit_code == 1
    result = run("validate", file, "--polarities", "positive,good", "--categories", "restaurant")
    assert "category 'A#B' is outside the space of 12" in result.stdout


def test_validate_checks_all_files_though_one_cannot_be_read(file, tmp_path):
    (tmp_path / "empty.json").write_text("\n")
    (tmp_path / "latin.json").write_bytes(b'[\n{"sentence": "caf\xe9"}]')
    result = run("validate", tmp_path / "empty.json", tmp_path / "latin.json", tmp_path, file)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0] == f"{tmp_path / 'empty.json'} is empty"
    assert lines[1].startswith(f"{tmp_path / 'latin.json'}:2: byte 0xe9 is not UTF-8; save ")
    assert lines[2] == f"{tmp_path} is no file"
    assert lines[-1].startswith(f"{file}: 2 sentences")


def test_validate_tells_what_cannot_be_read_from_what_has_faults(file, tmp_path):
    good, empty, unknown = (tmp_path / name for name in ("good.jsonl", "empty", "unknown"))
    good.write_text('{"id": "1", "text": "Fine .", "opinions": []}\n')
    empty.write_text("")
    unknown.write_text("nothing that anybody knows\n")
    assert run("validate", good).exit_code == 0
    for unread in (empty, unknown, tmp_path / "nowhere"):
        assert run("validate", unread).exit_code == run("validate", good, unread).exit_code == 2
        assert run("validate", unread, file).exit_code == 1


QUIET = "from fsa_jax.cli.main import fsa_main; fsa_main()"


def test_register_says_no_more_than_its_error(tmp_path):
    bad = tmp_path / "bad.txt"
    bad.write_text('{"target": "a"')
    environment = os.environ | {"PYTHONPATH": str(ROOT), "FSA_DATA_DIR": str(tmp_path)}
    command = ["benchmark", "register", "mine", "--kind", "tsa", "--train", str(bad)]
    done = subprocess.run(
        [sys.executable, "-c", QUIET, *command], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {bad}:1: ")
    assert done.stderr.count("\n") == 1


def test_convert_writes_the_opinions_form(file, tmp_path):
    output = tmp_path / "out" / "all.jsonl"
    with pytest.raises(ValueError, match=r"train.json:2: \[1\] unknown polarity 'good'"):
        run("convert", file, "--output", output)
    assert not output.exists()
    result = run("convert", file, "--output", output, "--polarities", "positive,good")
    assert result.stdout == f"2 sentences written to {output}\n"
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert rows[0]["opinions"][0]["start"] == 4
    with pytest.raises(FileExistsError, match="use --overwrite"):
        run("convert", file, "--output", output, "--polarities", "positive,good")
    again = run(
        "convert", output, "--output", output, "--overwrite", "--polarities", "good,positive"
    )
    assert again.exit_code == 0
    assert [json.loads(line) for line in output.read_text().splitlines()] == rows
    assert [path.name for path in output.parent.iterdir()] == ["all.jsonl"]


def test_stats_print_table_2(file, real_data, monkeypatch):
    monkeypatch.setenv("FSA_DATA_DIR", str(real_data))
    lines = [line.split("│") for line in run("stats").stdout.splitlines() if "│" in line]
    rows = {
        (cells[1].strip(), cells[2].strip()): [c.strip() for c in cells[3:8]] for cells in lines
    }
    assert rows["TSA-Rest14", "Train"] == ["2432", "2972", "-", "-", "277"]
    assert rows["ASA-Rest16", "Test"] == ["676", "623", "751", "199", "42"]
    assert rows["Laptop-Hard", "Test"] == ["237", "290", "382", "212", "59"]
    assert rows["ASA-Laptop16", "1045"] == ["1183", "462", "706", "94", "222"]


def test_stats_of_files(file):
    (line,) = [
        line
        for line in run("stats", file, "--polarities", "positive,good").stdout.splitlines()
        if "train.json" in line
    ]
    assert [cell.strip() for cell in line.split("│")[2:7]] == ["2", "2", "2", "-", "1"]


def test_register_makes_a_task(file, data_dir):
    result = run(
        "register", "by_command", "--kind", "tsa", "--train", file, "--polarities", "positive,good"
    )
    assert "task by_command (train 2) registered" in result.stdout
    assert (data_dir / "benchmarks" / "by_command.json").exists()
    with pytest.raises(ValueError, match="unknown polarity 'good'"):
        run("register", "other", "--kind", "tsa", "--train", file)
    assert not (data_dir / "benchmarks" / "other.json").exists()


def test_a_task_is_read_in_the_encoding_it_was_registered_with(tmp_path, data_dir):
    path = tmp_path / "latin.csv"
    path.write_bytes("text,span,label,ordinal\nThe café .,café,positive,1\n".encode("cp1252"))
    for command in (["stats", path], ["register", "latin", "--kind", "tsa", "--train", path]):
        with pytest.raises(ValueError, match=r"latin.csv:2: byte 0xe9 is not UTF-8"):
            run(*command)
        assert run(*command, "--encoding", "cp1252").exit_code == 0
    spec = user_data.load_spec(data_dir / "benchmarks" / "latin.json")
    assert [row["targets"] for row in spec.read("train")] == ["café | positive"]
    name = user_data.user_benchmark("latin_by_gin", "tsa", train=str(path), encoding="cp1252")
    assert seqio.get_mixture_or_task(name).num_input_examples("train") == 1


def test_a_label_is_the_same_however_its_accents_are_composed(tmp_path, data_dir):
    path = tmp_path / "labels.csv"
    rows = "text,span,label,ordinal\nThe bar .,bar,{},1\n"
    for index, (of_file, of_option) in enumerate([("NFC", "NFD"), ("NFD", "NFC")]):
        path.write_text(rows.format(unicodedata.normalize(of_file, "négatif")), encoding="utf-8")
        name, label = f"labels_{index}", unicodedata.normalize(of_option, "négatif")
        run("register", name, "--kind", "tsa", "--train", path, "--polarities", f"{label},positif")
        spec = user_data.load_spec(data_dir / "benchmarks" / f"{name}.json")
        (row,) = spec.read("train")
        assert row["targets"] == "bar | négatif"


def test_analyses_report_what_they_cannot_read(tmp_path):
    path = tmp_path / "ledger.jsonl"
    rows = ["I slept well .", "Opinion Target 1: bar\nSentiment: Mild", "I liked it ."]
    prompts = ["rw", "anl", "anl"]
    path.write_text(
        "\n".join(
            json.dumps({"prompt": prompt, "status": "ok", "response": row})
            for prompt, row in zip(prompts, rows, strict=True)
        )
    )
    out = run("analyses", path).stdout
    assert "2 texts, 1 blocks (0 with all four parts), 1 texts without a block" in out
    assert "lines: 3\n" in out
    with pytest.raises(ValueError, match=r"ledger.jsonl:1: no JSON object with 'answer'"):
        run("analyses", path, "--field", "answer")


def test_the_registry_keeps_its_names(file, data_dir):
    with pytest.raises(FileExistsError, match="tsa_rest14 is a task of the project"):
        run(
            "register",
            "tsa_rest14",
            "--kind",
            "tsa",
            "--train",
            file,
            "--polarities",
            "positive,good",
        )


LIGHT = """
import sys
import fsa_jax.cli.benchmark, fsa_jax.opinions.console, fsa_jax.opinions.readers
assert not {"seqio", "tensorflow", "jax"} & set(sys.modules)
"""


def test_commands_that_read_files_load_no_tensorflow():
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", LIGHT], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def predictions(tmp_path):
    outputs = ["wine list | positive", "wine list | negative", "", "junk"]
    for seed in (0, 1):
        rows = [
            prediction_row(
                "tsa_rest14", TSA, output, GOLD, TEXT, id=str(i), implicit=i % 2, multiple=1, hard=0
            )
            for i, output in enumerate(outputs[seed:] + outputs[:seed])
        ]
        path = tmp_path / f"seed{seed}.jsonl"
        path.write_text("\n".join(json.dumps(row) for row in rows))
    return tmp_path


def test_score_prints_and_writes_all_scores(predictions, tmp_path):
    scores, misses = tmp_path / "out" / "scores.json", tmp_path / "out" / "misses.jsonl"
    result = run_score(
        predictions, "--by", "polarity,implicit,multiple,hard,original", "--output", scores,
        "--misses", misses,
    )  # fmt: skip
    assert result.exit_code == 0
    assert "tsa_rest14" in result.stdout
    (rows,) = json.loads(scores.read_text()).values()
    assert [row["group"] for row in rows] == [
        "all",
        "negative",
        "positive",
        "implicit",
        "multiple",
        "hard",
        "original",
    ]
    # One of two predicted units right, one of four gold units found.
    assert rows[0]["f1"] == pytest.approx(100 * 2 * 0.5 * 0.25 / 0.75)
    assert rows[0]["seeds"] == 2
    assert rows[0]["f1_std"] == 0
    reasons = [json.loads(line)["reason"] for line in misses.read_text().splitlines()]
    assert len(reasons) == 6
    assert all(reasons)


def test_score_compares_two_systems(predictions):
    result = run_score(predictions / "seed0.jsonl", "--against", predictions / "seed1.jsonl")
    (line,) = [line for line in result.stdout.splitlines() if " F1 " in line and "+0.00" in line][
        :1
    ]
    cells = [cell.strip() for cell in line.split("│")[1:-1]]
    assert cells == ["tsa_rest14", "F1", "33.33", "33.33", "+0.00", "1.0000"]


def test_score_refuses_what_it_does_not_know(predictions):
    with pytest.raises(ValueError, match="--by length: one of polarity"):
        run_score(predictions, "--by", "length")
    with pytest.raises(ValueError, match="--kind x: one of tsa"):
        run_score(predictions, "--kind", "x")
    (predictions / "seed1.jsonl").write_text("{")
    with pytest.raises(ValueError, match=r"seed1.jsonl:1: no prediction row"):
        run_score(predictions, "--misses", predictions / "misses.jsonl")
    assert not (predictions / "misses.jsonl").exists()
