"""The commands of the how-to pages, in their order, make both domains of the corpus."""

import gzip
import io
import json
import shlex
import tarfile
from pathlib import Path

import typer.testing
from documents import DOCS, command_lines

from fsa_jax.cli.main import fsa

# How the lines begin that make a corpus of the dumps, in the pages where they stand.
LINES = {
    "reviews": ("fsa reviews collect yelp", "fsa reviews collect Electronics", "mkdir -p"),
    "generate": ("fsa generate --teacher gpt35", "fsa generate --teacher mixtral_8x7b"),
    "corpus": ("fsa corpus build", "fsa corpus stats"),
}
WORDS = [
    "the",
    "screen",
    "and",
    "soup",
    "were",
    "good",
    "we",
    "liked",
    "it",
    "here",
    "very",
    "much",
]


def lines(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def text(number):
    place = number % len(WORDS)
    return " ".join([*WORDS[place:], *WORDS[:place], f"{number}"])


def write_dumps():
    """Writes small dumps under the names that the pages use, in the current folder."""
    members = {
        "._yelp_academic_dataset_business.json": b"\0\5\x16\7",
        "yelp_academic_dataset_business.json": lines(
            {"business_id": "r", "categories": "Restaurants, Bars"},
            {"business_id": "d", "categories": "Dentists"},
        ),
        "yelp_academic_dataset_review.json": lines(
            *(
                {"review_id": f"y{n}", "business_id": "rd"[n % 2], "stars": 4.0, "text": text(n)}
                for n in range(24)
            )
        ),
    }
    with tarfile.open("yelp_dataset.tar", "w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    reviews = lines(
        *(
            {"rating": n % 5 + 1, "text": text(n), "parent_asin": "LP"[n % 2], "user_id": f"u{n}"}
            for n in range(24)
        )
    )
    products = lines(
        {"parent_asin": "L", "categories": ["Computers &amp; Tablets", "Laptops"]},
        {"parent_asin": "P", "categories": ["Bags"], "main_category": "All Electronics"},
    )
    Path("Electronics.jsonl.gz").write_bytes(gzip.compress(reviews))
    Path("meta_Electronics.jsonl.gz").write_bytes(gzip.compress(products))


def commands():
    """Yields the commands that make a corpus of the dumps, in words."""
    for page, starts in LINES.items():
        lines = [x for x in command_lines(DOCS / "how_to" / f"{page}.md") if x.startswith(starts)]
        assert len(lines) == len(starts)
        yield from map(shlex.split, lines)


def test_both_domains(tmp_path, monkeypatch):
    data = tmp_path / "data"
    monkeypatch.chdir(tmp_path)
    write_dumps()
    for words in commands():
        words = [word.replace("$FSA_DATA_DIR", str(data)) for word in words]
        if words[0] == "mkdir":
            data.mkdir()
            first, second, target = words[-4], words[-3], words[-1]
            Path(target).write_bytes(Path(first).read_bytes() + Path(second).read_bytes())
            continue
        if "--teacher" in words:  # no LLM here
            words[words.index("--teacher") + 1] = "lexicon"
        assert words.pop(0) == "fsa"
        result = typer.testing.CliRunner().invoke(fsa, words)
        assert result.exit_code == 0, (words, result.output, result.exception)
    made = {path.name for path in (data / "understanding").iterdir()}
    assert made - {"README.md"} == {  # the corpora's card
        f"lexicon_{prompt}_{domain}"
        for prompt in ("anl", "rw")
        for domain in ("restaurant", "laptop")
    }
