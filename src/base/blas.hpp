// SPDX-License-Identifier: Apache-2.0
//
// The BLAS that dense work runs on: which kernel, how many threads.
#pragma once

#include <string>

namespace k7 {

/// Makes sure that OpenBLAS uses a kernel that fits the processor and that waiting threads spin for a
/// fraction of a millisecond, then sleep. OpenBLAS picks its kernel when it is loaded and falls back to one
/// of 2004 on processors younger than itself. OpenMP's threads spin for milliseconds after every small loop
/// and, where other programs want the cores too, slow each other down up to a hundred times; threads that
/// sleep at once make small networks three to four times slower on a quiet machine. The only cure for both is
/// the environment (OPENBLAS_CORETYPE, GOMP_SPINCOUNT), so the program replaces itself once. Call it first in
/// main, before MPI starts; it returns when nothing is to be done. The user's own values (OMP_WAIT_POLICY
/// too) are respected.
void prepare_process(char** argv);

/// What OPENBLAS_CORETYPE should have been when OpenBLAS was loaded; empty where its kernel fits the processor.
std::string better_blas_core();

/// E.g. "OpenBLAS SkylakeX" or "unknown BLAS".
std::string blas_name();

/// Sets the number of BLAS threads of this process (no effect for a BLAS without that call).
void set_blas_threads(int threads);

/// sum (n, n) += factor^T factor of a factor (rows, n), lower triangle only, both stored by columns. OpenBLAS has kernels for
/// the processor that it runs on; with AVX-512 they take a fifth of the time of code that any processor can run.
/// @return false, with nothing done, where no OpenBLAS is loaded: other libraries may be slower than plain code
bool openblas_rank_update(const double* factor, int rows, int n, double* sum);

/// While this lives, each thread of an OpenMP region that calls BLAS computes alone.
class SerialBlas {
 public:
  /// @param is_wanted false: nothing changes
  explicit SerialBlas(bool is_wanted);
  ~SerialBlas();
  SerialBlas(const SerialBlas&) = delete;
  SerialBlas& operator=(const SerialBlas&) = delete;

 private:
  int threads_before_ = 0;  ///< 0: nothing to restore
};

}  // namespace k7
