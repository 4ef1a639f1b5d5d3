"""What all readers share: text of any encoding, JSON with its lines, literals, names."""

import pytest

from fsa_jax.opinions.readers import source


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"\xef\xbb\xbfcaf\xc3\xa9\r\nb\r", "café"),
        ("café".encode("utf-16"), "café"),
    ],
)
def test_text_is_read_with_or_without_bom(tmp_path, content, text):
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    assert source.read_text(path).splitlines()[0] == text


def test_an_encoding_that_is_guessed_is_said_and_one_that_is_told_is_not(tmp_path):
    path, said = tmp_path / "a.txt", []
    path.write_bytes("el café está".encode("cp1252"))
    assert source.read_text(path, "cp1252", said.append) == "el café está"
    assert said == []
    with pytest.raises(ValueError, match=r"a\.txt:"):
        source.read_text(path, "ascii")


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is empty"), (b"\xef\xbb\xbf \n\t", "is empty"), (b"\x1f\x8b\x08\x00rest", "is packed")],
)
def test_files_without_text_are_refused(tmp_path, content, message):
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"a\.txt {message}"):
        source.read_text(path)
    with pytest.raises(FileNotFoundError, match="is no file"):
        source.read_text(tmp_path)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        source.read_text(tmp_path / "b.txt")


def test_names_are_text_or_numbers_and_never_blank():
    assert [source.name_of(value) for value in ("7", 7, 0, "a b")] == ["7", "7", "0", "a b"]
    assert [source.name_of(value) for value in (None, True, 1.5, "", " \t", [], {})] == [""] * 7


def test_literals_of_python_are_read_and_nothing_is_run():
    assert source.literal("[('food', 'positive')]") == [("food", "positive")]
    assert source.literal(r"'\d'") == r"\d"  # an escape that Python does not know
    for text in ("open('x')", "[1, ", "1 +", r"'\ud800'", "(" * 5000):
        assert source.literal(text) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": }', "no JSON: Expecting value at column 7"),
        (r'{"a": "\ud83d"}', "half a character"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_json_that_is_none_says_why(text, message):
    with pytest.raises(ValueError, match=message):
        source.parse_json(text)


def test_whole_characters_of_two_halves_are_read():
    assert source.parse_json(r'"\ud83d\ude00"') == "😀"


def test_items_of_a_list_come_with_their_lines():
    text = '\n[\n {"a":\n 1},\n\n 2, 3 ]\n'
    assert list(source.json_items(text)) == [(3, {"a": 1}), (6, 2), (6, 3)]
    assert list(source.json_items("[]")) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1}', "1: a JSON list is expected"),
        ('[\n1,\n{"a": ', "3: .*truncated"),
        ("[\n1\n2]", "3: the list does not end"),
        ("[1,\n2", "2: the list does not end"),
        ("[1]\n\n[2]", r"3: '\[2\]' stands behind the list's end"),
        ('["\\ud800"]', "1: no usable JSON: half a character"),
    ],
)
def test_a_broken_list_names_the_line(text, message):
    with pytest.raises(ValueError, match=message):
        list(source.json_items(text))
