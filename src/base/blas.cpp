// SPDX-License-Identifier: Apache-2.0
#include "base/blas.hpp"

#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace k7 {
namespace {

/// The library that this code is in, when that was loaded for itself alone, as Python does with its modules: what is
/// linked to it is then not among the symbols of the whole process. In a program the default.
void* own_library() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<void*>(&own_library), &info) == 0 || info.dli_fname == nullptr)
    return RTLD_DEFAULT;
  void* library = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
  return library != nullptr ? library : RTLD_DEFAULT;
}

/// OpenBLAS is looked up at run time: any BLAS may be behind LibTorch and PETSc.
void* symbol(const char* name) {
  static void* const library = own_library();
  return dlsym(library, name);
}

const char* openblas_core() {
  const auto get = reinterpret_cast<char* (*)()>(symbol("openblas_get_corename"));
  return get != nullptr ? get() : nullptr;
}

/// Whether OpenBLAS is there and counts with int; builds that count with 64 bits say so.
bool has_short_integers() {
  const auto get = reinterpret_cast<char* (*)()>(symbol("openblas_get_config"));
  return get != nullptr && std::strstr(get(), "USE64BITINT") == nullptr;
}

/// Kernels of processors without AVX, which OpenBLAS falls back to.
bool is_generic(const char* core) {
  constexpr std::array<const char*, 16> old_cores{
      "Generic", "Katmai",     "Coppermine", "Northwood", "Prescott", "Banias",       "Atom",      "Core2",
      "Penryn",  "Dunnington", "Nehalem",    "Athlon",    "Opteron",  "Opteron_SSE3", "Barcelona", "Bobcat"};
  return std::any_of(old_cores.begin(), old_cores.end(),
                     [core](const char* old) { return strcasecmp(core, old) == 0; });
}

const char* best_core() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
    return "SkylakeX";
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "Haswell";
#endif
  return nullptr;
}

}  // namespace

std::string better_blas_core() {
  const char* core = openblas_core();
  const char* best = best_core();
  return core != nullptr && best != nullptr && is_generic(core) ? best : "";
}

void prepare_process(char** argv) {
  bool changed = false;
  const auto set_default = [&changed](const char* name, const char* value) {
    if (std::getenv(name) != nullptr) return;
    setenv(name, value, 1);
    changed = true;
  };
  if (std::getenv("OMP_WAIT_POLICY") == nullptr) set_default("GOMP_SPINCOUNT", "30000");
  const std::string better = better_blas_core();
  if (!better.empty()) set_default("OPENBLAS_CORETYPE", better.c_str());
  if (!changed) return;
  // By its own path, so that the process keeps its name. It returns only when it failed; slow threads still
  // compute right.
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) execv(program.c_str(), argv);
}

std::string blas_name() {
  const char* core = openblas_core();
  if (core == nullptr && symbol("MKL_Get_Version_String") != nullptr) return "MKL";
  return core != nullptr ? std::string("OpenBLAS ") + core
                         : "BLAS without OpenBLAS (slow if it is the reference one)";
}

void set_blas_threads(int threads) {
  const auto set = reinterpret_cast<void (*)(int)>(symbol("openblas_set_num_threads"));
  if (set != nullptr) set(threads);
}

bool openblas_rank_update(const double* factor, int rows, int n, double* sum) {
  using Syrk = void (*)(const char*, const char*, const int*, const int*, const double*, const double*,
                        const int*, const double*, double*, const int*);
  static const Syrk syrk = has_short_integers() ? reinterpret_cast<Syrk>(symbol("dsyrk_")) : nullptr;
  if (syrk == nullptr) return false;
  const double one = 1.0;
  syrk("L", "T", &n, &rows, &one, factor, &rows, &one, sum, &n);
  return true;
}

SerialBlas::SerialBlas(bool is_wanted) {
  // With OpenMP it does so anyway, and setting its threads would set those of OpenMP.
  constexpr int with_openmp = 2;
  const auto get_int = [](const char* name) {
    const auto get = reinterpret_cast<int (*)()>(symbol(name));
    return get != nullptr ? get() : 0;
  };
  if (!is_wanted || get_int("openblas_get_parallel") == with_openmp) return;
  threads_before_ = get_int("openblas_get_num_threads");
  set_blas_threads(1);
}

SerialBlas::~SerialBlas() {
  if (threads_before_ > 0) set_blas_threads(threads_before_);
}

}  // namespace k7
