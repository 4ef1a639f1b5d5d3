"""Figures carry the name of the processor that they were measured on."""

import pytest

from fsa_jax.runtime import provenance

CORE = "processor\t: {n}\nmodel name\t: AMD EPYC 9R14: 96-Core\nflags\t\t: fpu avx {flags}\n\n"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (CORE.format(n=0, flags="avx2 avx512f"), "AMD EPYC 9R14: 96-Core (AVX-512)"),
        (CORE.format(n=0, flags="avx2") + CORE.format(n=1, flags="avx2"), None),
        (CORE.format(n=0, flags=""), "AMD EPYC 9R14: 96-Core"),
        ("processor : 0\nFeatures : fp asimd\n", "{machine} (NEON)"),
        ("", "{machine}"),
    ],
)
def test_the_processor_is_named_with_its_widest_instructions(tmp_path, monkeypatch, text, name):
    monkeypatch.setattr(provenance, "_CPUINFO", tmp_path / "cpuinfo")
    (tmp_path / "cpuinfo").write_text(text)
    expected = name or "AMD EPYC 9R14: 96-Core (AVX2)"
    assert provenance.processor() == expected.format(machine=provenance.platform.machine())


def test_elsewhere_than_on_linux_python_names_it(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "_CPUINFO", tmp_path / "nothing")
    assert provenance.processor()
    assert provenance.machine()["cores"] >= 1
