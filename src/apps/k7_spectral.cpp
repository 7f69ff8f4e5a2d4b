// SPDX-License-Identifier: Apache-2.0
// k7_spectral: Laplace spectrum of sampled points.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <numeric>
#include <set>
#include <utility>

#include "base/memory.hpp"
#include "base/progress.hpp"
#include "cli/run_main.hpp"
#include "cli/validators.hpp"
#include "io/atomic_file.hpp"
#include "k7/geometry/conventions.hpp"
#include "k7/io/sample_file.hpp"
#include "k7/parallel/agree.hpp"
#include "k7/spectral/session.hpp"
#include "k7/spectral/spectrum.hpp"
#include "spectral/cloud/partition.hpp"
#include "spectral/graph/components.hpp"
#include "spectral/knn/point_checks.hpp"
#include "spectral/limit/ladder.hpp"
#include "spectral/output.hpp"
#include "spectral/ritz/ritz.hpp"

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
        ->required()
        ->type_name("SAMPLES.h5");
    app.add_option("-k,--neighbors", o.neighbors, "Neighbours per point")
        ->transform(cli::whole(o.neighbors, 1));
    app.add_option("-n,--eigenvalues", o.eigenvalues,
                   "How many of the smallest eigenvalues, the zero mode counted")
        ->transform(cli::whole(o.eigenvalues, 1));
    app.add_option(
           "--method", o.method,
           "graph: calibrated graph Laplacian; ritz: Rayleigh-Ritz on global basis functions, the points "
           "as quadrature; notebook: the notebook's matrix, symmetrised")
        ->transform(cli::one_of({"graph", "ritz", "notebook"}));
    app.add_flag("--extrapolate", o.extrapolate,
                 "Limits k, N -> infinity with error bars (the default for --method graph)");
    app.add_flag("--no-extrapolate", o.no_extrapolate, "Eigenvalues of the one graph as it is");
    app.add_option("--h-star", o.h_star, "H* of the prediction lambda_1 H* = target")
        ->transform(cli::positive());
    app.add_option("--lambda1-target", o.lambda1_target, "Target of the prediction lambda_1 H* = target")
        ->transform(cli::positive());
    app.add_flag("--require-pass", o.require_pass, "Exit 3 unless the verdict is PASSED");
    app.add_option("-o,--out", o.out, "Results (JSON)");
    app.add_option("--eigenvectors", o.eigenvectors, "Also write eigenfunctions at the points (HDF5)");
    app.add_option("--graph", o.graph, "Also write the neighbour lists (HDF5)");
    app.add_option("--seed", o.seed, "Of the eigensolver's start vector")->transform(cli::whole(o.seed, 0));
    app.add_option("--threads", o.threads, "Threads per rank, 0 = the rank's share of the node's cores")
        ->transform(cli::whole(o.threads, 0));
    app.add_option("--device", o.device, "Where the eigensolver runs")
        ->transform(cli::one_of({"auto", "cpu", "cuda"}));
  }

  int requested_threads() const override { return options_.threads; }
  bool takes_passthrough_args() const override { return true; }
  std::string results() const override { return options_.out; }

  cli::ExitCode run(cli::Context& context) override {
    parallel::agree(context.comm, [&] { check_options(); });
    parallel::agree_on_root(context.comm, [&] { check_outputs(); });
    const spectral::Session session(context.comm, name(), context.passthrough_args);
    parallel::agree(context.comm, [&] { choose_device(); });
    const io::SampleReader reader(options_.samples, context.comm);
    parallel::agree(context.comm, [&] { check_sizes(reader.n_points(), context.comm.size()); });
    parallel::agree_on_root(context.comm, [&] { reserve_space(reader.n_points(), context.comm.size()); });
    manifold_ = &reader.manifold();
    if (options_.method == "ritz") {
      solve_ritz(context, reader);
      report_results(context);
      return finish();
    }
    const auto points = redistribute(context, reader);
    auto graph = find_neighbors(context, points);
    if (!options_.graph.empty()) {
      graph_space_.release();
      write_large(options_.graph, context.comm, [&](const std::string& path) {
        spectral::write_graph(path, graph, options_.neighbors, context.comm);
      });
    }
    lap();
    if (options_.method == "notebook") {
      solve_notebook(context, graph);
    } else {
      solve_graph(context, std::move(graph));
      if (!report_.ladder.empty()) extrapolate(context, points);
    }
    for (const auto& option : spectral::Session::unused_options())
      spdlog::warn("{} after -- is not an option that PETSc or SLEPc used here; is it misspelt?", option);
    report_results(context);
    if (!options_.eigenvectors.empty()) {
      eigenvector_space_.release();
      write_large(options_.eigenvectors, context.comm, [&](const std::string& path) {
        spectral::write_eigenvectors(path, report_.pairs, points.cloud.ids, points.cloud.n_global,
                                     context.comm);
      });
    }
    return finish();
  }

 private:
  void check_options() const {
    const auto& o = options_;
    require(o.method != "ritz" || (o.eigenvectors.empty() && o.graph.empty()),
            "--method ritz: it has neither a graph nor eigenvectors at the points; leave --graph and "
            "--eigenvectors out");
    require(!o.extrapolate || !o.no_extrapolate,
            "--extrapolate and --no-extrapolate: give at most one of them");
    require(!o.extrapolate || o.method == "graph",
            "--extrapolate: --method " + o.method +
                " has no limits of graphs; leave it out, or use --method graph");
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

  /// Holds the space of all outputs until they are written: a disk that fills up in the hours between would
  /// cost the results. Root only.
  void reserve_space(GlobalIndex n_points, int ranks) {
    const auto& o = options_;
    const auto n = static_cast<std::uint64_t>(n_points);
    const auto count = static_cast<std::uint64_t>(o.eigenvalues);
    constexpr std::uint64_t rest = std::uint64_t{1} << 16;
    // Fifteen rungs with more than twice as many eigenvalues as are reported, 32 bytes each.
    json_space_ = {o.out, rest + 2048 * count + 64 * static_cast<std::uint64_t>(ranks)};
    if (!o.eigenvectors.empty())
      eigenvector_space_ = {o.eigenvectors, io::SharedHdf5Output::space(sizeof(double) * n * (count + 1))};
    if (!o.graph.empty())
      graph_space_ = {o.graph, io::SharedHdf5Output::space(2 * sizeof(double) * n *
                                                           static_cast<std::uint64_t>(o.neighbors))};
  }

  /// Seconds since the last call.
  double lap() {
    const double now = watch_.seconds();
    return now - std::exchange(last_lap_, now);
  }

  spectral::PointCloud read(const parallel::Communicator& comm, const io::SampleReader& reader) {
    lap();
    auto cloud = spectral::read_points(reader, comm);
    spectral::require_measurable(cloud, *manifold_, options_.samples, comm);
    report_.n_points = cloud.n_global;
    report_.metric = spectral::metric_statistics(cloud, comm);
    report_.timing.read = lap();
    spdlog::info("read {} points of {} from {}: {:.2f} s", cloud.n_global, manifold_->name(),
                 options_.samples, report_.timing.read);
    return cloud;
  }

  void solve_ritz(const cli::Context& context, const io::SampleReader& reader) {
    const auto cloud = read(context.comm, reader);
    spectral::RitzOptions options;
    options.count = options_.eigenvalues;
    options.threads = context.threads;
    const auto ritz = spectral::ritz_spectrum(cloud, *manifold_, options_.samples, options, context.comm);
    report_.pairs.values = ritz.values;
    report_.pairs.zero_modes = 1;  // the constants are in the basis
    report_.n_components = 1;
    report_.limit.values = ritz.values;
    for (const double deviation : ritz.errors) report_.limit.errors.push_back(2.0 * deviation);
    report_.timing.eigensolve = lap();
    spdlog::info("{} basis functions of degree {}: {:.2f} s", ritz.basis_size, ritz.degree,
                 report_.timing.eigensolve);
    if (ritz.weights_from_metric)
      spdlog::info("{} has no /weight: points are taken as drawn uniformly in the frame", options_.samples);
  }

  /// Reads the points and gives each rank a region of them, in the order of its search tree.
  spectral::IndexedCloud redistribute(const cli::Context& context, const io::SampleReader& reader) {
    const auto& comm = context.comm;
    auto cloud = read(comm, reader);
    embedding_ = manifold_->embedding(spectral::mean_metric(cloud, comm));
    cloud = spectral::partition_points(std::move(cloud), *embedding_, comm);
    auto indexed = spectral::index_points(std::move(cloud), *embedding_, comm, context.threads);
    // The notebook's weights take copies of points, as long as they are few.
    constexpr int bearable_copies = 20000;
    const bool takes_copies = options_.method == "notebook";
    spectral::require_distinct(indexed, takes_copies ? bearable_copies : options_.neighbors, options_.samples,
                               comm);
    report_.timing.partition = lap();
    spdlog::info("gave each rank a region: {:.2f} s", report_.timing.partition);
    return indexed;
  }

  /// The graph of as many neighbours as the largest rung of the ladder needs.
  spectral::KnnGraph find_neighbors(const cli::Context& context, const spectral::IndexedCloud& points) {
    const auto& comm = context.comm;
    choose_ladder(points.cloud.n_global);
    const int k = graph_neighbors().back();
    auto graph = spectral::build_knn_graph(points, *manifold_, *embedding_, k, comm, context.threads);
    n_halo_ = graph.n_halo;
    report_.timing.knn = lap();
    spdlog::info("found {} neighbours of each point, largest halo {} points: {:.2f} s", graph.k,
                 comm.max(n_halo_), report_.timing.knn);
    return graph;
  }

  /// Halves of the points must have several times more points than the largest neighbourhood.
  void choose_ladder(GlobalIndex n_points) {
    ladder_ = spectral::ladder_neighbors(options_.neighbors);
    if (options_.method != "graph" || options_.no_extrapolate) return;
    ladder_ok_ = n_points >= GlobalIndex{8} * ladder_.back();
    if (ladder_ok_) return;
    obstacle_ = fmt::format("{} points are too few with -k {}; at least {} are needed", n_points,
                            options_.neighbors, 8 * ladder_.back());
    spdlog::warn("no limits k, N -> infinity: {}", obstacle_);
  }

  void solve_notebook(const cli::Context& context, const spectral::KnnGraph& graph) {
    const auto& comm = context.comm;
    const auto symmetric = spectral::symmetrize(graph, {graph.k}, spectral::Join::either, comm);
    note_components(spectral::connected_components(symmetric, graph.k, comm).count);
    spdlog::info("the notebook's L is not symmetric: its matrix was symmetrised as (L + L^T)/2");
    const auto laplacian =
        spectral::notebook_laplacian(graph, spectral::notebook_weights(graph), device_, comm);
    report_.timing.assemble = lap();
    report_.pairs = spectral::smallest_eigenpairs(laplacian, graph.ids, {}, eigen_options(), comm);
    report_.timing.eigensolve = lap();
    spdlog::info("computed {} eigenvalues: {:.2f} s", report_.pairs.values.size(), report_.timing.eigensolve);
  }

  void note_components(GlobalIndex count) {
    report_.n_components = count;
    if (count > 1)
      spdlog::warn(
          "the graph falls into {} components, each with a zero mode of its own; raise -k to join them",
          count);
  }

  spectral::EigenOptions eigen_options() const {
    spectral::EigenOptions eigen;
    eigen.count = options_.eigenvalues;
    eigen.seed = options_.seed;
    return eigen;
  }

  /// Numbers of neighbours whose graphs are needed.
  std::vector<int> graph_neighbors() const {
    return ladder_ok_ ? ladder_ : std::vector<int>{options_.neighbors};
  }

  void solve_graph(const cli::Context& context, spectral::KnnGraph directed) {
    const auto& comm = context.comm;
    const auto graph = spectral::symmetrize(directed, graph_neighbors(), spectral::Join::balanced, comm);
    directed = {};
    const int k = options_.neighbors;
    const auto components = spectral::connected_components(graph, k, comm);
    note_components(components.count);
    spectral::NullSpace null_space;
    null_space.count = static_cast<int>(std::min(components.count, GlobalIndex{options_.eigenvalues}));
    null_space.components = spectral::number_components(components, graph.row_begin, null_space.count, comm);
    spectral::Rung rung{0, k, graph.n_global, 0.0, 0.0, components.count, {}};
    {
      const auto laplacian = spectral::graph_laplacian(graph, k, options_.samples, device_, comm);
      rung.mean_degree = laplacian.mean_degree;
      rung.mean_distance_sq = laplacian.mean_distance_sq;
      report_.timing.assemble = lap();
      spdlog::info("assembled the matrix: {:.2f} s", report_.timing.assemble);
      rung.values = solve_whole_multiplets(laplacian, graph, null_space, comm);
      report_.timing.eigensolve = lap();
      spdlog::info("computed {} eigenvalues: {:.2f} s", rung.values.size(), report_.timing.eigensolve);
    }
    if (!report_.pairs.converged) obstacle_ = "the eigensolver did not converge";
    report_.limit = spectral::without_limit(rung, report_.pairs.zero_modes, obstacle_);
    if (!ladder_ok_ || !report_.pairs.converged) return;
    report_.ladder.push_back(std::move(rung));
    ladder_start_ = watch_.seconds();
    climb(context, graph, 0);
  }

  /// Edges of all rungs to climb, for the time left: all points but for the first rung, and both halves.
  double ladder_work() const {
    const double neighbors = std::accumulate(ladder_.begin(), ladder_.end(), 0.0);
    return static_cast<double>(report_.n_points) * (2.0 * neighbors - options_.neighbors);
  }

  /// Solves for more eigenvalues than are reported, until the last multiplet is seen to its end.
  /// @return all eigenvalues; the reported pairs are in report_
  std::vector<double> solve_whole_multiplets(const spectral::Laplacian& laplacian,
                                             const spectral::SymmetricGraph& graph,
                                             const spectral::NullSpace& null_space,
                                             const parallel::Communicator& comm) {
    auto options = eigen_options();
    const int most =
        static_cast<int>(std::min(GlobalIndex{2} * options_.eigenvalues + 16, graph.n_global - 1));
    for (options.count += 4;; options.count += options.count / 2) {
      options.count = std::min(options.count, most);
      const auto pairs = spectral::smallest_eigenpairs(laplacian, graph.ids, null_space, options, comm);
      const auto multiplets = spectral::find_multiplets(pairs.values, pairs.zero_modes, graph.n_global);
      const bool is_cut =
          !multiplets.empty() && multiplets.back().is_open && multiplets.back().first < options_.eigenvalues;
      if (is_cut && options.count < most && pairs.converged) continue;
      report_.pairs = spectral::first(pairs, options_.eigenvalues);
      return pairs.values;
    }
  }

  /// Solves the remaining rungs of one graph, with a tolerance far below their statistical noise.
  void climb(const cli::Context& context, const spectral::SymmetricGraph& graph, int part) {
    spectral::LadderOptions options{eigen_options(), options_.samples, device_};
    options.eigen.count = static_cast<int>(report_.ladder.front().values.size());
    options.eigen.tolerance = 1e-4;
    options.eigen.keep_functions = false;
    auto neighbors = ladder_;
    if (part == 0) neighbors.erase(std::find(neighbors.begin(), neighbors.end(), options_.neighbors));
    auto rungs = spectral::climb(graph, neighbors, part, options, context.comm, [&](const spectral::Rung& r) {
      climbed_ += static_cast<double>(r.n_points) * r.k;
      const double taken = watch_.seconds() - ladder_start_;
      spdlog::info("ladder: {} points, {} neighbours; {:.1f} s, about {:.0f} s left", r.n_points, r.k, taken,
                   taken * (ladder_work() / climbed_ - 1.0));
    });
    report_.ladder.insert(report_.ladder.end(), std::make_move_iterator(rungs.begin()),
                          std::make_move_iterator(rungs.end()));
  }

  void extrapolate(const cli::Context& context, const spectral::IndexedCloud& points) {
    const auto& comm = context.comm;
    for (const int part : {1, 2}) {
      const auto half = spectral::index_points(spectral::half_sample(points.cloud, part, comm), *embedding_,
                                               comm, context.threads);
      const auto graph = spectral::symmetrize(
          spectral::build_knn_graph(half, *manifold_, *embedding_, ladder_.back(), comm, context.threads),
          ladder_, spectral::Join::balanced, comm);
      climb(context, graph, part);
    }
    report_.limit = spectral::extrapolate(report_.ladder, report_.pairs.zero_modes);
    if (!report_.limit.obstacle.empty())
      spdlog::warn("no limits k, N -> infinity: {}", report_.limit.obstacle);
    report_.timing.extrapolate = lap();
  }

  /// Collective. A file that cannot be written does not keep the others from being written; finish() tells.
  void attempt(const std::function<void()>& write) {
    try {
      write();
    } catch (const CollectiveError& e) {
      if (e.fault() != Fault::bad_input) throw;
      failures_ += (failures_.empty() ? "" : "; ") + std::string(e.what());
    }
  }

  /// Collective. Writes a file, into a rescue folder where its own place has become impossible.
  void write_large(const std::string& path, const parallel::Communicator& comm,
                   const std::function<void(const std::string&)>& write) {
    attempt([&] {
      try {
        write(path);
      } catch (const CollectiveError& e) {
        if (e.fault() != Fault::bad_input) throw;
        const std::string rescued = rescue(path, comm, write);
        throw CollectiveError(
            e.fault(), std::string(e.what()) +
                           (rescued.empty() ? "; no other folder takes it either" : "; it is in " + rescued));
      }
    });
  }

  /// Collective. The name under which a file could be written after all; empty if nowhere.
  static std::string rescue(const std::string& path, const parallel::Communicator& comm,
                            const std::function<void(const std::string&)>& write) {
    for (const std::string& folder : io::rescue_folders()) {
      std::string name = comm.is_root() ? io::claim_rescue_name(path, folder) : "";
      comm.broadcast(name);
      if (name.empty()) continue;
      try {
        write(name);
        return name;
      } catch (const CollectiveError& e) {
        if (e.fault() != Fault::bad_input) throw;
        std::error_code ignored;
        if (comm.is_root()) std::filesystem::remove(name, ignored);
      }
    }
    return {};
  }

  /// Collective. Prints the table before anything is written: whatever happens to the files, it is there.
  void report_results(const cli::Context& context) {
    report_.method = options_.method;
    report_.k = options_.method == "ritz" ? 0 : options_.neighbors;
    report_.prediction = {options_.h_star, options_.lambda1_target};
    report_.timing.total = watch_.seconds();
    const auto memory = context.comm.all_gather(k7::peak_memory_mib());
    const auto halos = context.comm.all_gather(n_halo_);
    io::Json json;
    json["metadata"] = cli::metadata_json(name());
    json.update(spectral::spectrum_json(report_));
    json["parallel"] = cli::parallel_json(context, device_ == spectral::Device::cuda ? "cuda" : "cpu");
    json["parallel"]["peak_memory_mib"] = memory;
    json["parallel"]["halo_points"] = halos;
    json["options"] = context.options;
    if (context.comm.is_root()) print(*std::max_element(memory.begin(), memory.end()));
    json_space_.release();
    attempt([&] { parallel::agree_on_root(context.comm, [&] { io::write_results(options_.out, json); }); });
    if (context.comm.is_root() && failures_.empty()) std::printf("%s written\n", options_.out.c_str());
  }

  cli::ExitCode finish() const {
    if (!failures_.empty()) throw CollectiveError(Fault::bad_input, failures_);
    if (!report_.pairs.converged) {
      spdlog::error(
          "only {} of {} eigenvalues converged; {} holds those. Try a larger -k, or -- -eps_max_it N",
          report_.pairs.values.size(), options_.eigenvalues, options_.out);
      return cli::ExitCode::numerical;
    }
    const bool passed = spectral::judge(report_).passed;
    return options_.require_pass && !passed ? cli::ExitCode::not_passed : cli::ExitCode::done;
  }

  void print(double memory) const {
    if (options_.method == "notebook")
      std::puts("The notebook's Laplacian L is not symmetric; these are the eigenvalues of (L + L^T)/2.");
    std::fputs(spectral::spectrum_table(report_).c_str(), stdout);
    std::printf("peak memory: %.0f MiB in the largest rank\n", memory);
    std::fflush(stdout);
  }

  SpectralOptions options_;
  spectral::Device device_ = spectral::Device::cpu;
  const geometry::Manifold* manifold_ = nullptr;
  std::unique_ptr<geometry::Embedding> embedding_;
  std::vector<int> ladder_;
  bool ladder_ok_ = false;
  std::string obstacle_;       // why there are no limits though they are wanted
  double ladder_start_ = 0.0;  // seconds
  double climbed_ = 0.0;       // part of ladder_work()
  GlobalIndex n_halo_ = 0;
  spectral::SpectrumReport report_{};
  k7::Stopwatch watch_;
  double last_lap_ = 0.0;
  io::SpaceReservation json_space_;  // on rank 0
  io::SpaceReservation eigenvector_space_;
  io::SpaceReservation graph_space_;
  std::string failures_;  // of writing
};

}  // namespace

int main(int argc, char** argv) {
  SpectralProgram program;
  return k7::cli::run_main(argc, argv, program);
}
