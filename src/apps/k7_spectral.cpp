// SPDX-License-Identifier: Apache-2.0
// k7_spectral: Laplace spectrum of sampled points.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "apps/eigenfunction_files.hpp"
#include "apps/model_metric.hpp"
#include "apps/spectral_command.hpp"
#include "base/stopwatch.hpp"
#include "cli/console.hpp"
#include "cli/outputs.hpp"
#include "cli/run_main.hpp"
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
           "  k7_spectral --model outputs/neck/best.h5\n"
           "  mpirun -n 4 k7_spectral samples.h5 -k 30 -n 20 --eigenvectors modes.h5\n"
           "  k7_spectral samples.h5 -- -eps_monitor -log_view    options after -- go to PETSc and SLEPc";
  }

  void declare(CLI::App& app) override { command_.declare(app); }
  int requested_threads() const override { return command_.threads; }
  bool takes_passthrough_args() const override { return true; }
  std::string results() const override { return command_.out; }

  cli::ExitCode run(cli::Context& context) override {
    const auto& comm = context.comm;
    const Stopwatch watch;
    parallel::agree(comm, [&] { command_.complete(context.threads); });
    cli::Outputs outputs(comm);
    outputs.check(command_.options.source, command_.files(0, comm.size()));
    const spectral::Session session(comm, name(), context.passthrough_args);
    auto report = command_.model.empty() ? of_samples(context, outputs) : of_model(context, outputs);
    for (const auto& option : spectral::Session::unused_options())
      cli::Console(comm.is_root())
          .warn(option + " after -- is not an option that PETSc or SLEPc used here; is it misspelt?");
    report.prediction = command_.prediction;
    report.timing.total = watch.seconds();
    report_results(context, report, outputs);
    cli::Console console(comm.is_root());
    if (!command_.eigenvectors.empty())
      apps::write_eigenfunctions(command_.eigenvectors, report, places_, comm, outputs, console);
    return finish(report, outputs);
  }

 private:
  spectral::SpectrumReport of_model(const cli::Context& context, cli::Outputs& outputs) const {
    const auto& comm = context.comm;
    cli::Console console(comm.is_root());
    outputs.hold_space(command_.files(0, comm.size()));
    const auto model =
        apps::open_model_metric({command_.model, command_.options.device, command_.options.threads}, comm);
    return spectral::compute_spectrum([&](const auto& points) { return model->at(points); },
                                      model->manifold(), command_.options, comm, console);
  }

  spectral::SpectrumReport of_samples(const cli::Context& context, cli::Outputs& outputs) {
    const auto& comm = context.comm;
    const io::SampleReader reader(command_.options.source, comm);
    parallel::agree(comm, [&] { validate(command_.options, reader.n_points(), comm.size()); });
    outputs.hold_space(command_.files(reader.n_points(), comm.size()));
    const Stopwatch watch;
    cli::Console console(comm.is_root());
    auto cloud = spectral::read_points(reader, comm, console);
    if (!command_.eigenvectors.empty()) places_ = spectral::places_of(cloud, reader.manifold());
    const double seconds = watch.seconds();
    console.info(fmt::format("read {} points of {} from {}: {:.2f} s", cloud.n_global,
                             reader.manifold().name(), command_.options.source, seconds));
    spectral::NeighborsFound write;
    if (!command_.graph.empty())
      write = [&](const spectral::KnnGraph& graph) {
        outputs.write(command_.graph, [&](const std::string& path) {
          spectral::write_graph(path, graph, command_.options.neighbors, comm);
        });
      };
    auto report = spectral::compute_spectrum(std::move(cloud), reader.manifold(), command_.options, comm,
                                             console, write);
    report.timing.read = seconds;
    return report;
  }

  /// Prints the table before anything is written: whatever happens to the files, it is there. Collective.
  void report_results(const cli::Context& context, const spectral::SpectrumReport& report,
                      cli::Outputs& outputs) const {
    const io::Json json =
        spectral::results_json(report, name(), context.threads, context.options, context.comm);
    const auto memory = json["parallel"]["peak_memory_mib"].get<std::vector<double>>();
    if (context.comm.is_root()) {
      if (report.method == spectral::Method::notebook)
        std::puts("The notebook's Laplacian L is not symmetric; these are the eigenvalues of (L + L^T)/2.");
      std::fputs(spectral::spectrum_table(report).c_str(), stdout);
      std::printf("peak memory: %.0f MiB in the largest rank\n",
                  *std::max_element(memory.begin(), memory.end()));
      std::fflush(stdout);
    }
    outputs.write_results(command_.out, json);
    if (context.comm.is_root() && outputs.failures().empty())
      std::printf("%s written\n", command_.out.c_str());
  }

  cli::ExitCode finish(const spectral::SpectrumReport& report, const cli::Outputs& outputs) const {
    if (!outputs.failures().empty()) throw CollectiveError(Fault::bad_input, outputs.failures());
    if (!report.pairs.converged) {
      spdlog::error(
          "only {} of {} eigenvalues converged; {} holds those. Try a larger -k, or -- -eps_max_it N",
          report.pairs.values.size(), command_.options.eigenvalues, command_.out);
      return cli::ExitCode::numerical;
    }
    return command_.require_pass && !judge(report).passed ? cli::ExitCode::not_passed : cli::ExitCode::done;
  }

  apps::SpectralCommand command_;
  spectral::Places places_;  ///< for --eigenvectors
};

}  // namespace

int main(int argc, char** argv) {
  SpectralProgram program;
  return k7::cli::run_main(argc, argv, program);
}
