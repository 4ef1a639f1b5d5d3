"""The sample benchmark has the published format with its quirks."""

import json

from generation.world.fsa_json import DATASETS, SIZES


def items(world, task, dataset, split):
    path = world / "fsa" / task / dataset / f"{split}.json"
    assert path.read_bytes().startswith(b"\xef\xbb\xbf[")
    return json.loads(path.read_text("utf-8-sig"))


def test_benchmark_has_the_published_format(world):
    for task, dataset in DATASETS:
        for split, size in SIZES.items():
            rows = items(world, task, dataset, split)
            assert len(rows) == size
            assert len({row["ID"] for row in rows}) == size
            for row in rows:
                for aspect in row["aspects"]:
                    check_aspect(row, aspect, task, dataset, split)


def check_aspect(row, aspect, task, dataset, split):
    hard = split == "hard_test"
    start, end, target = aspect["from"], aspect["to"], aspect["target"]
    if target not in (None, "NULL"):
        assert type(start) is (int if hard else str)
        assert row["sentence"][int(start) : int(end)] == target
    elif target == "NULL":
        assert (task, dataset, start, end) == ("acsa", "rest16", "0", "0")
    else:
        assert (start, end) == (None, None)
    assert (aspect["category"] is None) == (task == "atsa" and not hard)
    polarities = {"positive", "negative", "neutral"}
    assert aspect["polarity"] in polarities | ({"conflict"} if dataset.endswith("14") else set())
    if split in ("train", "dev"):
        assert "opinion_words" not in aspect
    elif task == "atsa" and not hard:
        assert aspect["opinion_words"] is None or aspect["opinion_words"]
    else:
        for span in aspect["opinion_words"]:
            assert row["sentence"][span["from"] : span["to"]] == span["opinion"]


def test_hard_samples_are_hard_and_shared(world):
    for domain in ("rest", "laptop"):
        rows = items(world, "atsa", f"{domain}14", "hard_test")
        assert rows == items(world, "acsa", f"{domain}16", "hard_test")
        for row in rows:
            implicit = any(not aspect["opinion_words"] for aspect in row["aspects"])
            assert implicit or len({aspect["polarity"] for aspect in row["aspects"]}) > 1
    test = items(world, "acsa", "rest16", "test")
    implicit = sum(any(not a["opinion_words"] for a in row["aspects"]) for row in test)
    multiple = sum(len({a["polarity"] for a in row["aspects"]}) > 1 for row in test)
    assert implicit > 20
    assert multiple > 15
    assert any(not row["aspects"] for row in test)
