#!/usr/bin/env bash
# From nothing to a distilled student and its twin from scratch, offline. The experiment prints each
# command that it runs; a run that was stopped goes on with the same command.
set -euo pipefail

out=${1:-quickstart}
PATH="$(cd "$(dirname "$0")/.." && pwd)/.venv/bin:$PATH"
export JAX_PLATFORMS=cpu

run() {
  printf '\n\033[1m$ %s\033[0m\n' "$*"
  "$@"
}

begin=$SECONDS
run fsa experiment run quickstart --output-dir "$out"
fsa experiment report quickstart --output-dir "$out" --figures "$out/figures.json" \
  --measured-by "make quickstart" --seconds $((SECONDS - begin)) > "$out/report.log"
echo "Done in $((SECONDS - begin)) s. Open $out/reports/quickstart/index.html"
