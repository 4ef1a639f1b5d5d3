import pytest
from reader_files import FILES, TEXT, write

from fsa_jax.opinions.readers import FORMATS, read_file


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("bom", ["", "\ufeff"], ids=["plain", "bom"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_every_format_gives_the_same_opinion(tmp_path, form, bom, ends):
    path = write(tmp_path / "file", (bom + FILES[form] + "\n").replace("\n", ends))
    (sentence,), problems = read_file(path)
    assert problems == []
    assert sentence.text == TEXT
    (opinion,) = sentence.opinions
    assert (opinion.target, opinion.start, opinion.end, opinion.polarity) == (
        "wine list",
        4,
        13,
        "positive",
    )
    if form in ("asqp", "acos"):
        assert (opinion.opinion, opinion.opinion_start, opinion.opinion_end) == ("great", 17, 22)
        assert sentence.implicit is False
    else:
        assert sentence.implicit is None


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_of_another_format_is_recognised(tmp_path, form):
    path = write(tmp_path / "file", FILES[form])
    other = next(name for name in FORMATS if name != form)
    with pytest.raises(ValueError, match=f"does not look like {other}, but like {form}"):
        read_file(path, other)


@pytest.mark.parametrize("form", FORMATS)
def test_an_empty_file_is_said_to_be_empty(tmp_path, form):
    with pytest.raises(ValueError, match="file is empty"):
        read_file(write(tmp_path / "file", "\ufeff \n"), form)


def test_what_is_no_benchmark_lists_the_formats(tmp_path):
    with pytest.raises(ValueError, match=r":1: .* begins none of the known formats: fsa, opinions"):
        read_file(write(tmp_path / "file", "hello\nworld\n"))
    with pytest.raises(FileNotFoundError, match="nothing does not exist"):
        read_file(tmp_path / "nothing")
    with pytest.raises(ValueError, match=r"1: byte 0x.. is not UTF-8"):
        read_file(write(tmp_path / "latin", "\xe9", "latin-1"))
    with pytest.raises(ValueError, match="unknown format 'xyz': one of fsa"):
        read_file(write(tmp_path / "f", FILES["fsa"]), "xyz")


def test_the_real_files_are_free_of_faults(real_data):
    repaired = {}
    for path in sorted((real_data / "fsa").glob("*/*/*.json")):
        _, problems = read_file(path)
        assert not [p for p in problems if p.is_fault], path
        repaired[f"{path.parent.name}/{path.stem}"] = len(problems)
    # 88 + 15 wrong offsets, and one target that ends with a no-break space.
    assert (repaired["laptop14/train"], repaired["laptop14/dev"]) == (89, 15)
    assert sum(repaired.values()) == 105
    for path in [*(real_data / "asqp").glob("*/*"), *(real_data / "acos").glob("*/*")]:
        assert not [p for p in read_file(path)[1] if p.is_fault], path
