#!/usr/bin/env bash
# Runs the projects for people in a real Label Studio (SQLite, on loopback), which has an environment of its own.
# LABEL_STUDIO_VENV names the environment's folder (default build/label-studio-venv); it is made once and used again.
set -euo pipefail
cd "$(dirname "$0")/.."
venv="${LABEL_STUDIO_VENV:-build/label-studio-venv}"
if [[ ! -x "$venv/bin/label-studio" ]]; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --constraint scripts/constraints/label_studio.txt label-studio playwright
fi
FSA_LABEL_STUDIO="$(realpath "$venv")/bin/label-studio"
export FSA_LABEL_STUDIO
exec .venv/bin/pytest tests/generation/people/test_real_label_studio.py -q "$@"
