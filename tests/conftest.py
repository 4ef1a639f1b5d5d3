"""Settings of the whole test run, and the fixtures of several packages' tests.

**Exactness.** Two right programs that compute in float32 differ by their roundings, and by how much
depends on the processor. So a test of parity asks a third one, the peer in float64, and lets ours
be as far from it as the peer itself is, times a small factor. The end of the run lists both errors.
"""

import copy
import json
import os
import pathlib
import tempfile

import numpy as np
import pytest
import sentencepiece

# Before anything imports JAX or TensorFlow: CPU only, eight simulated devices for the sharding
# tests, and few threads, since pytest-xdist runs one process per core.
os.environ["JAX_PLATFORMS"] = "cpu"
# The tests' programs are tiny: compiling them well takes longer than running them.
# Flags that are set already join in, so that a run can be asked for another processor's code.
os.environ["XLA_FLAGS"] = " ".join(
    [
        "--xla_backend_optimization_level=0",
        os.environ.get("XLA_FLAGS", ""),
        "--xla_force_host_platform_device_count=8",
    ]
)
# Tests, and commands that they start, must neither read nor fill the user's own caches.
_CACHES = tempfile.TemporaryDirectory(prefix="fsa_jax_tests_")  # removed at exit
os.environ["XDG_CACHE_HOME"] = _CACHES.name
os.environ["FSA_CACHE_DIR"] = os.path.join(_CACHES.name, "fsa_cache")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")


@pytest.fixture(scope="session")
def real_data() -> pathlib.Path:
    """The folder of real benchmark, corpus and review files named by ``FSA_TEST_DATA``."""
    folder = os.environ.get("FSA_TEST_DATA")
    if not folder or not pathlib.Path(folder).is_dir():
        pytest.skip("FSA_TEST_DATA does not name the folder of real data")
    return pathlib.Path(folder)


@pytest.fixture(scope="session")
def in_float64():
    """``in_float64(model, run)`` is ``run`` of a float64 copy of a PyTorch model."""
    torch = pytest.importorskip("torch")

    class NothingIsNarrowed(torch.overrides.TorchFunctionMode):
        """T5's layer norm goes to float32 whatever it is given: here it stays in float64."""

        def __torch_function__(self, func, types, args=(), kwargs=None):
            out = func(*args, **(kwargs or {}))
            if isinstance(out, torch.Tensor) and out.dtype == torch.float32:
                wide = [x for x in args if getattr(x, "dtype", None) is torch.float64]
                assert not wide or func in (torch.Tensor.to, torch.Tensor.float), func
                return wide[0] if wide else out
            return out

    def call(model, run):
        with NothingIsNarrowed():
            return run(copy.deepcopy(model).double())

    return call


@pytest.fixture
def assert_as_exact(record_property):
    """``assert_as_exact(what, ours, theirs, exact)``: ours errs little more than the peer does.

    Each of the three is one array, or a dictionary of arrays that are compared one by one.
    """

    def error(found, exact):
        return float(np.linalg.norm(np.asarray(found) - exact) / np.linalg.norm(exact))

    def check(what, ours, theirs, exact):
        if not isinstance(exact, dict):
            ours, theirs, exact = {what: ours}, {what: theirs}, {what: exact}
        assert ours.keys() == theirs.keys() == exact.keys()
        pairs = {k: (error(ours[k], exact[k]), error(theirs[k], exact[k])) for k in exact}
        worst = tuple(map(max, zip(*pairs.values(), strict=True)))
        record_property("exactness", (what, *worst))
        assert worst[1] <= 1e-4, f"{what}: the peer is off by {worst[1]:.1e}: use better weights"
        for name, (own, peers) in pairs.items():
            # A peer may be exact by luck: float32 cannot ask for more than its last bit.
            assert own <= 4 * (peers + 2**-23), (
                f"{name} is off by {own:.1e}, the peer's {peers:.1e}"
            )

    return check


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items):
    """Parity is numeric."""
    for item in items:
        if "assert_as_exact" in item.fixturenames:
            item.add_marker("numeric")


