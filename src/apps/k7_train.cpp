// SPDX-License-Identifier: Apache-2.0
// k7_train: learns the G2 3-form phi with a neural network.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <vector>

#include "base/memory.hpp"
#include "base/progress.hpp"
#include "base/stop_signals.hpp"
#include "cli/choice.hpp"
#include "cli/run_main.hpp"
#include "k7/parallel/agree.hpp"
#include "k7/train/train.hpp"

namespace {

using namespace k7;

class TrainProgram final : public cli::Program {
 public:
  std::string name() const override { return "k7_train"; }
  std::string summary() const override {
    return "Learns the 3-form phi of a G2 structure with a neural network, data-parallel over MPI ranks.\n"
           "Writes DIR/last.h5 and DIR/best.h5 (checkpoints), DIR/history.csv and DIR/train.json.\n"
           "  k7_train --preset quick --out outputs/quick\n"
           "  mpirun -n 4 k7_train --preset neck --out outputs/neck\n"
           "  k7_train --preset bryant-salamon --out outputs/bs      (a known metric with holonomy G2)\n"
           "  k7_train --preset notebook --epochs 5000 --out outputs/notebook\n"
           "Exit codes: 0 done, 2 bad input, 4 loss not finite, 75 stopped by SIGTERM or SIGUSR1 (run again "
           "to go on).";
  }

  void declare(CLI::App& app) override {
    auto& o = options_;
    app.add_option("--preset", o.preset, "A full set of values for everything below; later options override")
        ->transform(cli::one_of(train::preset_names()));
    declare_model(app);
    declare_training(app);
    app.add_option("--seed", o.seed, "The same seed gives the same points and weights at any rank count")
        ->transform(cli::whole(o.seed, 0));
    app.add_option("--dtype", o.dtype,
                   "float64; mixed: the network in float32, geometry and loss in float64; float32: both in "
                   "float32. Weights, optimiser and reports are float64 in each")
        ->transform(cli::one_of({"float64", "mixed", "float32"}));
    app.add_option("--device", o.device, "Where tensors live")
        ->transform(cli::one_of({"auto", "cpu", "cuda"}));
    app.add_option("--comm", o.comm, "How gradients are summed")
        ->transform(cli::one_of({"auto", "mpi", "nccl"}));
    app.add_option("--threads", o.threads, "Threads per rank, 0 = the rank's share of the node's cores")
        ->transform(cli::whole(o.threads, 0));
    app.add_option("--out", o.out, "Run folder, made if it does not exist");
    app.add_option("--resume", o.resume, "auto (from DIR/last.h5 if there), never, or a checkpoint file");
    app.add_option("--checkpoint-every", o.checkpoint_every, "Epochs between checkpoints")
        ->transform(cli::whole(o.checkpoint_every, 1));
    app.add_option("--log-every", o.log_every, "Epochs between progress lines")
        ->transform(cli::whole(o.log_every, 1));
  }

  void apply_preset() override { options_ = train::preset(options_.preset); }
  int requested_threads() const override { return options_.threads; }
  bool stops_on_signal() const override { return true; }
  std::string results() const override { return options_.out; }

  cli::ExitCode run(cli::Context& context) override {
    check_options();
    const train::TrainResult result = train::train(options_, context.comm, context.threads, context.options);
    // Logged first: whatever happens to train.json, the numbers are there.
    log_summary(result);
    write_json(context, result);
    return exit_code(result);
  }

