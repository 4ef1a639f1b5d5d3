"""Made-up instructions have right answers."""

import collections
import json

from generation.world.instructions import COUNT, write_instructions


def test_answers_are_right_and_bytes_repeat(tmp_path):
    path = tmp_path / "instructions.jsonl"
    assert write_instructions(path, seed=3) == COUNT
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    by_kind = collections.defaultdict(list)
    for row in rows:
        by_kind[row["instruction"]].append((row["input"], row["output"]))
    assert len(rows) == COUNT
    assert len(by_kind) == 6
    assert all(text == said for text, said in by_kind["Repeat the sentence."])
    assert all(
        said == text.lower() for text, said in by_kind["Write the sentence in small letters."]
    )
    for text, said in by_kind["How many words has the sentence?"]:
        assert int(said) == len(text.split()) > 1
    for text, said in by_kind["Write the last word of the sentence."]:
        assert said
        assert said in text.split()[-1]
    write_instructions(tmp_path / "again.jsonl", seed=3)
    assert (tmp_path / "again.jsonl").read_bytes() == path.read_bytes()
    write_instructions(tmp_path / "other.jsonl", seed=4, count=5)
    assert not path.read_bytes().startswith((tmp_path / "other.jsonl").read_bytes())
