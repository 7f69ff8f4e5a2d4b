# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What tools/quickstart and tools/test share; sourced by them, with the repository root as current folder.

# announce TEXT: one line with the time since the start.
announce() {
  printf '[%2d:%02d] %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$1"
}

# fail TEXT: says what is wrong and ends.
fail() {
  printf '%s: error: %s\n' "$(basename "$0")" "$1" >&2
  exit 2
}

# build_jobs: compilers at a time: one per core, and 2 GiB of memory for each.
build_jobs() {
  local cores memory_gib limit
  cores=$(nproc)
  memory_gib=$(awk '/^MemTotal:/ {print int($2 / 1048576)}' /proc/meminfo)
  limit=$(cat /sys/fs/cgroup/memory.max 2>/dev/null || echo max)
  [[ $limit == max ]] || ((limit / 1073741824 >= memory_gib)) || memory_gib=$((limit / 1073741824))
  local jobs=$((memory_gib / 2 < cores ? memory_gib / 2 : cores))
  echo $((jobs > 0 ? jobs : 1))
}

# build_k7 PRESET FOLDER CMAKE-OPTION... [-- TARGET...]: dependencies, configuration, compilation of the targets, or of
# all.
build_k7() {
  local preset=$1 folder=$2 options=() targets=()
  shift 2
  while (($# > 0)) && [[ $1 != -- ]]; do
    options+=("$1")
    shift
  done
  (($# <= 1)) || targets=(--target "${@:2}")
  announce "dependencies"
  tools/install_dependencies
  announce "configure (preset $preset, in $folder/)"
  mkdir -p "$folder"
  cmake --preset "$preset" "${options[@]}" >"$folder/configure.log" 2>&1 || {
    tail -n 40 "$folder/configure.log" >&2
    fail "configuration failed; the whole log is $folder/configure.log"
  }
  local jobs
  jobs=$(build_jobs)
  announce "build ($jobs at a time)"
  cmake --build "$folder" -j "$jobs" "${targets[@]}" || fail "the build failed, see above"
}

# prepare_mpi: surroundings in which OpenMPI runs on one machine, container or not. Yours win.
prepare_mpi() {
  if ((EUID == 0)); then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  fi
  # Containers forbid one rank to read another's memory; binding would put all jobs on the first cores.
  export OMPI_MCA_btl_vader_single_copy_mechanism=${OMPI_MCA_btl_vader_single_copy_mechanism-none}
  export OMPI_MCA_hwloc_base_binding_policy=${OMPI_MCA_hwloc_base_binding_policy-none}
}
