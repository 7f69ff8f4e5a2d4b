// SPDX-License-Identifier: Apache-2.0
// k7_spectral: Laplace spectrum of sampled points.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <set>
#include <sstream>
#include <utility>

#include "k7/cli/run_main.hpp"
#include "k7/cli/validators.hpp"
#include "k7/geometry/conventions.hpp"
#include "k7/io/atomic_file.hpp"
#include "k7/io/sample_file.hpp"
#include "k7/parallel/agree.hpp"
#include "k7/parallel/memory.hpp"
#include "k7/parallel/progress.hpp"
#include "k7/spectral/components.hpp"
#include "k7/spectral/output.hpp"
#include "k7/spectral/partition.hpp"
#include "k7/spectral/session.hpp"
#include "k7/spectral/spectrum.hpp"

namespace {

using namespace k7;

struct SpectralOptions {
  std::string samples;
  int neighbors = 32;
  int eigenvalues = 15;
  std::string method = "graph";
  bool extrapolate = false;
  bool no_extrapolate = false;
  double h_star = geometry::Constants::h_star;
  double lambda1_target = geometry::Constants::lambda1_target;
  bool require_pass = false;
  std::string out = "spectral.json";
  std::string eigenvectors;
  std::string graph;
  std::uint64_t seed = 0;
  int threads = 0;
  std::string device = "auto";
};

/// One name per file, so that two ways to write it can be told to be the same.
std::filesystem::path full_path(const std::string& path) {
  return std::filesystem::weakly_canonical(std::filesystem::absolute(path));
}

void require(bool condition, const std::string& text) {
  if (!condition) throw InputError(text);
}

std::string number(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

class SpectralProgram final : public cli::Program {
 public:
  std::string name() const override { return "k7_spectral"; }
  std::string summary() const override {
    return "Laplace spectrum of sampled points; writes spectral.json.\n"
           "  k7_spectral samples.h5\n"
           "  mpirun -n 4 k7_spectral samples.h5 -k 30 -n 20 --eigenvectors modes.h5\n"
           "  k7_spectral samples.h5 -- -eps_monitor -log_view    options after -- go to PETSc and SLEPc";
  }

  void declare(CLI::App& app) override {
    auto& o = options_;
    app.add_option("samples", o.samples, "Sample file (HDF5) of k7_sample, or any with /coords and /metric")
        ->required();
    app.add_option("-k,--neighbors", o.neighbors, "Neighbours per point");
    app.add_option("-n,--eigenvalues", o.eigenvalues,
                   "How many of the smallest eigenvalues, the zero mode counted");
    app.add_option("--method", o.method,
                   "graph: calibrated graph Laplacian; notebook: the notebook's matrix, symmetrised")
        ->check(CLI::IsMember({"graph", "notebook"}));
    app.add_flag("--extrapolate", o.extrapolate, "Limits k, N -> infinity (not in this version)");
    app.add_flag("--no-extrapolate", o.no_extrapolate, "Eigenvalues of the one graph as it is");
    app.add_option("--h-star", o.h_star, "H* of the prediction lambda_1 H* = target");
    app.add_option("--lambda1-target", o.lambda1_target, "Target of the prediction lambda_1 H* = target");
    app.add_flag("--require-pass", o.require_pass, "Exit 3 unless the verdict is PASSED");
    app.add_option("-o,--out", o.out, "Results (JSON)");
    app.add_option("--eigenvectors", o.eigenvectors, "Also write eigenfunctions at the points (HDF5)");
    app.add_option("--graph", o.graph, "Also write the neighbour lists (HDF5)");
    app.add_option("--seed", o.seed, "Of the eigensolver's start vector")->check(cli::non_negative());
    app.add_option("--threads", o.threads, "Threads per rank, 0 = the rank's share of the node's cores");
    app.add_option("--device", o.device, "Where the eigensolver runs")
        ->check(CLI::IsMember({"auto", "cpu", "cuda"}));
  }

  int requested_threads() const override { return options_.threads; }
  bool takes_passthrough_args() const override { return true; }

  ExitCode run(cli::Context& context) override {
    parallel::agree(context.comm, [&] { check_options(); });
    parallel::agree_on_root(context.comm, [&] { check_outputs(); });
    const spectral::Session session(context.comm, name(), context.passthrough_args);
    parallel::agree(context.comm, [&] { choose_device(); });
    const spectral::KnnGraph graph = find_neighbors(context);
    if (!options_.graph.empty()) spectral::write_graph(options_.graph, graph, context.comm);
    lap();
    solve(context, graph);
    if (!options_.eigenvectors.empty())
      spectral::write_eigenvectors(options_.eigenvectors, report_.pairs, graph.ids, graph.n_global,
                                   context.comm);
    return finish(context, graph.n_halo);
  }

 private:
  void check_options() const {
    const auto& o = options_;
    require(o.neighbors >= 1, "-k " + std::to_string(o.neighbors) + ": at least 1 neighbour is needed");
    require(o.eigenvalues >= 1, "-n " + std::to_string(o.eigenvalues) + ": at least 1 eigenvalue is needed");
    require(!o.extrapolate,
            "--extrapolate: the limits k, N -> infinity are not in this version; leave --extrapolate out");
    require(std::isfinite(o.h_star) && o.h_star > 0.0,
            "--h-star " + number(o.h_star) + ": a positive number is needed");
    require(std::isfinite(o.lambda1_target) && o.lambda1_target > 0.0,
            "--lambda1-target " + number(o.lambda1_target) + ": a positive number is needed");
    require(o.threads >= 0, "--threads " + std::to_string(o.threads) + ": 0 or more are needed");
  }

  void check_outputs() const {
    std::set<std::filesystem::path> seen{full_path(options_.samples)};
    for (const auto& [option, path] :
         {std::pair{"--out", options_.out}, std::pair{"--eigenvectors", options_.eigenvectors},
          std::pair{"--graph", options_.graph}}) {
      if (path.empty() && std::string(option) != "--out") continue;
      const std::string obstacle = io::write_obstacle(path);
      require(obstacle.empty(), std::string(option) + " " + path + ": " + obstacle);
      require(seen.insert(full_path(path)).second,
              std::string(option) + " " + path +
                  ": the samples or another output are already this file; choose another name");
    }
  }

  void choose_device() {
    const bool available = options_.device != "cpu" && spectral::cuda_available();
    require(available || options_.device != "cuda",
            "--device cuda: this PETSc has no CUDA, or no GPU is there; use --device cpu, or a PETSc built "
            "with CUDA");
    device_ = available ? spectral::Device::cuda : spectral::Device::cpu;
  }

  void check_sizes(GlobalIndex n_points, int ranks) const {
    const std::string file = options_.samples + ": " + std::to_string(n_points) + " points are too few for ";
    require(n_points > options_.neighbors, file + "-k " + std::to_string(options_.neighbors) +
                                               "; give at least " + std::to_string(options_.neighbors + 1) +
                                               " points or a smaller -k");
    require(n_points > options_.eigenvalues,
            file + "-n " + std::to_string(options_.eigenvalues) + "; give at least " +
                std::to_string(options_.eigenvalues + 1) + " points or a smaller -n");
    require(n_points >= ranks,
            file + std::to_string(ranks) + " ranks; use at most " + std::to_string(n_points));
  }

  /// Seconds since the last call.
  double lap() {
    const double now = watch_.seconds();
    return now - std::exchange(last_lap_, now);
  }

  /// Reads, redistributes, searches. Points and trees are gone when it returns.
  spectral::KnnGraph find_neighbors(const cli::Context& context) {
    const auto& comm = context.comm;
    lap();
    const io::SampleReader reader(options_.samples, comm);
    parallel::agree(comm, [&] { check_sizes(reader.n_points(), comm.size()); });
    auto cloud = spectral::read_points(reader, comm);
    report_.n_points = cloud.n_global;
    report_.metric = spectral::metric_statistics(cloud, comm);
    report_.timing.read = lap();
    spdlog::info("read {} points of {} from {}: {:.2f} s", cloud.n_global, reader.manifold().name(),
                 options_.samples, report_.timing.read);

    const auto embedding = reader.manifold().embedding(spectral::mean_metric(cloud, comm));
    cloud = spectral::partition_points(std::move(cloud), *embedding, comm);
    const auto indexed = spectral::index_points(std::move(cloud), *embedding, comm, context.threads);
    report_.timing.partition = lap();
    spdlog::info("gave each rank a region: {:.2f} s", report_.timing.partition);

    auto graph = spectral::build_knn_graph(indexed, reader.manifold(), *embedding, options_.neighbors, comm,
                                           context.threads);
    const GlobalIndex halo = comm.max(graph.n_halo);
    report_.timing.knn = lap();
    spdlog::info("found {} neighbours of each point, largest halo {} points: {:.2f} s", graph.k, halo,
                 report_.timing.knn);
    return graph;
  }

  void solve(const cli::Context& context, const spectral::KnnGraph& graph) {
    const auto& comm = context.comm;
    spectral::NullSpace null_space;
    const spectral::Laplacian laplacian = assemble(comm, graph, null_space);
    report_.timing.assemble = lap();
    spdlog::info("assembled the {} matrix: {:.2f} s", options_.method, report_.timing.assemble);
    spectral::EigenOptions eigen;
    eigen.count = options_.eigenvalues;
    eigen.seed = options_.seed;
    report_.pairs = spectral::smallest_eigenpairs(laplacian, graph.ids, null_space, eigen, comm);
    report_.timing.eigensolve = lap();
    spdlog::info("computed {} eigenvalues: {:.2f} s", report_.pairs.values.size(), report_.timing.eigensolve);
    for (const auto& option : spectral::Session::unused_options())
      spdlog::warn("{} after -- is not an option that PETSc or SLEPc used here; is it misspelt?", option);
  }

  spectral::Laplacian assemble(const parallel::Communicator& comm, const spectral::KnnGraph& graph,
                               spectral::NullSpace& null_space) {
    const auto symmetric = spectral::symmetrize(graph, comm);
    const auto components = spectral::connected_components(symmetric, comm);
    report_.n_components = components.count;
    if (components.count > 1)
      spdlog::warn(
          "the graph falls into {} components, each with a zero mode of its own; raise -k to join them",
          components.count);
    if (options_.method == "notebook") {
      spdlog::info("the notebook's L is not symmetric: its matrix was symmetrised as (L + L^T)/2");
      return spectral::notebook_laplacian(graph, spectral::notebook_weights(graph), device_, comm);
    }
    null_space.count = static_cast<int>(std::min(components.count, GlobalIndex{options_.eigenvalues}));
    null_space.components =
        spectral::number_components(components, symmetric.row_begin, null_space.count, comm);
    return spectral::graph_laplacian(symmetric, options_.samples, device_, comm);
  }

  ExitCode finish(const cli::Context& context, GlobalIndex n_halo) {
    report_.method = options_.method;
    report_.k = options_.neighbors;
    report_.prediction = {options_.h_star, options_.lambda1_target};
    report_.timing.total = watch_.seconds();
    const auto memory = context.comm.all_gather(parallel::peak_memory_mib());
    const auto halos = context.comm.all_gather(n_halo);
    io::Json json;
    json["metadata"] = cli::metadata_json(name());
    json.update(spectral::spectrum_json(report_));
    json["parallel"] = cli::parallel_json(context, device_ == spectral::Device::cuda ? "cuda" : "cpu");
    json["parallel"]["peak_memory_mib"] = memory;
    json["parallel"]["halo_points"] = halos;
    json["options"] = context.options;
    parallel::agree_on_root(context.comm, [&] { io::write_json(options_.out, json); });
    if (context.comm.is_root()) print(*std::max_element(memory.begin(), memory.end()));
    if (!report_.pairs.converged) {
      spdlog::error(
          "only {} of {} eigenvalues converged; {} holds those. Try a larger -k, or -- -eps_max_it N",
          report_.pairs.values.size(), options_.eigenvalues, options_.out);
      return ExitCode::numerical;
    }
    const bool passed = spectral::judge(report_.pairs, report_.prediction).passed;
    return options_.require_pass && !passed ? ExitCode::not_passed : ExitCode::done;
  }

  void print(double memory) const {
    if (options_.method == "notebook")
      std::puts("The notebook's Laplacian L is not symmetric; these are the eigenvalues of (L + L^T)/2.");
    std::fputs(spectral::spectrum_table(report_).c_str(), stdout);
    std::printf("peak memory: %.0f MiB in the largest rank\n%s written\n", memory, options_.out.c_str());
  }

  SpectralOptions options_;
  spectral::Device device_ = spectral::Device::cpu;
  spectral::SpectrumReport report_{};
  parallel::Stopwatch watch_;
  double last_lap_ = 0.0;
};

}  // namespace

int main(int argc, char** argv) {
  SpectralProgram program;
  return k7::cli::run_main(argc, argv, program);
}