 private:
  void declare_model(CLI::App& app) {
    auto& o = options_;
    app.add_option("--manifold", o.model.manifold, "Where points are drawn and in which coordinates")
        ->transform(cli::one_of({"s1xs3xs3", "torus7", "interval-s3xs3", "notebook-chart"}));
    app.add_option("--objective", o.objective,
                   "torsion: |d phi|^2 + |d *phi|^2, exact derivatives; notebook: distance of phi to the "
                   "standard form")
        ->transform(cli::one_of({"torsion", "notebook"}));
    app.add_option(
           "--start", o.start,
           "background: the network starts at zero (phi = phi_0, or between the boundary values); random; "
           "left-invariant: at the best constant coframe")
        ->transform(cli::one_of({"background", "random", "left-invariant"}));
    cli::add_choice(
        app, "--metric-map", o.model.metric_map,
        "hitchin: the metric that phi defines; g2::contraction: g ~ phi_ikl phi_jkl, rescaled to det "
        "g = 65/32");
    cli::add_choice(app, "--ansatz", o.model.ansatz,
                    "coframe: phi = A^* phi_0, always a G2-structure; components: 35 free components of phi");
    // Vectors, not arrays: of an array's missing numbers CLI11 would look for the next in the word that
    // follows.
    radii_.assign(o.model.radii.begin(), o.model.radii.end());
    interval_.assign(o.model.interval.begin(), o.model.interval.end());
    app.add_option("--radii", radii_, "s1xs3xs3: scales of dtheta, sigma, Sigma in the learned coframe")
        ->delimiter(',')
        ->transform(cli::positive());
    app.add_option("--interval", interval_,
                   "interval-s3xs3: the ends of r, in units of the bolt radius a = 1")
        ->delimiter(',')
        ->transform(cli::positive());
    app.add_flag("--impose-det,!--no-impose-det", o.model.impose_det,
                 "coframe: det g = 65/32 exactly, everywhere");
    app.add_option("--condition-bound", o.model.condition_bound,
                   "coframe: largest cond(g) in the coframe, built in (implies --impose-det); 0 = none")
        ->transform(cli::non_negative());
    app.add_option("--hidden", o.model.network.hidden, "Widths of the hidden layers, e.g. 512,512,512,256")
        ->delimiter(',')
        ->transform(cli::whole(o.model.network.hidden, 1));
    cli::add_choice(app, "--activation", o.model.network.activation, "After every hidden layer");
  }

  void declare_training(CLI::App& app) {
    auto& o = options_;
    app.add_option("--epochs", o.epochs, "Steps, one fresh batch each")->transform(cli::whole(o.epochs, 1));
    app.add_option("--batch-size", o.batch_size, "Points per step over all ranks")
        ->transform(cli::whole(o.batch_size, 1));
    app.add_flag("--images,!--no-images", o.images,
                 "Random points come with their images under the symmetries of the manifold (s1xs3xs3: 256, "
                 "interval-s3xs3: 64): the same mean, far less noise");
    app.add_option("--lr", o.lr, "Learning rate at the start")->transform(cli::positive());
    app.add_option("--lr-min", o.lr_min, "Learning rate at the end (cosine, exponential)")
        ->transform(cli::non_negative());
    app.add_option("--weight-decay", o.weight_decay, "Decoupled weight decay")
        ->transform(cli::non_negative());
    app.add_option("--warmup-epochs", o.warmup_epochs, "Epochs of linear warm-up")
        ->transform(cli::whole(o.warmup_epochs, 0));
    app.add_option("--scheduler", o.scheduler, "Learning rate over the epochs")
        ->transform(cli::one_of({"cosine", "exponential", "plateau"}));
    app.add_option("--optimizer", o.optimizer,
                   "adamw, soap (Adam in Shampoo's eigenbasis): a fresh batch in every step; lbfgs: the same "
                   "points for 250 steps")
        ->transform(cli::one_of({"adamw", "soap", "lbfgs"}));
    app.add_option("--clip-norm", o.clip_norm, "Largest norm of the gradient")->transform(cli::positive());
    app.add_option("--patience", o.patience, "Epochs without a new best loss before stopping")
        ->transform(cli::whole(o.patience, 1));
    app.add_option("--min-delta", o.min_delta, "Smallest fall of the loss that counts as a new best")
        ->transform(cli::non_negative());
    app.add_option("--lambda-torsion", o.weights.torsion, "Weight of the torsion term")
        ->transform(cli::non_negative());
    app.add_option("--lambda-det", o.weights.det, "Weight of the determinant term")
        ->transform(cli::non_negative());
    app.add_option("--lambda-norm", o.weights.norm, "Weight of |phi phi - 6 delta|^2")
        ->transform(cli::non_negative());
    app.add_option("--lambda-smooth", o.weights.smooth, "Weight of the gradient penalty")
        ->transform(cli::non_negative());
    app.add_option("--lambda-trace", o.weights.trace, "Weight of tr(g)/7 in the coframe")
        ->transform(cli::non_negative());
    app.add_option(
           "--lambda-gauge", o.weights.gauge,
           "interval-s3xs3: weight of the distance to the known solution's lapse and shift, which fixes the "
           "coordinates")
        ->transform(cli::non_negative());
  }

