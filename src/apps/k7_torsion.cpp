// SPDX-License-Identifier: Apache-2.0
// k7_torsion: what a 3-form is worth: its G2-structure and torsion, of a learned phi or of given samples.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <cmath>
#include <cstdio>

#include "base/memory.hpp"
#include "base/stopwatch.hpp"
#include "cli/choice.hpp"
#include "cli/console.hpp"
#include "cli/run_main.hpp"
#include "cli/torsion_table.hpp"
#include "k7/model/model.hpp"
#include "k7/model/threads.hpp"
#include "k7/model/torsion_of_fields.hpp"
#include "k7/parallel/agree.hpp"
#include "model/output_path.hpp"

namespace {

using namespace k7;

struct TorsionOptions {
  std::string model;
  std::string fields;
  GlobalIndex n_points = 100000;
  std::uint64_t seed = 0;
  std::string out;
  DeviceChoice device = DeviceChoice::automatic;
  int threads = 0;
};

class TorsionProgram final : public cli::Program {
 public:
  std::string name() const override { return "k7_torsion"; }
  std::string summary() const override {
    return "What a 3-form phi is worth: |d phi|^2, |d *phi|^2, the four torsion classes, positivity, det g.\n"
           "  k7_torsion --model outputs/neck/best.h5 -N 100000           at fresh random points\n"
           "  k7_torsion --fields mine.h5:/group -o torsion.h5            of your own samples\n"
           "--fields reads phi (M, 35), E_phi (M, 7, 35), the derivatives along the frame vectors E_a, and\n"
           "structure (7, 7, 7), C[c, a, b] with [E_a, E_b] = C[c, a, b] E_c (zero if absent: coordinates).\n"
           "It writes g, sqrt_det_g, orientation, psi, dphi, dpsi, tau0 ... tau3, norm2_... and positive of\n"
           "every row. Components of p-forms are a_I, I = i_1 < ... < i_p in lexicographic order. Where phi "
           "is\n"
           "not a G2-structure, positive is 0 and all but dphi is NaN.\n"
           "Exit codes: 0 done, 2 bad input, 4 a result that is not finite.";
  }

  void declare(CLI::App& app) override {
    auto& o = options_;
    auto* model = app.add_option("--model", o.model, "Checkpoint of k7_train (best.h5 or last.h5)");
    auto* fields = app.add_option("--fields", o.fields, "FILE.h5:/group, or FILE.h5 for the file's root");
    auto* points = app.add_option("-N,--points", o.n_points, "How many points, for --model")
                       ->transform(cli::whole(o.n_points, 1));
    fields->excludes(model)->excludes(points);
    app.add_option("--seed", o.seed, "The same seed gives the same points at any rank count, for --model")
        ->transform(cli::whole(o.seed, 0));
    app.add_option(
        "-o,--out", o.out,
        "--fields: the results (HDF5), torsion.h5 if not given; --model: also write the numbers (JSON)");
    cli::add_choice(app, "--device", o.device, "Where the network runs; --fields are computed on the CPU");
    app.add_option("--threads", o.threads, "Threads per rank, 0 = the rank's share of the node's cores")
        ->transform(cli::whole(o.threads, 0));
  }

  int requested_threads() const override { return options_.threads; }
  std::string results() const override { return options_.out; }

  cli::ExitCode run(cli::Context& context) override {
    const auto& comm = context.comm;
    parallel::agree(comm, [&] {
      if (options_.model.empty() && options_.fields.empty())
        throw InputError("nothing to measure: give --model FILE, or --fields FILE.h5:/group");
      if (!options_.fields.empty() && options_.device == DeviceChoice::cuda)
        throw InputError("--device cuda: --fields are computed on the CPU; leave --device out");
    });
    model::use_threads(context.threads);
    const k7::Stopwatch watch;
    cli::Console console(comm.is_root());
    const io::Json report =
        options_.fields.empty() ? measure_model(context, console, watch) : measure_fields(comm, console);
    const double memory = comm.max(k7::peak_memory_mib());
    if (comm.is_root() && !options_.out.empty()) std::printf("%s written\n", options_.out.c_str());
    console.info(fmt::format("{} points in {:.1f} s, peak memory {:.0f} MiB per rank",
                             report["points"].get<GlobalIndex>(), watch.seconds(), memory));
    if (cli::is_finite_torsion(report)) return cli::ExitCode::done;
    spdlog::error(
        "some results are not finite, so that nothing can be said of phi there; are its numbers too large?");
    return cli::ExitCode::numerical;
  }

 private:
  io::Json measure_model(const cli::Context& context, Observer& observer, const k7::Stopwatch& watch) const {
    const auto& o = options_;
    const auto& comm = context.comm;
    parallel::agree_on_root(comm, [&] { model::require_output(o.out, o.model, "the input"); });
    const model::Model model(o.model, comm, o.device);
    io::Json report = model.report(o.n_points, o.seed, comm);
    const double others = 1.0 - report["positive_fraction"].get<double>();
    if (report.contains("overflows"))
      observer.warn(
          fmt::format("phi or its determinant overflows at {:.0f} of {} points; has the training gone wrong?",
                      report["overflows"].get<double>(), o.n_points));
    else if (others > 0.0)
      observer.warn(
          fmt::format("phi is not a G2-structure at {:.0f} of {} points; the numbers are of the others",
                      std::round(others * static_cast<double>(o.n_points)), o.n_points));
    // Printed first: whatever happens to the file, the numbers are there.
    if (comm.is_root()) cli::print_torsion(report, o.model + " on " + model.manifold().name());
    if (o.out.empty()) return report;
    io::Json json{{"metadata", io::metadata_json(name())},
                  {"torsion", report},
                  {"timing", {{"total_s", watch.seconds()}}},
                  {"parallel", io::parallel_json(context.comm.size(), context.threads, model.device())},
                  {"options", context.options}};
    json["parallel"]["peak_memory_mib"] = comm.all_gather(k7::peak_memory_mib());
    parallel::agree_on_root(comm, [&] { io::write_results(o.out, json); });
    return report;
  }

  io::Json measure_fields(const parallel::Communicator& comm, Observer& observer) {
    if (options_.out.empty()) options_.out = "torsion.h5";
    io::Json report = model::torsion_of_fields(options_.fields, options_.out, comm, observer);
    if (comm.is_root()) cli::print_torsion(report, options_.fields);
    return report;
  }

  TorsionOptions options_;
};

}  // namespace

int main(int argc, char** argv) {
  TorsionProgram program;
  return k7::cli::run_main(argc, argv, program);
}
