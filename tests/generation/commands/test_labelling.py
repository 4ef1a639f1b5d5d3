"""What the commands about Label Studio's projects print alike."""

import pytest

from generation.commands import labelling


def test_a_figure_without_an_interval_is_a_dash():
    assert labelling.interval({"alpha": None, "low": None, "high": None}, "alpha") == "-"
    figures = {"share": 0.5, "low": 0.25, "high": 0.75}
    assert labelling.interval(figures, "share", 100) == "50.00 (25.00 to 75.00)"


def test_names_stand_between_commas():
    assert labelling.split(" ann@x.org,, 2 ") == ["ann@x.org", "2"]
    assert labelling.split("") == []


def test_an_existing_key_is_not_replaced_unasked(tmp_path):
    (tmp_path / "t.key.json").write_text("mine")
    with pytest.raises(FileExistsError, match=r"t\.key\.json exists"):
        labelling.new_project(tmp_path / "t.json", overwrite=False)
    assert labelling.new_project(tmp_path / "t.json", overwrite=True).tasks.name == "t.json"
