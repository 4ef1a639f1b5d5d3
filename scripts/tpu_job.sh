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
# slices to ask for at most. --dry_run prints what would be asked of gcloud, and asks nothing. The
# commit that is checked out is what runs. TPU_JOB_POLL is the time between two looks at the slice,
# in seconds (30).
#
# One script at a time looks after a slice: it holds the lease of the name, a file below
# ${XDG_STATE_HOME:-~/.local/state}/fsa_jax/tpu that its end gives back, whatever brings it.
#
# A slice that is there is deleted after `t5x` has finished (exit code 0), and else never. Only
# NOT_FOUND means that there is none: any other failing answer is asked for again. Whatever else
# ends this script, Ctrl-C included, leaves the slice there and says how to delete it, for it costs
# money; the same command takes it up again.
#
# Exit codes are those of `t5x`: 0 finished, 3 stopped in good order and the same command goes on
# (`t5x` was stopped on the slice, or this script was), 2 bad usage or input, 1 failed.
set -euo pipefail
set -m # gcloud gets process groups of its own: a signal to this script ends ssh with it

again=$(printf '%q ' "$0" "$@")
name='' zone='' type='' data='' cache='' runtime=tpu-ubuntu2204-base spot='' keep='' attempts=10
dry_run=''
poll=${TPU_JOB_POLL:-30}
fail() { echo "error: $*" >&2; exit 2; }
while [ $# -gt 0 ]; do
  case $1 in
    --name | --zone | --type | --data | --cache | --runtime | --attempts)
      [ $# -ge 2 ] || fail "$1 needs a value"
      printf -v "${1#--}" %s "$2"
      shift 2 ;;
    --spot) spot=--spot; shift ;;
    --keep) keep=yes; shift ;;
    --dry_run) dry_run=yes; shift ;;
    --) shift; break ;;
    *) fail "unknown argument $1; see the head of $0" ;;
  esac
done
for needed in name zone type; do [ -n "${!needed}" ] || fail "--$needed is missing"; done
case $attempts in '' | *[!0-9]* | 0) fail "--attempts is '$attempts': give a number of slices" ;; esac
case $poll in '' | *[!0-9]*) fail "TPU_JOB_POLL is '$poll': give whole seconds" ;; esac
case "$*" in
  *MODEL_DIR=gs://*) ;;
  *) fail "give --gin.MODEL_DIR=gs://…: what a TPU host writes to its own disk is lost with it" ;;
esac
[ -n "$dry_run" ] || command -v gcloud > /dev/null || fail "gcloud is not installed"
left_out=$(git -C "$(dirname "$0")/.." status --short 2> /dev/null || true)
[ -z "$left_out" ] || echo "warning: what runs is the commit, without these changes:
$left_out" >&2

# ---- the lease ---------------------------------------------------------------------------------

if [ -z "$dry_run" ]; then
  command -v flock > /dev/null || fail "flock is not installed (macOS: brew install flock)"
  lease="${XDG_STATE_HOME:-$HOME/.local/state}/fsa_jax/tpu/$zone-$name.lease"
  mkdir -p "$(dirname "$lease")"
  exec 9>> "$lease"
  flock -n 9 || fail "another script looks after $name in $zone: process $(tail -n 1 "$lease")"
  echo "$$ on $(hostname) since $(date -Is)" > "$lease"
fi

# ---- the end, whatever brings it ----------------------------------------------------------------

scratch=$(mktemp -d)
child=''    # the process group that this script waits for
held=yes    # whether a slice may be there: until the service says that there is none
finished='' # whether `t5x` has

at_the_end() {
  local code=$?
  trap '' INT TERM HUP
  [ -z "$child" ] || { disown -a; kill -TERM -- "-$child" 2> /dev/null || true; }
  rm -rf "$scratch"
  if [ -n "$held" ]; then
    echo "the slice $name may still be there and cost money; delete it with:"
    echo "  gcloud compute tpus queued-resources delete $name --zone $zone --force"
  fi >&2
  if [ -z "$finished" ] && [ "$code" != 2 ]; then
    echo "the same command goes on from the last checkpoint:"
    echo "  $again"
  fi >&2
  exit "$code"
}
trap at_the_end EXIT
trap 'echo "stopped by a signal" >&2; exit 3' INT TERM HUP

