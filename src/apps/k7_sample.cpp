// SPDX-License-Identifier: Apache-2.0
// k7_sample: evaluates a learned or a constant metric at random points.
#include <fmt/format.h>

#include <memory>

#include "base/memory.hpp"
#include "base/stopwatch.hpp"
#include "cli/choice.hpp"
#include "cli/console.hpp"
#include "cli/run_main.hpp"
#include "k7/geometry/manifold.hpp"
#include "k7/model/constant_metric.hpp"
#include "k7/model/sample_to_file.hpp"
#include "k7/model/threads.hpp"
#include "k7/parallel/agree.hpp"

namespace {

using namespace k7;

struct SampleOptions {
  std::string model;
  std::string manifold;
  std::string metric_constant;
  std::vector<double> radii;
  model::SampleRequest request;
  DeviceChoice device = DeviceChoice::automatic;
  int threads = 0;
};

class SampleProgram final : public cli::Program {
 public:
  std::string name() const override { return "k7_sample"; }
  std::string summary() const override {
    return "Samples a metric at random points and writes an HDF5 file for k7_spectral.\n"
           "  k7_sample --model outputs/quick/best.h5 -N 10000 -o samples.h5\n"
           "  k7_sample --manifold s1xs3xs3 --radii 33,33,28 -N 100000 -o round.h5\n"
           "  k7_sample --manifold torus7 --metric-constant g.txt -N 100000 -o torus.h5";
  }

  void declare(CLI::App& app) override {
    auto& o = options_;
    auto* model = app.add_option("--model", o.model, "Checkpoint of k7_train (best.h5 or last.h5)");
    auto* manifold =
        app.add_option("--manifold", o.manifold, "Manifold of a constant metric")
            ->transform(cli::one_of(geometry::manifold_names(geometry::ManifoldUse::constant_metrics)));
    auto* constant = app.add_option("--metric-constant", o.metric_constant,
                                    "Text file of 7 x 7 numbers: the metric in the manifold's frame");
    auto* radii = app.add_option("--radii", o.radii, "R0,R1,R2: round product metric of s1xs3xs3")
                      ->delimiter(',')
                      ->transform(cli::positive());
    model->excludes(manifold)->excludes(constant)->excludes(radii);
    constant->excludes(radii);
    app.add_option("-N,--points", o.request.n_points, "How many points")
        ->transform(cli::whole(o.request.n_points, 1));
    app.add_option("--seed", o.request.seed, "The same seed gives the same points at any rank count")
        ->transform(cli::whole(o.request.seed, 0));
    app.add_option("-o,--out", o.request.out, "Sample file");
    cli::add_choice(app, "--device", o.device, "Where the network runs");
    app.add_option("--threads", o.threads, "Threads per rank, 0 = the rank's share of the node's cores")
        ->transform(cli::whole(o.threads, 0));
  }

  int requested_threads() const override { return options_.threads; }

  cli::ExitCode run(cli::Context& context) override {
    const k7::Stopwatch watch;
    const auto& comm = context.comm;
    cli::Console console(comm.is_root());
    model::use_threads(context.threads);
    const std::string manifold =
        options_.model.empty() ? sample_constant(comm, console) : sample_model(comm, console);
    console.info(fmt::format("{} points of {} in {:.1f} s, peak memory {:.0f} MiB per rank: {}",
                             options_.request.n_points, manifold, watch.seconds(),
                             comm.max(k7::peak_memory_mib()), options_.request.out));
    return cli::ExitCode::done;
  }

 private:
  /// Returns the manifold's name.
  std::string sample_model(const parallel::Communicator& comm, Observer& observer) const {
    const model::Model model(options_.model, comm, options_.device);
    model::sample_to_file(model, options_.request, comm, observer);
    return model.manifold().name();
  }

  std::string sample_constant(const parallel::Communicator& comm, Observer& observer) const {
    const auto& o = options_;
    std::unique_ptr<geometry::Manifold> manifold;
    std::vector<double> metric;
    parallel::agree(comm, [&] {
      if (o.radii.empty() && o.metric_constant.empty())
        throw InputError(
            "nothing to sample: give --model FILE, or --manifold NAME with --radii or --metric-constant");
      const std::string where = o.manifold.empty() ? "s1xs3xs3" : o.manifold;
      if (!o.radii.empty() && where != "s1xs3xs3")
        throw InputError("--radii belongs to --manifold s1xs3xs3; use --metric-constant for " + where);
      manifold = geometry::make_manifold(where);
      metric =
          o.radii.empty() ? model::read_constant_metric(o.metric_constant) : model::metric_of_radii(o.radii);
    });
    model::sample_to_file(*manifold, metric, o.request, comm, observer);
    return manifold->name();
  }

  SampleOptions options_;
};

}  // namespace

int main(int argc, char** argv) {
  SampleProgram program;
  return k7::cli::run_main(argc, argv, program);
}