def pytest_terminal_summary(terminalreporter):
    """Lists what the tests of parity found: the README's paragraph on exactness quotes it."""
    figures = [
        (report.nodeid, *value)
        for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
        for name, value in report.user_properties
        if name == "exactness"
    ]
    if figures:
        terminalreporter.section("relative error against float64: ours, the peer's")
    for test, what, error, peers in sorted(figures):
        terminalreporter.write_line(f"{error:.1e} {peers:.1e}  {what}  ({test})")


REVIEWS = [
    "The wine list is great but the service was slow .",
    "I love the screen ; the battery dies after an hour .",
    "Food was cold and the waiter forgot our drinks !",
    "Sentiment: Positive | negative neutral conflict 0 1 2 3 4 5 6 7 8 9 _",
    "A B C D E F G H I J K L M N O P Q R S T U V W X Y Z jumps over the lazy quick brown fox",
    "A fast laptop with a poor keyboard and a great price .",
]


@pytest.fixture(scope="session")
def vocabulary_file(tmp_path_factory) -> pathlib.Path:
    """A small SentencePiece model, trained on a few sentences."""
    folder = tmp_path_factory.mktemp("vocabulary")
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(REVIEWS * 20),
        model_prefix=str(folder / "small"),
        vocab_size=160,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    return folder / "small.model"


@pytest.fixture
def data_dir(tmp_path, monkeypatch, vocabulary_file) -> pathlib.Path:
    """An empty data root and a small vocabulary, both named by the environment."""
    root = tmp_path / "data"
    root.mkdir()
    monkeypatch.setenv("FSA_DATA_DIR", str(root))
    monkeypatch.setenv("FSA_VOCABULARY", str(vocabulary_file))
    return root


def write_corpus(
    root: pathlib.Path,
    teacher: str,
    prompt: str,
    domain: str,
    rows: dict[str, list[tuple[str, str, str]]],
    manifest: dict | None = None,
) -> pathlib.Path:
    """Writes the corpus contract: rows by split, each (review_id, inputs, targets)."""
    import tensorflow_datasets as tfds  # here: tests of generation load no TensorFlow

    texts = ("review_id", "domain", "teacher", "prompt", "inputs", "targets")
    features = {name: tfds.features.Text() for name in texts}
    features["rating"] = tfds.features.Scalar(dtype=np.float32)
    folder = root / "understanding" / f"{teacher}_{prompt}_{domain}" / "1.0.0"
    folder.mkdir(parents=True)
    info = tfds.core.DatasetInfo(
        builder=tfds.core.DatasetIdentity(
            name="understanding",
            version=tfds.core.Version("1.0.0"),
            data_dir=str(folder),
            module_name="",
            config_name=f"{teacher}_{prompt}_{domain}",
        ),
        features=tfds.features.FeaturesDict(features),
    )
    writer = tfds.core.SequentialWriter(info, max_examples_per_shard=1000)
    writer.initialize_splits(list(rows), fail_if_exists=False)
    for split, examples in rows.items():
        writer.add_examples(
            {
                split: [
                    {
                        "review_id": review_id,
                        "domain": domain,
                        "teacher": teacher,
                        "prompt": prompt,
                        "inputs": inputs,
                        "targets": targets,
                        "rating": 3.0,
                    }
                    for review_id, inputs, targets in examples
                ]
            }
        )
    writer.close_all()
    (folder / "manifest.json").write_text(json.dumps(manifest or {}))
    return folder


@pytest.fixture
def corpus_writer():
    return write_corpus


def write_benchmark(root: pathlib.Path, folder: str, **files: list[dict]) -> None:
    """Writes FSA JSON files, with a BOM as the real ones have."""
    path = root / "fsa" / folder
    path.mkdir(parents=True, exist_ok=True)
    for name, items in files.items():
        text = "﻿" + json.dumps(items, indent=1, ensure_ascii=False)
        (path / f"{name}.json").write_text(text, encoding="utf-8")


@pytest.fixture
def benchmark_writer():
    return write_benchmark
