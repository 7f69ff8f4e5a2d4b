// SPDX-License-Identifier: Apache-2.0
#include "k7/spectral/spectrum_options.hpp"

#include "k7/base/error.hpp"
#include "k7/spectral/session.hpp"

namespace k7::spectral {
namespace {

void require(bool condition, const std::string& text) {
  if (!condition) throw InputError(text);
}

void require_positive(int value, const std::string& option) {
  require(value >= 1, option + ": '" + std::to_string(value) + "' is too small; at least 1");
}

}  // namespace

void validate(const SpectrumOptions& o) {
  require_positive(o.neighbors, "-k (--neighbors)");
  require_positive(o.eigenvalues, "-n (--eigenvalues)");
  require_positive(o.threads, "--threads");
  require(o.method != Method::ritz || !(o.keep_functions || o.report_neighbors),
          "--method ritz: it has neither a graph nor eigenvectors at the points; leave --graph and "
          "--eigenvectors out");
  require(
      o.device != DeviceChoice::cuda || built_with_cuda(),
      "--device cuda: this K7 or its PETSc was built without CUDA; use --device cpu, or see docs/install.md");
  require(o.limits != Limits::wanted || o.method == Method::graph || o.method == Method::automatic,
          "--extrapolate: --method " + name_of(o.method) +
              " has no limits of graphs; leave it out, or use --method graph");
}

void validate(const SpectrumOptions& o, GlobalIndex n_points, int n_ranks) {
  const std::string file = o.source + ": " + std::to_string(n_points) + " points are too few for ";
  require(o.method == Method::ritz || n_points > o.neighbors,
          file + "-k " + std::to_string(o.neighbors) + "; give at least " + std::to_string(o.neighbors + 1) +
              " points or a smaller -k");
  require(n_points > o.eigenvalues, file + "-n " + std::to_string(o.eigenvalues) + "; give at least " +
                                        std::to_string(o.eigenvalues + 1) + " points or a smaller -n");
  require(n_points >= n_ranks,
          file + std::to_string(n_ranks) + " ranks; use at most " + std::to_string(n_points));
}

}  // namespace k7::spectral
