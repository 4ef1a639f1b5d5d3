#!/usr/bin/env bash
# Runs the numeric tests with the instructions of older x86 processors: their roundings differ, and nothing may rest on one.
# `make test` runs it after the tests with all that this processor can.
set -euo pipefail
cd "$(dirname "$0")/.."
cpu_flags="$(grep -m 1 '^flags' /proc/cpuinfo 2>/dev/null || true)"

numeric_tests() {
  echo "numeric tests with XLA's instructions up to $1, PyTorch's up to $2"
  XLA_FLAGS="--xla_cpu_max_isa=$1" ATEN_CPU_CAPABILITY="$2" \
    .venv/bin/pytest -n 2 -q -m 'numeric and not slow' tests/fsa_jax
}

if [[ "$cpu_flags" == *avx512f* ]]; then
  numeric_tests AVX2 avx2
fi
if [[ "$cpu_flags" == *avx2* ]]; then
  numeric_tests SSE4_2 default
fi
