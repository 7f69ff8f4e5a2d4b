// SPDX-License-Identifier: Apache-2.0
// k7_train: learns the G2 3-form phi with a neural network.
#include <spdlog/spdlog.h>

#include <filesystem>

#include "k7/cli/run_main.hpp"
#include "k7/cli/validators.hpp"
#include "k7/parallel/agree.hpp"
#include "k7/parallel/memory.hpp"
#include "k7/parallel/progress.hpp"
#include "k7/pinn/trainer.hpp"

namespace {

using namespace k7;

class TrainProgram final : public cli::Program {
 public:
  std::string name() const override { return "k7_train"; }
  std::string summary() const override {
    return "Learns the 3-form phi of a G2 structure with a neural network, data-parallel over MPI ranks.\n"
           "Writes DIR/last.h5 and DIR/best.h5 (checkpoints), DIR/history.csv and DIR/train.json.\n"
           "  k7_train --preset quick --out outputs/quick\n"
           "  mpirun -n 4 k7_train --preset notebook --epochs 5000 --out outputs/notebook\n"
           "Exit codes: 0 done, 2 bad input, 4 loss not finite, 75 stopped by SIGTERM or SIGUSR1 (run again "
           "to go on).";
  }

  void declare(CLI::App& app) override {
    auto& o = options_;
    app.add_option("--preset", o.preset, "A full set of values for everything below; later options override")
        ->check(CLI::IsMember(pinn::preset_names()));
    declare_model(app);
    declare_training(app);
    app.add_option("--seed", o.seed, "The same seed gives the same points and weights at any rank count")
        ->check(cli::non_negative());
    app.add_option("--dtype", o.dtype, "Number type of the network")->check(CLI::IsMember({"float64"}));
    app.add_option("--device", o.device, "Where tensors live")->check(CLI::IsMember({"auto", "cpu", "cuda"}));
    app.add_option("--comm", o.comm, "How gradients are summed")
        ->check(CLI::IsMember({"auto", "mpi", "nccl"}));
    app.add_option("--threads", o.threads, "Threads per rank, 0 = the rank's share of the node's cores")
        ->check(cli::non_negative());
    app.add_option("--out", o.out, "Run folder, made if it does not exist");
    app.add_option("--resume", o.resume, "auto (from DIR/last.h5 if there), never, or a checkpoint file");
    app.add_option("--checkpoint-every", o.checkpoint_every, "Epochs between checkpoints")
        ->check(cli::positive());
    app.add_option("--log-every", o.log_every, "Epochs between progress lines")->check(cli::positive());
  }

  void apply_preset() override { options_ = pinn::preset(options_.preset); }
  int requested_threads() const override { return options_.threads; }

  ExitCode run(cli::Context& context) override {
    check_options();
    const pinn::TrainResult result = pinn::train(options_, context.comm, context.threads, context.options);
    write_json(context, result);
    return report(result);
  }

 private:
  void declare_model(CLI::App& app) {
    auto& o = options_;
    app.add_option("--manifold", o.manifold, "Where points are drawn and in which coordinates")
        ->check(CLI::IsMember({"notebook-chart"}));
    app.add_option("--objective", o.objective, "notebook: distance of phi to the standard form")
        ->check(CLI::IsMember({"notebook"}));
    app.add_option("--metric-map", o.metric_map,
                   "contraction: g ~ phi_ikl phi_jkl, rescaled to det g = 65/32")
        ->check(CLI::IsMember({"contraction"}));
    app.add_option("--ansatz", o.ansatz, "components: 35 free components of phi")
        ->check(CLI::IsMember({"components"}));
    app.add_option("--hidden", o.network.hidden, "Widths of the hidden layers, e.g. 512,512,512,256")
        ->delimiter(',')
        ->check(cli::positive());
    app.add_option("--activation", o.network.activation, "After every hidden layer")
        ->check(CLI::IsMember({"silu", "tanh", "gelu"}));
  }

