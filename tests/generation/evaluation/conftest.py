import pytest
import typer.testing

from generation import commands, foreground
from generation.teachers.factory import Choice

CLI = typer.testing.CliRunner()


@pytest.fixture
def folders(write_reviews, options):
    """Lets the lexicon answer 30 reviews under two names; returns the folders."""
    reviews = write_reviews(30)
    found = []
    for teacher in ("good", "bad"):
        task = options(reviews, teacher)
        foreground.generate(Choice(teacher, "lexicon"), task, quiet=True)
        found.append(task.folder)
    return found


@pytest.fixture
def tasks(folders, tmp_path):
    """Exports 5 reviews of each domain; returns the path of the tasks."""
    output = tmp_path / "tasks.json"
    command = ["export", *map(str, folders), "--output", str(output), "--count", "5"]
    result = CLI.invoke(commands.humaneval, command)
    assert result.exit_code == 0, result.output
    return output
