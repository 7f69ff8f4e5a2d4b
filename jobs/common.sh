# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the job scripts share; they source it after their own variables are set.

# say TEXT: one line of the job's log.
say() {
  printf '%s k7: %s\n' "$(date +%FT%T)" "$*"
}

fail() {
  say "error: $*" >&2
  exit 2
}

# find_program NAME: prints where a program is: in K7_BIN, on PATH, in the repository, or beside an installed share/k7.
find_program() {
  local folder
  if [[ -n ${K7_BIN-} && -x $K7_BIN/$1 ]]; then
    echo "$K7_BIN/$1"
    return
  fi
  if [[ -n ${K7_BIN-} && $1 != k7_report ]]; then # k7_report is no compiled program and may be elsewhere
    fail "$K7_BIN/$1 is not there; set K7_BIN to the folder that holds K7's programs"
  fi
  if command -v "$1"; then
    return
  fi
  for folder in build/bin tools ../../bin; do
    if [[ -x $K7_ROOT/$folder/$1 ]]; then
      echo "$K7_ROOT/$folder/$1"
      return
    fi
  done
  fail "$1 is neither on PATH nor in $K7_ROOT; build K7, or set K7_BIN to the folder of its programs"
}

# What every rank runs: the program, and after its good end a note by rank 0 in the file that $0 names. Signals reach this
# shell too; it must not end of them before the program does.
as_rank='trap : USR1 TERM; "$@"; code=$?; ((code != 0 || ${SLURM_PROCID:-0} != 0)) || echo ended >"$0"; exit $code'

# launch RANKS PROGRAM ARGUMENT...: a program as one step of this job, all its ranks on as few nodes as hold them. srun
# also ends with 0 where a node failed in the middle, so that the program itself has to say that it came to its end.
launch() {
  local ranks=$1 note=$OUT/.ended
  shift
  echo started >"$note"
  local per_node=$(((SLURM_NTASKS + SLURM_JOB_NUM_NODES - 1) / SLURM_JOB_NUM_NODES))
  srun --mpi="$SRUN_MPI" --ntasks="$ranks" --nodes=$(((ranks + per_node - 1) / per_node)) \
    "$BASH" -c "$as_rank" "$note" "$@" || return
  # Read, not looked for: a network file system shows a new file late, but what is in it as soon as its writer closed it.
  [[ $(<"$note") != ended ]] || return 0
  say "srun ended before $(basename "$1") did; did a node fail?" >&2
  return 1
}

# step NAME COMMAND...: runs one step of the chain, unless an earlier start of this job finished it with the same
# command and all steps before it too. A command that saved a checkpoint when told to stop (exit code 75), or that the
# time limit stopped although it had not had all the time of this start, puts the job back into the queue.
ran_here=0
step() {
  local name=$1 stamp=$OUT/.$1.done code=0
  shift
  if ((ran_here == 0)) && [[ -f $stamp && $(<"$stamp") == "$*" ]]; then
    say "$name: done earlier"
    return
  fi
  rm -f "$stamp"
  say "$name: $*"
  "$@" || code=$?
  case $code in
    0)
      echo "$*" >"$stamp"
      ran_here=$((ran_here + 1))
      say "$name: done" ;;
    75) requeue "$name: stopped after a checkpoint" ;;
    138 | 143) # 128 + SIGUSR1 or SIGTERM
      [[ $name != train ]] || requeue_train "$code"
      ((code == 138)) || stop "$name" "$code"
      # 128 + SIGUSR1: the warning before the time limit, in a program that keeps no checkpoints
      ((ran_here > 0)) || fail "$name: does not fit into the job's time limit; raise --time or use more ranks"
      requeue "$name: stopped by the time limit, starts again with the whole of it" ;;
    *) stop "$name" "$code" ;; # also 137: SIGKILL is what ends a program that takes too much memory
  esac
}

# stop NAME CODE: the end of the job at a step that failed.
stop() {
  say "error: $1: exit code $2; the steps after it were not run" >&2
  exit "$2"
}

# requeue_train CODE: the job again after a signal ended training between checkpoints or before the first. Where two
# starts in a row brought no new checkpoint, a third would not: the job fails.
requeue_train() {
  local state count=0 before='' record=$OUT/.train.requeues
  state=$(stat -c '%n %Y %s' "$OUT/last.h5" "$OUT/previous.h5" 2>/dev/null | tr '\n' ' ' || true)
  if [[ -f $record ]]; then
    { read -r count && IFS= read -r before; } <"$record" || true
  fi
  [[ $count =~ ^[0-9]$ && $before == "${state% }" ]] || count=0
  if ((count >= 2)); then
    rm -f "$record"
    say "error: train: stopped by a signal at three starts in a row without a new checkpoint; raise --time" >&2
    exit "$1"
  fi
  printf '%s\n%s\n' $((count + 1)) "${state% }" >"$record"
  requeue "train: stopped by a signal (exit code $1)"
}

# requeue TEXT: this job again, from where it was.
requeue() {
  say "$1; back into the queue"
  scontrol requeue "$SLURM_JOB_ID"
  exit 0
}

# learn_and_measure DEVICE: the whole chain on all ranks of the job; the network on cpu or cuda.
learn_and_measure() {
  local device=$1 ranks=$SLURM_NTASKS train sample spectral report
  train=$(find_program k7_train)
  sample=$(find_program k7_sample)
  spectral=$(find_program k7_spectral)
  report=$(find_program k7_report)
  mkdir -p "$OUT"
  step train launch "$ranks" "$train" --preset "$PRESET" --device "$device" --out "$OUT"
  step sample launch "$ranks" "$sample" --model "$OUT/best.h5" -N "$SAMPLES" --device "$device" -o "$OUT/samples.h5"
  step spectral launch "$ranks" "$spectral" "$OUT/samples.h5" -o "$OUT/spectral.json"
  step report "$report" "$OUT"
  say "all done: $OUT/results.html"
}

# Slurm gives each rank SLURM_CPUS_PER_TASK cores; srun must be told so since version 22.05.
export SRUN_CPUS_PER_TASK=${SLURM_CPUS_PER_TASK:-1}
# For programs that are started by mpirun instead of srun: a node that is gone without a word is then noticed within seconds,
# where all others would wait for minutes. Under srun it is Slurm that notices.
export OMPI_MCA_oob_tcp_keepalive_time=5
export OMPI_MCA_oob_tcp_keepalive_intvl=2
export OMPI_MCA_oob_tcp_keepalive_probes=3