  void declare_training(CLI::App& app) {
    auto& o = options_;
    app.add_option("--epochs", o.epochs, "Steps, one fresh batch each")->check(cli::positive());
    app.add_option("--batch-size", o.batch_size, "Points per step over all ranks")->check(cli::positive());
    app.add_option("--lr", o.lr, "Learning rate at the start")->check(cli::positive());
    app.add_option("--lr-min", o.lr_min, "Learning rate at the end (cosine)")->check(cli::non_negative());
    app.add_option("--weight-decay", o.weight_decay, "Decoupled weight decay")->check(cli::non_negative());
    app.add_option("--warmup-epochs", o.warmup_epochs, "Epochs of linear warm-up")
        ->check(cli::non_negative());
    app.add_option("--scheduler", o.scheduler, "Learning rate over the epochs")
        ->check(CLI::IsMember({"cosine", "plateau"}));
    app.add_option("--optimizer", o.optimizer, "First-order method")->check(CLI::IsMember({"adamw"}));
    app.add_option("--clip-norm", o.clip_norm, "Largest norm of the gradient")->check(cli::positive());
    app.add_option("--patience", o.patience, "Epochs without a new best loss before stopping")
        ->check(cli::positive());
    app.add_option("--min-delta", o.min_delta, "Smallest fall of the loss that counts as a new best")
        ->check(cli::non_negative());
    app.add_option("--lambda-torsion", o.weights.torsion, "Weight of the torsion term")
        ->check(cli::non_negative());
    app.add_option("--lambda-det", o.weights.det, "Weight of the determinant term")
        ->check(cli::non_negative());
    app.add_option("--lambda-norm", o.weights.norm, "Weight of |phi phi - 6 delta|^2")
        ->check(cli::non_negative());
    app.add_option("--lambda-smooth", o.weights.smooth, "Weight of the gradient penalty")
        ->check(cli::non_negative());
  }

  void check_options() const {
    if (options_.lr_min > options_.lr)
      throw CollectiveError(ExitCode::bad_input,
                            fmt::format("--lr-min {}: is larger than --lr {}", options_.lr_min, options_.lr));
    if (options_.warmup_epochs >= options_.epochs)
      throw CollectiveError(ExitCode::bad_input,
                            fmt::format("--warmup-epochs {}: must be smaller than --epochs {}",
                                        options_.warmup_epochs, options_.epochs));
  }

  void write_json(cli::Context& context, const pinn::TrainResult& result) const {
    io::Json parallel = cli::parallel_json(context, result.device);
    parallel["comm"] = result.comm;
    parallel["peak_memory_mib"] = context.comm.all_gather(parallel::peak_memory_mib());
    const io::Json tree{{"metadata", cli::metadata_json(name())},
                        {"constants", io::constants_json()},
                        {"model", result.model},
                        {"training", result.training},
                        {"timing", result.timing},
                        {"parallel", parallel},
                        {"options", context.options}};
    parallel::agree_on_root(context.comm, [&] {
      io::write_json((std::filesystem::path(options_.out) / "train.json").string(), tree);
    });
  }

  ExitCode report(const pinn::TrainResult& result) const {
    using Stop = pinn::TrainResult::Stop;
    if (result.stop == Stop::not_finite)
      throw CollectiveError(
          ExitCode::numerical,
          fmt::format("the loss became NaN or infinite in epoch {}; the state before it is in {}; "
                      "try a smaller --lr",
                      result.training["epochs"].get<int>(), options_.out));
    spdlog::info("{} after {} epochs in {}, best loss {:.6g}; results in {}",
                 result.training["stopped"].get<std::string>(), result.training["epochs"].get<int>(),
                 parallel::human_time(result.timing["train_s"].get<double>()),
                 result.training["best_loss"].get<double>(), options_.out);
    return result.stop == Stop::signal ? ExitCode::interrupted : ExitCode::done;
  }

  pinn::TrainOptions options_;
};

}  // namespace

int main(int argc, char** argv) {
  TrainProgram program;
  return k7::cli::run_main(argc, argv, program);
}
