"""What the documents say is so: their code runs, their formats are the code's, links lead on."""

import ast
import contextlib
import dataclasses
import importlib
import io
import json
import pathlib
import re
import runpy
import shlex
import sys

import numpy as np
import pytest
from documents import DOCUMENTS, PAGES, README, ROOT, blocks

from fsa_jax.opinions import readers
from fsa_jax.opinions.corpus import TEACHERS
from fsa_jax.opinions.readers import opinions_jsonl
from fsa_jax.opinions.scoring.predictions import read_predictions
from fsa_jax.opinions.scoring.rows import prediction_row
from fsa_jax.opinions.sentences import Labels, Log
from fsa_jax.opinions.units import TSA
from fsa_jax.runtime import exits, process
from fsa_jax.runtime.run_directory import RunDirectory, Status
from generation.judge.scores import Scored, read_scores
from generation.records import LedgerRow, Review
from generation.run_folder import RunFolder

CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
FORMATS = (ROOT / "docs" / "formats.md").read_text("utf-8")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text("utf-8")


def section(text: str, title: str) -> str:
    """The part of a document under a second-level heading."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    assert found, f"no section {title!r}"
    return found[1]


def samples(title: str) -> list[dict]:
    return [json.loads(block) for block in blocks(section(FORMATS, title), "json")]


def names(dataclass: type) -> list[str]:
    return [field.name for field in dataclasses.fields(dataclass)]


# ---------------------------------------------------------------------- pages


def links(path: pathlib.Path) -> list[str]:
    """The paths that a document links to."""
    found = re.findall(r"\]\(([^)#]+)", path.read_text("utf-8"))
    return [link for link in found if "://" not in link]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_to_files(path):
    assert [link for link in links(path) if not (path.parent / link).exists()] == []


def test_the_readme_leads_to_each_page_and_is_short():
    linked = {(ROOT / link).resolve() for link in links(README)}
    reached = linked | {ROOT / "docs" / "index.md"}  # the site's own front page
    made_for_the_site = {path for path in PAGES if "reference" in path.parts}
    assert set(DOCUMENTS) - made_for_the_site - reached == {README}
    assert len(README.read_text("utf-8").splitlines()) < 80


def test_each_folder_and_wing_stands_in_the_table_and_the_drawing():
    drawing = (ROOT / "docs" / "architecture.svg").read_text("utf-8")
    wings = sorted(path.parent.name for path in (ROOT / "fsa_jax").glob("*/__init__.py"))
    assert len(wings) > 8
    for wing in wings:
        assert f"| `fsa_jax/{wing}/` |" in ARCHITECTURE, wing
        assert f">{wing}</text>" in drawing, wing
    for folder in ("tasks", "generation"):
        assert f"| `{folder}/` |" in ARCHITECTURE
        assert f">{folder}/</text>" in drawing


def test_table_and_drawing_have_the_floors_in_their_order():
    floors = runpy.run_path(str(ROOT / "tests" / "test_borders.py"))["FLOORS"]
    level = {wing: number for number, floor in enumerate(floors) for wing in floor}
    rows = [level[wing] for wing in re.findall(r"^\| `fsa_jax/(\w+)/`", ARCHITECTURE, re.MULTILINE)]
    assert rows == sorted(rows)
    drawing = (ROOT / "docs" / "architecture.svg").read_text("utf-8")
    drawn = re.findall(r' y="(\d+)" font-weight="bold"[^>]*>(\w+)</text>', drawing)
    heights = {wing: -int(y) for y, wing in drawn}
    assert heights.keys() == level.keys()
    for lower in level:
        for upper in level:
            assert (level[lower] < level[upper]) == (heights[lower] < heights[upper])


def test_the_five_files_say_what_they_may_know():
    files = re.findall(r"^\d\. \[`([^`]+\.py)`\]", ARCHITECTURE, re.MULTILINE)
    assert len(files) == 5
    for path in files:
        docstring = ast.get_docstring(ast.parse((ROOT / path).read_text("utf-8")))
        assert "knows " in docstring.lower(), path


def test_words_are_defined_once():
    text = (ROOT / "docs" / "glossary.md").read_text("utf-8")
    words = [word.split(" (")[0] for word in re.findall(r"^- \*\*([^*]+)\*\*", text, re.MULTILINE)]
    assert len(words) > 40
    assert len(words) == len(set(words))


# ---------------------------------------------------------------------- formats


@pytest.mark.parametrize(("title", "kind"), [("Review", Review), ("Ledger row", LedgerRow)])
def test_samples_of_records_have_their_fields_and_are_read(title, kind):
    (sample,) = samples(title)
    assert list(sample) == names(kind)
    assert json.loads(kind.from_json(sample).to_json()) == sample
    table = re.findall(r"^\| (`.*?) \|", section(FORMATS, title), re.MULTILINE)
    assert re.findall(r"`(\w+)`", " ".join(table)) == names(kind)


def test_the_sample_sentence_is_read_as_it_stands():
    (sample,) = samples("Opinions")
    log = Log(Labels())
    (sentence,) = opinions_jsonl.read(json.dumps(sample), log)
    assert sentence.as_dict() == sample
    assert log.problems == []


def test_the_sample_prediction_is_what_the_scorer_makes_of_it(tmp_path):
    (sample,) = samples("Predictions")
    about = {name: sample[name] for name in ("id", "implicit", "multiple", "hard")}
    made = prediction_row(
        "tsa_rest14_p10", TSA, sample["raw"], sample["gold"], sample["text"], **about
    )
    assert made == sample
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(sample) + "\n")
    ((row, kind),) = read_predictions(path)
    assert (row["matches"], kind.name) == ([[0, 1]], "tsa")
    table = " ".join(re.findall(r"^\| (.*?) \|$", section(FORMATS, "Predictions"), re.MULTILINE))
    assert set(sample) <= set(re.findall(r"`(\w+)`", table))


def test_the_sample_of_an_llms_scores_is_read(tmp_path):
    (sample,) = samples("Scores of an LLM judge")
    assert list(sample) == names(Scored)
    path = tmp_path / "llm-scores.jsonl"
    path.write_text(json.dumps(sample) + "\n")
    assert [dataclasses.asdict(each) for each in read_scores(path)] == [sample]
    table = re.findall(r"^\| (`.*?) \|", section(FORMATS, "Scores of an LLM judge"), re.MULTILINE)
    assert re.findall(r"`(\w+)`", " ".join(table)) == names(Scored)


def test_a_generation_folder_holds_what_is_said(tmp_path, run_parrot):
    run_parrot()
    folder = RunFolder(tmp_path / "ledgers")
    facts, summary = samples("Generation folder")
    assert folder.facts().keys() == facts.keys()
    assert folder.facts()["spec"].keys() == facts["spec"].keys()
    shard = folder.shard(0, 1)
    assert shard.read_summary().keys() == summary.keys()
    tree = blocks(section(FORMATS, "Generation folder"), "")[0]
    for path in (shard.ledger, shard.summary, folder.path / "run.json"):
        assert path.exists()
        assert f"  {path.name} " in tree


def test_a_manifest_of_a_corpus_holds_what_is_said(tmp_path, run_parrot, vocabulary_file):
    from generation.corpus import build, from_ledgers

    run_parrot()
    settings = build.Settings(tmp_path / "data", vocabulary=vocabulary_file)
    reader = from_ledgers.LedgerReader([tmp_path / "ledgers"])
    from_ledgers.build_from_ledgers(reader, settings)
    folder = tmp_path / "data" / "understanding" / "parrot_rw_restaurant" / "1.0.0"
    (sample,) = samples("Corpus")
    assert json.loads((folder / "manifest.json").read_text()).keys() == sample.keys()
    tree = blocks(section(FORMATS, "Corpus"), "")[0]
    for path in folder.iterdir():
        assert re.search(rf"\b{re.escape(path.name)}\b", tree), path.name


def test_exit_codes_are_those_of_the_code():
    table = re.findall(r"^\| (\d) \| `(\w+)` \|", section(FORMATS, "Exit codes"), re.MULTILINE)
    assert len(table) == 4
    assert {name: getattr(exits, name) for _, name in table} == {n: int(c) for c, n in table}


def test_columns_of_the_results_store_are_those_of_the_code():
    from fsa_jax.experiments.store import Result

    columns = section(FORMATS, "Results store").partition("columns are")[2]
    assert re.findall(r"`(\w+)`", columns) == names(Result)


def test_registered_names_are_registered():
    import seqio

    import tasks  # noqa: F401 (registers them)

    cells = re.findall(r"^\| (`.*?) \|", section(FORMATS, "Registered names"), re.MULTILINE)
    listed = re.findall(r"`(\w+)`", " ".join(cells))
    assert len(listed) > 10
    known = {*seqio.TaskRegistry.names(), *seqio.MixtureRegistry.names()}
    assert set(listed) - known == set()
    assert f"Teachers are `{' '.join(TEACHERS)}`" in (ROOT / "tasks" / "README.md").read_text(
        "utf-8"
    )


# ---------------------------------------------------------------------- how to add


@pytest.fixture
def shown(tmp_path, monkeypatch):
    """``shown(heading, name)`` writes a module or gin file as shown, where Python finds it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    written = []

    def write(heading: str, name: str) -> pathlib.Path:
        every = blocks(section(CONTRIBUTING, heading), "[a-z]*")
        (block,) = [block for block in every if block.startswith(f"# {name}\n")]
        written.append(name.removesuffix(".py"))
        path = tmp_path / name
        path.write_text(block, encoding="utf-8")
        importlib.invalidate_caches()
        return path

    yield write
    for name in written:
        sys.modules.pop(name, None)


