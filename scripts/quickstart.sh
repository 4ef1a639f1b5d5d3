#!/usr/bin/env bash
# From nothing to a scored student, offline: every stage is a command that works alone.
set -euo pipefail

out=${1:-quickstart}
PATH="$(cd "$(dirname "$0")/.." && pwd)/.venv/bin:$PATH"
export JAX_PLATFORMS=cpu

run() {
  printf '\n\033[1m$ %s\033[0m\n' "$*"
  "$@"
}

set_variable() {
  printf '\n\033[1m$ export %s=%s\033[0m\n' "$1" "$2"
  export "$1=$2"
}

if [ -e "$out" ]; then
  echo "error: $out exists; remove it or name another folder: scripts/quickstart.sh FOLDER" >&2
  exit 2
fi
begin=$SECONDS

run fsa sample --output-dir "$out/data"
set_variable FSA_DATA_DIR "$out/data"
set_variable FSA_VOCABULARY "$out/data/vocabulary.model"
run fsa generate --teacher lexicon --prompt anl,rw \
  --reviews "$out/data/reviews.jsonl" --output-dir "$out/ledgers"
run fsa corpus build "$out/ledgers" --output-dir "$out/data"
run t5x train --gin_file=quickstart/distill.gin --gin.MODEL_DIR="$out/distilled"
run t5x train --gin_file=quickstart/finetune.gin --gin.MODEL_DIR="$out/finetuned" \
  --gin.INITIAL_CHECKPOINT_PATH="$out/distilled"
run t5x train --gin_file=quickstart/finetune.gin --gin.MODEL_DIR="$out/from_scratch"
run fsa report "$out/finetuned" "$out/from_scratch" "$out/distilled" \
  --names "distilled,from scratch,distillation" --output "$out/report.html" \
  --figures "$out/figures.json" --measured-by "make quickstart" --seconds $((SECONDS - begin))

echo "Done in $((SECONDS - begin)) s. Open $out/report.html"
