"""Versions and fingerprints: another content is another one, another place is not."""

import os

from fsa_jax.experiments.versions import code_version, fingerprint


def test_code_version_follows_from_the_gin_files(tmp_path):
    found = []
    for name, text in (("a", "X = 1"), ("b", "X = 1"), ("c", "X = 2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.gin").write_text(text)
        found.append(code_version(tmp_path / name))
    assert found[0] == found[1] != found[2]


def test_fingerprint_follows_from_content_and_length(tmp_path):
    def made(name, **files):
        for file, content in files.items():
            (tmp_path / name / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / file).write_bytes(content)
        return fingerprint([tmp_path / name])

    first = made("a", x=b"1", y=b"2")
    assert made("b", x=b"1", y=b"2") == first
    assert made("c", x=b"1", z=b"2") != first
    assert made("d", x=b"1") != first
    large = b"0" * (1 << 21)
    assert made("e", x=large) != made("f", x=large + b"0")
    assert fingerprint([tmp_path / "g"]) == fingerprint([tmp_path / "g"]) != first
    file = tmp_path / "a" / "x"
    file.write_bytes(b"3")
    os.utime(file, ns=(1, 1))
    assert fingerprint([tmp_path / "a"]) != first
