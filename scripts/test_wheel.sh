#!/usr/bin/env bash
# Builds the wheel, installs it into a fresh environment, and runs it there, away from the checkout.
# `make test` runs it. To be quick the fresh environment borrows the third-party packages of .venv by a
# .pth file: the editable install that lies beside them is itself a .pth file, and Python follows none
# that it finds through another, so the checkout cannot be imported. The checks below see to that.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$PWD/.venv/bin/python
begin=$SECONDS
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

# Setuptools puts what an earlier build left in build/ into the wheel as well: build a copy.
mkdir "$work/source"
cp -r fsa_jax generation gin tasks pyproject.toml setup.py constraints.txt README.md LICENSE \
  "$work/source"
"$python" -m pip wheel --quiet --disable-pip-version-check --no-deps \
  --wheel-dir "$work/wheels" "$work/source"
"$python" -m venv --without-pip "$work/venv"
"$python" -m pip --python "$work/venv/bin/python" install --quiet --disable-pip-version-check \
  --no-deps "$work"/wheels/fsa_jax-*.whl
"$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
  > "$(echo "$work"/venv/lib/python*/site-packages)/third_party.pth"

unset PYTHONPATH
export JAX_PLATFORMS=cpu TF_CPP_MIN_LOG_LEVEL=3
export XDG_CACHE_HOME="$work/cache" FSA_DATA_DIR="$work/data" FSA_VOCABULARY="$work/data/vocabulary.model"
PATH="$work/venv/bin:$PATH"
cd "$work"

quietly() {
  "$@" > output.txt 2>&1 || { cat output.txt; exit 1; }
}

echo "the wheel holds every file of the packages, and the fresh environment imports no other"
cat > check.py <<'PY'
import pathlib
import sys

import fsa_jax
import generation
import tasks
from fsa_jax.cli import gin_files

source, venv = map(pathlib.Path, sys.argv[1:])
installed = pathlib.Path(fsa_jax.__file__).parents[1]
for package in (fsa_jax, generation, tasks):
    path = pathlib.Path(package.__file__)
    assert path.is_relative_to(venv), f"{path} lies outside the fresh environment"
assert gin_files.gin_folder() == installed / "fsa_jax/gin"
assert not (installed / "gin").exists(), "a top-level gin/ lands inside gin-config"
homes = {"fsa_jax": "", "generation": "", "tasks": "", "gin": "fsa_jax"}
missing = [
    str(file.relative_to(source))
    for folder, home in homes.items()
    for file in (source / folder).rglob("*")
    if file.is_file() and "__pycache__" not in file.parts
    and not (installed / home / file.relative_to(source)).is_file()
]
raise SystemExit(f"not in the wheel: {', '.join(missing)}; see setup.py" if missing else 0)
PY
quietly python check.py "$work/source" "$work/venv"

echo "its commands work"
fsa --help > help.txt
grep -q "Let a teacher write about reviews" help.txt
quietly fsa sample --output-dir data
quietly fsa doctor
quietly t5x train --gin_file=quickstart/finetune.gin --gin.MODEL_DIR=run --gin.TRAIN_STEPS=2 \
  --gin.EVAL_PERIOD=2 --gin.FINAL_SPLITS='()' --gin.MAX_DECODE_LENGTH=4
grep -q '"state": "finished"' run/status.json
test -d run/checkpoint_2
echo "the wheel works: $((SECONDS - begin)) s"
