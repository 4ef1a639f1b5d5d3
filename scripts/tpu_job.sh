#!/usr/bin/env bash
# Runs `t5x …` on all hosts of a Cloud TPU slice; asks for a new slice when it is preempted, and the
# run goes on from its last checkpoint. Needs gcloud, logged in, and a bucket.
#
#   scripts/tpu_job.sh --name distill --zone us-central2-b --type v4-32 --spot \
#     --data gs://BUCKET/fsa_data --cache gs://BUCKET/xla -- \
#     train --gin_file=distill_anl_rw.gin --gin_file=models/large.gin \
#     --gin.MODEL_DIR=gs://BUCKET/runs/distill_large
#
# --data is copied to every host, as FSA_DATA_DIR; --cache holds compiled programs between starts.
# --runtime is the TPU's software; --keep leaves the slice there at the end; --attempts says how many
# slices to ask for at most. The commit that is checked out is what runs.
set -euo pipefail

name='' zone='' type='' data='' cache='' runtime=tpu-ubuntu2204-base spot='' keep='' attempts=10
fail() { echo "error: $*" >&2; exit 2; }
while [ $# -gt 0 ]; do
  case $1 in
    --name | --zone | --type | --data | --cache | --runtime | --attempts)
      [ $# -ge 2 ] || fail "$1 needs a value"
      printf -v "${1#--}" %s "$2"
      shift 2 ;;
    --spot) spot=--spot; shift ;;
    --keep) keep=yes; shift ;;
    --) shift; break ;;
    *) fail "unknown argument $1; see the head of $0" ;;
  esac
done
for needed in name zone type; do [ -n "${!needed}" ] || fail "--$needed is missing"; done
case "$*" in
  *MODEL_DIR=gs://*) ;;
  *) fail "give --gin.MODEL_DIR=gs://…: what a TPU host writes to its own disk is lost with it" ;;
esac
command -v gcloud > /dev/null || fail "gcloud is not installed"

tpus() { gcloud compute tpus "$@" --zone "$zone" --quiet; }
state() { tpus queued-resources describe "$name" --format 'value(state.state)' 2> /dev/null || echo NONE; }
on_all_hosts() { tpus tpu-vm ssh "$name" --worker all --command "$1"; }
remove() { tpus queued-resources delete "$name" --force || true; }

ask_for_slice() {
  tpus queued-resources create "$name" --node-id "$name" --accelerator-type "$type" \
    --runtime-version "$runtime" $spot
  until [ "$(state)" = ACTIVE ]; do
    case "$(state)" in FAILED | SUSPENDED | NONE) return 1 ;; esac
    sleep "${TPU_JOB_POLL:-30}"
  done
}

install() {
  local source
  source=$(mktemp -d)
  git -C "$(dirname "$0")/.." archive --format tar.gz --output "$source/fsa_jax.tar.gz" HEAD
  tpus tpu-vm scp "$source/fsa_jax.tar.gz" "$name": --worker all
  rm -r "$source"
  on_all_hosts "set -e
    mkdir -p fsa_jax && tar xzf fsa_jax.tar.gz -C fsa_jax && cd fsa_jax
    command -v uv > /dev/null || curl -LsSf https://astral.sh/uv/install.sh | sh
    export PATH=\$HOME/.local/bin:\$PATH
    uv venv --quiet --allow-existing --python 3.11 .venv
    uv pip install --quiet --constraint constraints.txt --editable '.[tpu]'
    ${data:+gcloud storage rsync --recursive $data \$HOME/fsa_data}"
}

run() {
  on_all_hosts "cd fsa_jax && env FSA_DATA_DIR=\$HOME/fsa_data \
    ${cache:+JAX_COMPILATION_CACHE_DIR=$cache} .venv/bin/t5x $(printf '%q ' "$@")"
}

for attempt in $(seq "$attempts"); do
  echo "slice $attempt of at most $attempts: $type as $name in $zone"
  [ "$(state)" = ACTIVE ] || { remove; ask_for_slice || { remove; continue; }; }
  if install && run "$@"; then
    [ -n "$keep" ] || remove
    exit 0
  fi
  if [ "$(state)" = ACTIVE ]; then
    echo "error: the command failed on a slice that is still there; look at it with:" >&2
    echo "  gcloud compute tpus tpu-vm ssh $name --zone $zone" >&2
    exit 1
  fi
  echo "the slice is gone ($(state)); asking for another"
  remove
done
fail "$attempts slices were not enough; the same command goes on"