  /// Exactly as many numbers as there are places for them.
  template <std::size_t n>
  static void set_numbers(std::array<double, n>& to, const std::vector<double>& from, const char* option,
                          const char* names) {
    if (from.size() != n)
      throw CollectiveError(Fault::bad_input, fmt::format("{}: has {} numbers; {} are needed, {}", option,
                                                          from.size(), n, names));
    std::copy(from.begin(), from.end(), to.begin());
  }

  void check_options() {
    set_numbers(options_.model.radii, radii_, "--radii", "R0,R1,R2");
    set_numbers(options_.model.interval, interval_, "--interval", "r0,r1");
    if (options_.lr_min > options_.lr)
      throw CollectiveError(Fault::bad_input,
                            fmt::format("--lr-min {}: is larger than --lr {}", options_.lr_min, options_.lr));
    if (options_.scheduler == "exponential" && !(options_.lr_min > 0.0))
      throw CollectiveError(Fault::bad_input,
                            "--lr-min 0: --scheduler exponential needs a positive rate at the end");
    if (options_.warmup_epochs >= options_.epochs)
      throw CollectiveError(Fault::bad_input,
                            fmt::format("--warmup-epochs {}: must be smaller than --epochs {}",
                                        options_.warmup_epochs, options_.epochs));
  }

  void write_json(cli::Context& context, const train::TrainResult& result) const {
    io::Json parallel = cli::parallel_json(context, result.device);
    parallel["comm"] = result.comm;
    parallel["peak_memory_mib"] = context.comm.all_gather(k7::peak_memory_mib());
    io::Json model = result.model;
    model["radii"] = options_.model.radii;  // in full: the option is recorded as it was typed
    const io::Json tree{{"metadata", cli::metadata_json(name())},
                        {"constants", io::constants_json()},
                        {"model", model},
                        {"training", result.training},
                        {"timing", result.timing},
                        {"parallel", parallel},
                        {"options", context.options}};
    parallel::agree_on_root(context.comm, [&] {
      io::write_results((std::filesystem::path(options_.out) / "train.json").string(), tree);
    });
  }

  void log_summary(const train::TrainResult& result) const {
    spdlog::info("{} after {} epochs in {}, best loss {:.6g}; results in {}",
                 result.training["stopped"].get<std::string>(), result.training["epochs"].get<int>(),
                 k7::human_time(result.timing["train_s"].get<double>()),
                 result.training["best_loss"].get<double>(), options_.out);
  }

  cli::ExitCode exit_code(const train::TrainResult& result) const {
    using Stop = train::TrainResult::Stop;
    if (result.stop == Stop::not_finite)
      throw CollectiveError(
          Fault::numerical,
          fmt::format(
              "the loss or its gradient became NaN or infinite; {0}/last.h5 is the last good state, after "
              "epoch {1}, and {0}/failed.h5 the bad one; try a smaller --lr",
              options_.out, result.training["epochs"].get<int>()));
    return result.stop == Stop::signal ? cli::ExitCode::interrupted : cli::ExitCode::done;
  }

  train::TrainOptions options_;
  std::vector<double> radii_;
  std::vector<double> interval_;
};

#if !defined(__SANITIZE_ADDRESS__)
// LibTorch takes half a second to start, and a signal that comes before main() must not end the program
// either. What stands in this section runs before the start of any library.
using Start = void (*)();
[[gnu::section(".preinit_array"), gnu::used]] const Start hold_signals = k7::hold_stop_signals;
#endif

}  // namespace

int main(int argc, char** argv) {
  TrainProgram program;
  return k7::cli::run_main(argc, argv, program);
}
