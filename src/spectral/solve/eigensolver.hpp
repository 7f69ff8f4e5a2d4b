// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "k7/spectral/spectrum.hpp"
#include "spectral/solve/laplacian.hpp"

namespace k7::spectral {

/// The exact null space of a graph Laplacian: the functions that are constant on each connected component.
struct NullSpace {
  int count = 0;                ///< dimension, or as much of it as is wanted
  std::vector<int> components;  ///< (n_local) number of the row's component, -1 = not among the first `count`
};

struct EigenOptions {
  int count = 15;          ///< how many of the smallest eigenvalues, zero modes included; less than the rows
  std::uint64_t seed = 0;  ///< of the start vector, which depends on input rows and not on ranks
  /// On |A x - lambda x| / |lambda|. The residual bounds the error of lambda, so results from different rank
  /// counts agree at least to twice this; in practice to its square.
  double tolerance = 1e-9;
  int max_restarts = 5000;
  bool keep_functions = true;  ///< whether EigenPairs::functions is wanted
  /// Asked at every restart of the solver, on all ranks alike; empty: nobody asks for a stop.
  std::function<bool()> stop_requested;
};

/// The first `count` of them.
EigenPairs first(const EigenPairs& pairs, int count);

/// Krylov-Schur (SLEPc), the null space deflated; its own options may be changed on PETSc's command line.
/// Collective.
/// @param ids (n_local) input rows
/// @throws Stopped
EigenPairs smallest_eigenpairs(const Laplacian& laplacian, const std::vector<GlobalIndex>& ids,
                               const NullSpace& null_space, const EigenOptions& options,
                               const parallel::Communicator& comm);

}  // namespace k7::spectral