def run_last(heading: str) -> str:
    """Runs the last Python block under a heading, and returns what it prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(blocks(section(CONTRIBUTING, heading), "python")[-1], heading, "exec"), {})
    return printed.getvalue()


@pytest.fixture
def run_parrot(shown, tmp_path):
    """Runs the example of a teacher over three reviews."""

    def run() -> str:
        rows = [
            Review(f"r{i}", "restaurant", 4.0, f"The soup was hot {i}.", "test") for i in range(3)
        ]
        (tmp_path / "reviews.jsonl").write_text("".join(row.to_json() + "\n" for row in rows))
        shown("How to add a teacher", "my_teacher.py")
        return run_last("How to add a teacher")

    return run


def test_the_teacher_shown_teaches(tmp_path, run_parrot):
    assert run_parrot() == "{'ok': 3}\n"
    lines = (tmp_path / "ledgers" / "ledger-00000-of-00001.jsonl").read_text().splitlines()
    row = LedgerRow.from_json(json.loads(lines[0]))
    assert (row.teacher, row.response) == ("parrot", "Truly, The soup was hot 0.")


def test_the_command_shown_for_a_teacher_is_understood(tmp_path, monkeypatch, run_parrot):
    import typer.testing

    from fsa_jax.cli.main import fsa

    run_parrot()
    monkeypatch.setenv("FSA_DATA_DIR", str(tmp_path))
    block = blocks(section(CONTRIBUTING, "How to add a teacher"), "sh")[0]
    first = block.replace("\\\n", " ").replace("$FSA_DATA_DIR", str(tmp_path)).splitlines()[0]
    program, *words = shlex.split(first)
    result = typer.testing.CliRunner().invoke(fsa, [*words, "--dry-run"])
    assert (program, result.exit_code) == ("fsa", 0), result.output
    assert "mine: my-model by openai:http://localhost:8000/v1" in result.output


def test_the_reader_shown_reads(tmp_path, monkeypatch, shown):
    monkeypatch.setattr(readers, "FORMATS", dict(readers.FORMATS))
    text = "The soup was hot\tsoup\tpositive\nno tabs\nBad wine\twine\tbad\n"
    (tmp_path / "triples.txt").write_text(text)
    shown("How to add a reader", "my_reader.py")
    printed = run_last("How to add a reader")
    assert printed.startswith("1 sentences; 2: 1 fields; sentence, target and polarity")
    assert "3: unknown polarity 'bad'" in printed
    (sentence,) = readers.read_file(tmp_path / "triples.txt")[0]
    assert (sentence.opinions[0].start, sentence.opinions[0].end) == (4, 8)


def test_the_optimizer_hook_and_size_shown_train(
    tmp_path, monkeypatch, shown, data_dir, corpus_writer
):
    import gin

    from fsa_jax.cli.main import t5x

    for domain in ("restaurant", "laptop"):
        rows = [(f"r{i}", f"The wine list {i}", "great wine") for i in range(24)]
        corpus_writer(data_dir, "lexicon", "anl", domain, {"train": rows, "validation": rows[:4]})
    heading = "How to add an optimizer, a hook, a size"
    shown(heading, "mine.py")
    shown(heading, "mini.gin")
    shown(heading, "mine.gin")
    # As in a folder where somebody has trained before, with PYTHONPATH=.
    (tmp_path / "runs").mkdir()
    command = blocks(section(CONTRIBUTING, heading), "sh")[0].replace(
        "TRAIN_STEPS=1000", "TRAIN_STEPS=4"
    )
    variable, program, *words = shlex.split(command)
    assert (variable, program) == ("PYTHONPATH=.", "t5x")
    small = ["--gin.BATCH_SIZE=8", "--gin.TASK_FEATURE_LENGTHS={'inputs': 16, 'targets': 16}"]
    small += ["--gin.VOCAB_SIZE=512", "--gin.LOG_PERIOD=2"]
    # This process is set up already, for all tests.
    monkeypatch.setattr(process, "set_up", lambda: None)
    gin.clear_config()
    t5x([*words, *small], standalone_mode=False)
    gin.clear_config()

    run = RunDirectory("runs/mine")
    assert run.status() == Status("finished", 4, 4)
    manifest = run.manifest()
    sizes = ("emb_dim", "mlp_dim", "num_encoder_layers", "num_decoder_layers")
    assert [manifest["model"][name] for name in sizes] == [64, 192, 1, 1]
    average = np.load(run.path / "average_4.npz")
    assert average["decoder/layers_0/mlp/wi/kernel"].shape == (64, 192)
    assert all(np.isfinite(average[name]).all() for name in average.files)
    state = json.loads((run.path / "checkpoint_4" / "state" / "_METADATA").read_text())
    assert "('state', 'param_states', 'lion', 'count')" in state["tree_metadata"]

    # The page on formats tells of these very files.
    status, manifest_shown, row = samples("Run directory")
    assert list(status) == names(Status)
    assert manifest.keys() == manifest_shown.keys()
    assert manifest["model"].keys() == manifest_shown["model"].keys()
    assert run.training_rows()[0].keys() == row.keys()
    tree = blocks(section(FORMATS, "Run directory"), "")[0]
    for path in run.path.iterdir():
        assert path.name.startswith("average") or re.sub(r"_\d+$", "_<step>", path.name) in tree
