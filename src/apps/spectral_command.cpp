// SPDX-License-Identifier: Apache-2.0
#include "apps/spectral_command.hpp"

#include "cli/choice.hpp"
#include "io/shared_hdf5.hpp"
#include "k7/base/error.hpp"
#include "spectral/output.hpp"

namespace k7::apps {

void SpectralCommand::declare(CLI::App& app) {
  auto& o = options;
  auto* points =
      app.add_option("samples", samples, "Sample file (HDF5) of k7_sample, or any with /coords and /metric")
          ->required()
          ->type_name("SAMPLES.h5");
  app.add_option("--model", model,
                 "Checkpoint of k7_train instead of samples: Rayleigh-Ritz on nodes of K7's own choice")
      ->type_name("MODEL.h5")
      ->excludes(points);
  app.add_option("--accuracy", accuracy,
                 "With --model: the relative bar that is good enough, 1e-6 without it; finer rules are used, "
                 "once, above it")
      ->transform(cli::positive());
  app.add_option("-k,--neighbors", o.neighbors, "Neighbours per point")
      ->transform(cli::whole(o.neighbors, 1));
  app.add_option("-n,--eigenvalues", o.eigenvalues,
                 "How many of the smallest eigenvalues, the zero mode counted")
      ->transform(cli::whole(o.eigenvalues, 1));
  cli::add_choice(
      app, "--method", o.method,
      "auto: graph and ritz side by side, one bar; graph: calibrated graph Laplacian; ritz: Rayleigh-Ritz on "
      "global basis functions, the points as quadrature; notebook: the notebook's matrix, symmetrised");
  cli::add_choice(app, "--density", o.density,
                  "Density of the points against the Riemannian volume where the file has no /weight");
  app.add_flag("--extrapolate", extrapolate,
               "Limits k, N -> infinity with error bars (the default, but for --method notebook)");
  app.add_flag("--no-extrapolate", no_extrapolate, "Eigenvalues of the one graph as it is");
  app.add_flag("--keep-outliers", o.keep_outliers,
               "Keep points that lie far from all others; they are left out otherwise, with a warning");
  app.add_option("--h-star", prediction.h_star, "H* of the prediction lambda_1 H* = target")
      ->transform(cli::positive());
  app.add_option("--lambda1-target", prediction.target, "Target of the prediction lambda_1 H* = target")
      ->transform(cli::positive());
  app.add_flag("--require-pass", require_pass, "Exit 3 unless the verdict is PASSED");
  app.add_option("-o,--out", out, "Results (JSON)");
  app.add_option("--eigenvectors", eigenvectors,
                 "Also write eigenfunctions at the points (HDF5, and XDMF for ParaView beside it)");
  app.add_option("--graph", graph, "Also write the neighbour lists (HDF5)");
  app.add_option("--seed", o.seed, "Of the eigensolver's start vector")->transform(cli::whole(o.seed, 0));
  app.add_option("--threads", threads, "Threads per rank, 0 = the rank's share of the node's cores")
      ->transform(cli::whole(threads, 0));
  cli::add_choice(app, "--device", o.device, "Where the eigensolver runs");
}

void SpectralCommand::complete(int n_threads) {
  auto& o = options;
  if (!model.empty() && !(graph.empty() && eigenvectors.empty()))
    throw InputError(
        "--model: there are no samples for --graph and --eigenvectors; leave them out, or draw some with "
        "k7_sample");
  if (model.empty() && accuracy)
    throw InputError("--accuracy: belongs to --model; what samples leave open is in their bars");
  o.accuracy = accuracy.value_or(o.accuracy);
  o.source = model.empty() ? samples : model;
  if (extrapolate && no_extrapolate)
    throw InputError("--extrapolate and --no-extrapolate: give at most one of them");
  if (extrapolate) o.limits = spectral::Limits::wanted;
  if (no_extrapolate) o.limits = spectral::Limits::none;
  o.keep_functions = !eigenvectors.empty();
  o.report_neighbors = !graph.empty();
  o.threads = n_threads;
  validate(o);
}

std::vector<cli::Outputs::File> SpectralCommand::files(GlobalIndex n_points, int ranks) const {
  const auto n = static_cast<std::uint64_t>(n_points);
  const auto count = static_cast<std::uint64_t>(options.eigenvalues);
  const auto k = static_cast<std::uint64_t>(options.neighbors);
  // Six rungs with more than twice as many eigenvalues as are reported, 32 bytes each.
  const auto json_bytes = (std::uint64_t{1} << 16) + 2048 * count + 64 * static_cast<std::uint64_t>(ranks);
  std::vector<cli::Outputs::File> result{{"--out", out, json_bytes}};
  if (!eigenvectors.empty()) {
    result.push_back({"--eigenvectors", eigenvectors,
                      io::SharedHdf5Output::space(spectral::eigenvector_bytes(n_points, count))});
    if (spectral::xdmf_obstacle(eigenvectors).empty())
      result.push_back({"--eigenvectors", spectral::xdmf_path(eigenvectors), 2048 * (count + 8)});
  }
  if (!graph.empty())
    result.push_back({"--graph", graph, io::SharedHdf5Output::space(2 * sizeof(double) * n * k)});
  return result;
}

}  // namespace k7::apps
