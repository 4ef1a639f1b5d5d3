"""Tables and the command that comes next."""

from generation.commands import printing


def test_whole_numbers_get_separators_and_all_columns_are_there(capsys):
    printing.table("reviews", ["what", "number"], [["yelp", 6990280], ["share", 0.5]])
    out = capsys.readouterr().out
    assert "6,990,280" in out
    assert "0.5" in out
    assert all(word in out for word in ("reviews", "what", "number", "yelp"))


def test_the_next_command_stands_on_its_line(capsys):
    printing.next_step("fsa corpus build ledgers --output-dir data")
    assert capsys.readouterr().out == "next: fsa corpus build ledgers --output-dir data\n"
