// SPDX-License-Identifier: Apache-2.0
// k7_spectral: Laplace spectrum of sampled points.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "base/memory.hpp"
#include "base/stopwatch.hpp"
#include "cli/choice.hpp"
#include "cli/console.hpp"
#include "cli/outputs.hpp"
#include "cli/run_main.hpp"
#include "io/shared_hdf5.hpp"
#include "k7/io/sample_file.hpp"
#include "k7/parallel/agree.hpp"
#include "k7/spectral/compute_spectrum.hpp"
#include "k7/spectral/session.hpp"
#include "spectral/output.hpp"

namespace {

using namespace k7;

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
    app.add_option("samples", o.source, "Sample file (HDF5) of k7_sample, or any with /coords and /metric")
        ->required()
        ->type_name("SAMPLES.h5");
    app.add_option("-k,--neighbors", o.neighbors, "Neighbours per point")
        ->transform(cli::whole(o.neighbors, 1));
    app.add_option("-n,--eigenvalues", o.eigenvalues,
                   "How many of the smallest eigenvalues, the zero mode counted")
        ->transform(cli::whole(o.eigenvalues, 1));
    cli::add_choice(
        app, "--method", o.method,
        "graph: calibrated graph Laplacian; ritz: Rayleigh-Ritz on global basis functions, the points as "
        "quadrature; notebook: the notebook's matrix, symmetrised");
    app.add_flag("--extrapolate", extrapolate_,
                 "Limits k, N -> infinity with error bars (the default for --method graph)");
    app.add_flag("--no-extrapolate", no_extrapolate_, "Eigenvalues of the one graph as it is");
    app.add_option("--h-star", prediction_.h_star, "H* of the prediction lambda_1 H* = target")
        ->transform(cli::positive());
    app.add_option("--lambda1-target", prediction_.target, "Target of the prediction lambda_1 H* = target")
        ->transform(cli::positive());
    app.add_flag("--require-pass", require_pass_, "Exit 3 unless the verdict is PASSED");
    app.add_option("-o,--out", out_, "Results (JSON)");
    app.add_option("--eigenvectors", eigenvectors_, "Also write eigenfunctions at the points (HDF5)");
    app.add_option("--graph", graph_, "Also write the neighbour lists (HDF5)");
    app.add_option("--seed", o.seed, "Of the eigensolver's start vector")->transform(cli::whole(o.seed, 0));
    app.add_option("--threads", threads_, "Threads per rank, 0 = the rank's share of the node's cores")
        ->transform(cli::whole(threads_, 0));
    cli::add_choice(app, "--device", o.device, "Where the eigensolver runs");
  }

  int requested_threads() const override { return threads_; }
  bool takes_passthrough_args() const override { return true; }
  std::string results() const override { return out_; }

  cli::ExitCode run(cli::Context& context) override {
    const auto& comm = context.comm;
    const Stopwatch watch;
    parallel::agree(comm, [&] { complete_options(context.threads); });
    cli::Outputs outputs(comm);
    outputs.check(options_.source, files(0, comm.size()));
    const spectral::Session session(comm, name(), context.passthrough_args);
    const io::SampleReader reader(options_.source, comm);
    parallel::agree(comm, [&] { validate(options_, reader.n_points(), comm.size()); });
    outputs.hold_space(files(reader.n_points(), comm.size()));
    auto report = compute(context, reader, outputs);
    report.prediction = prediction_;
    report.timing.total = watch.seconds();
    report_results(context, report, outputs);
    if (!eigenvectors_.empty())
      outputs.write(eigenvectors_, [&](const std::string& path) {
        spectral::write_eigenvectors(path, report.pairs, report.ids, report.n_points, comm);
      });
    return finish(report, outputs);
  }

 private:
  void complete_options(int threads) {
    auto& o = options_;
    if (extrapolate_ && no_extrapolate_)
      throw InputError("--extrapolate and --no-extrapolate: give at most one of them");
    if (extrapolate_) o.limits = spectral::Limits::wanted;
    if (no_extrapolate_) o.limits = spectral::Limits::none;
    o.keep_functions = !eigenvectors_.empty();
    o.report_neighbors = !graph_.empty();
    o.threads = threads;
    validate(o);
  }

  /// The outputs with the space that they take.
  std::vector<cli::Outputs::File> files(GlobalIndex n_points, int ranks) const {
    const auto n = static_cast<std::uint64_t>(n_points);
    const auto count = static_cast<std::uint64_t>(options_.eigenvalues);
    const auto k = static_cast<std::uint64_t>(options_.neighbors);
    // Fifteen rungs with more than twice as many eigenvalues as are reported, 32 bytes each.
    const auto json_bytes = (std::uint64_t{1} << 16) + 2048 * count + 64 * static_cast<std::uint64_t>(ranks);
    std::vector<cli::Outputs::File> result{{"--out", out_, json_bytes}};
    if (!eigenvectors_.empty())
      result.push_back(
          {"--eigenvectors", eigenvectors_, io::SharedHdf5Output::space(sizeof(double) * n * (count + 1))});
    if (!graph_.empty())
      result.push_back({"--graph", graph_, io::SharedHdf5Output::space(2 * sizeof(double) * n * k)});
    return result;
  }

  spectral::SpectrumReport compute(const cli::Context& context, const io::SampleReader& reader,
                                   cli::Outputs& outputs) const {
    const auto& comm = context.comm;
    const Stopwatch watch;
    cli::Console console(comm.is_root());
    auto cloud = spectral::read_points(reader, comm);
    const double seconds = watch.seconds();
    console.info(fmt::format("read {} points of {} from {}: {:.2f} s", cloud.n_global,
                             reader.manifold().name(), options_.source, seconds));
    spectral::NeighborsFound write;
    if (!graph_.empty())
      write = [&](const spectral::KnnGraph& graph) {
        outputs.write(graph_, [&](const std::string& path) {
          spectral::write_graph(path, graph, options_.neighbors, comm);
        });
      };
    auto report =
        spectral::compute_spectrum(std::move(cloud), reader.manifold(), options_, comm, console, write);
    report.timing.read = seconds;
    for (const auto& option : spectral::Session::unused_options())
      console.warn(option + " after -- is not an option that PETSc or SLEPc used here; is it misspelt?");
    return report;
  }

  /// Prints the table before anything is written: whatever happens to the files, it is there. Collective.
  void report_results(const cli::Context& context, const spectral::SpectrumReport& report,
                      cli::Outputs& outputs) const {
    const auto memory = context.comm.all_gather(peak_memory_mib());
    io::Json json;
    json["metadata"] = cli::metadata_json(name());
    json.update(spectral::spectrum_json(report));
    json["parallel"] = cli::parallel_json(context, report.on_gpu ? "cuda" : "cpu");
    json["parallel"]["peak_memory_mib"] = memory;
    json["parallel"]["halo_points"] = context.comm.all_gather(report.n_halo);
    json["options"] = context.options;
    if (context.comm.is_root()) {
      if (report.method == spectral::Method::notebook)
        std::puts("The notebook's Laplacian L is not symmetric; these are the eigenvalues of (L + L^T)/2.");
      std::fputs(spectral::spectrum_table(report).c_str(), stdout);
      std::printf("peak memory: %.0f MiB in the largest rank\n",
                  *std::max_element(memory.begin(), memory.end()));
      std::fflush(stdout);
    }
    outputs.write_results(out_, json);
    if (context.comm.is_root() && outputs.failures().empty()) std::printf("%s written\n", out_.c_str());
  }

  cli::ExitCode finish(const spectral::SpectrumReport& report, const cli::Outputs& outputs) const {
    if (!outputs.failures().empty()) throw CollectiveError(Fault::bad_input, outputs.failures());
    if (!report.pairs.converged) {
      spdlog::error(
          "only {} of {} eigenvalues converged; {} holds those. Try a larger -k, or -- -eps_max_it N",
          report.pairs.values.size(), options_.eigenvalues, out_);
      return cli::ExitCode::numerical;
    }
    return require_pass_ && !judge(report).passed ? cli::ExitCode::not_passed : cli::ExitCode::done;
  }

  spectral::SpectrumOptions options_;
  bool extrapolate_ = false;
  bool no_extrapolate_ = false;
  spectral::Prediction prediction_{geometry::Constants::h_star, geometry::Constants::lambda1_target};
  bool require_pass_ = false;
  int threads_ = 0;
  std::string out_ = "spectral.json";
  std::string eigenvectors_;
  std::string graph_;
};

}  // namespace

int main(int argc, char** argv) {
  SpectralProgram program;
  return k7::cli::run_main(argc, argv, program);
}