give_up() { echo "error: $*" >&2; exit 1; }

# ---- what is asked of gcloud --------------------------------------------------------------------

# A trap waits for the command in the foreground to end, which may take days; `wait` does not.
interruptible() {
  local code=0
  "$@" < /dev/null 9>&- & # the lease is this script's, and not of what outlives it
  child=$!
  wait "$child" || code=$?
  child=''
  return "$code"
}

pause() {
  local seconds=$(($1 < poll ? $1 : poll))
  [ "$seconds" = 0 ] || interruptible sleep "$seconds"
}
tpus() { gcloud compute tpus "$@" --zone "$zone" --quiet; }
on_all_hosts() { interruptible tpus tpu-vm ssh "$name" --worker all --command "$1"; }
noting() { "$@" > "$scratch/answer" 2> "$scratch/complaint"; } # inside, for a trap writes to ours
queue() { interruptible noting tpus "$@"; }
complains_of() { grep -Eq "^ERROR: (\([^)]*\) )?($1)" "$scratch/complaint"; }
complaint() { grep -m 1 ERROR "$scratch/complaint" || echo "no reason given"; }

patience='2 4 8 16 30 30 30 30 30 30' # seconds between tries at an answer; then it is given up

question=(queued-resources describe "$name" --format 'value(state.state)')
# Sets `state` to the service's word for the slice, and to GONE only where it says NOT_FOUND.
look() {
  local seconds
  for seconds in $patience ''; do
    if queue "${question[@]}"; then
      read -r state < "$scratch/answer" || state=''
      case $state in '' | STATE_UNSPECIFIED) ;; *) held=yes; return ;; esac
    elif complains_of NOT_FOUND; then
      state=GONE held=''
      return
    elif complains_of 'PERMISSION_DENIED|UNAUTHENTICATED|INVALID_ARGUMENT'; then
      break
    fi
    [ -z "$seconds" ] || pause "$seconds"
  done
  give_up "gcloud does not say how $name is: $(complaint)"
}

# ---- the slice ----------------------------------------------------------------------------------

request=(queued-resources create "$name" --node-id "$name" --accelerator-type "$type"
  --runtime-version "$runtime")
[ -z "$spot" ] || request+=("$spot")
removal=(queued-resources delete "$name" --force)
asked=0
ask_for_slice() {
  [ "$asked" -lt "$attempts" ] || give_up "$attempts slices were not enough"
  echo "slice $((asked + 1)) of at most $attempts: $type as $name in $zone"
  held=yes # from here on, even if the answer is lost
  if queue "${request[@]}"; then
    asked=$((asked + 1))
  elif ! complains_of ALREADY_EXISTS; then
    echo "asking failed: $(complaint)" >&2
    return 1
  fi
}

# Whatever there is of the slice, from an earlier start too: takes it up, waits for it, or replaces
# what preemption has left of it.
get_slice() {
  local before='' tries=0
  while look; do
    [ "$state" = "$before" ] || { echo "$name: $state"; tries=0; }
    before=$state tries=$((tries + 1))
    case $state in
      ACTIVE) return ;;
      GONE)
        [ "$tries" -le 10 ] || give_up "no slice could be asked for: $(complaint)"
        ask_for_slice || pause $((5 * tries)) ;;
      SUSPENDED | FAILED)
        [ "$tries" -le 10 ] || give_up "what is left of $name can't be deleted: $(complaint)"
        queue "${removal[@]}" || true
        pause $((5 * tries)) ;;
      SUSPENDING | DELETING)
        [ "$tries" -le 120 ] || give_up "$name has been $state for $tries looks"
        pause "$poll" ;;
      *) pause "$poll" ;; # in the queue, for as long as that takes
    esac
  done
}

# Whether the slice is lost. Its state follows the end of its hosts after a while only.
preempted() {
  local seconds
  for seconds in 5 10 20 30 ''; do
    look
    if [ "$state" != ACTIVE ]; then
      echo "the slice is lost ($state)"
      return
    fi
    [ -z "$seconds" ] || pause "$seconds"
  done
  return 1
}

remove() {
  local seconds
  state=''
  for seconds in $patience ''; do
    [ "$state" = DELETING ] || queue "${removal[@]}" || true
    look
    [ "$state" != GONE ] || return 0
    [ -z "$seconds" ] || pause "$seconds"
  done
  give_up "the run has finished, but $name is still $state"
}

# ---- the work -----------------------------------------------------------------------------------

install() {
  git -C "$(dirname "$0")/.." archive --format tar.gz --output "$scratch/fsa_jax.tar.gz" HEAD ||
    give_up "what runs is the commit that is checked out, and git has none"
  interruptible tpus tpu-vm scp "$scratch/fsa_jax.tar.gz" "$name": --worker all &&
    on_all_hosts "set -e
    mkdir -p fsa_jax && tar xzf fsa_jax.tar.gz -C fsa_jax && cd fsa_jax
    command -v uv > /dev/null || curl -LsSf https://astral.sh/uv/install.sh | sh
    export PATH=\$HOME/.local/bin:\$PATH
    uv venv --quiet --allow-existing --python 3.11 .venv
    uv pip install --quiet --constraint constraints.txt --editable '.[tpu]'
    ${data:+gcloud storage rsync --recursive $data \$HOME/fsa_data}"
}

# Where ssh broke off, or this script was stopped, the command before may still hold the TPU (gcloud
# itself starts a command again after a lost connection): it is stopped in good order first.
run() {
  on_all_hosts "cd fsa_jax || exit 1
    if grep -qs t5x /proc/\$(cat t5x.pid 2> /dev/null)/cmdline; then
      kill -TERM \$(cat t5x.pid)
      for _ in \$(seq 300); do kill -0 \$(cat t5x.pid) 2> /dev/null || break; sleep 1; done
    fi
    echo \$\$ > t5x.pid
    exec env FSA_DATA_DIR=\$HOME/fsa_data ${cache:+JAX_COMPILATION_CACHE_DIR=$cache} \
      .venv/bin/t5x $(printf '%q ' "$@")"
}

if [ -n "$dry_run" ]; then
  # shellcheck disable=SC2329 # `tpus` calls it
  gcloud() { printf 'gcloud'; printf ' %q' "$@"; echo; }
  step() { echo "# $1"; shift; "$@"; }
  held='' finished=yes
  step "ask for a slice, $attempts at most, each time that none is left" tpus "${request[@]}"
  step "look how it is, until it is ACTIVE; again after each end of a command" tpus "${question[@]}"
  step "install the commit on all hosts" install
  step "run" run "$@"
  [ -n "$keep" ] || step "delete the slice once t5x has finished" tpus "${removal[@]}"
  exit 0
fi

bad_installs=0 lost_connections=0
while get_slice; do
  if ! install; then
    preempted && continue
    bad_installs=$((bad_installs + 1))
    [ "$bad_installs" -lt 3 ] || give_up "could not install on a slice that is there"
    continue
  fi
  bad_installs=0 code=0
  run "$@" || code=$?
  case $code in
    0)
      finished=yes
      [ -n "$keep" ] || remove
      exit 0 ;;
    2) fail "t5x found bad usage or input; see above" ;;
  esac
  preempted && continue
  case $code in
    3)
      echo "t5x was stopped in good order and has not finished" >&2
      exit 3 ;;
    255) # of ssh, not of t5x
      lost_connections=$((lost_connections + 1))
      [ "$lost_connections" -lt "$attempts" ] || give_up "the connection was lost too often"
      echo "the connection was lost on a slice that is still there; going on" >&2 ;;
    *)
      echo "error: the command failed on a slice that is still there; look at it with:" >&2
      echo "  gcloud compute tpus tpu-vm ssh $name --zone $zone" >&2
      exit 1 ;;
  esac
done
