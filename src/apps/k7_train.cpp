// SPDX-License-Identifier: Apache-2.0
// k7_train: learns the G2 3-form phi with a neural network.
#include <fmt/format.h>

#include "apps/train_command.hpp"
#include "base/memory.hpp"
#include "base/progress.hpp"
#include "base/stop_signals.hpp"
#include "cli/console.hpp"
#include "cli/run_main.hpp"
#include "k7/model/threads.hpp"
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

  void declare(CLI::App& app) override { command_.declare(app); }
  void apply_preset() override { command_.apply_preset(); }
  int requested_threads() const override { return command_.threads(); }
  bool stops_on_signal() const override { return true; }
  std::string results() const override { return command_.out(); }

  cli::ExitCode run(cli::Context& context) override {
    train::TrainOptions options = command_.options();
    for (const auto& [name, value] : context.options.items())
      options.record.emplace_back(name, value.is_string() ? value.get<std::string>() : value.dump());
    model::use_threads(context.threads);
    k7::keep_freed_memory();
    cli::Console console(context.comm.is_root());
    const train::TrainResult result = train::train(options, context.comm, console);
    // Logged first: whatever happens to train.json, the numbers are there.
    console.info(fmt::format("{} after {} epochs in {}, best loss {:.6g}; results in {}",
                             name_of(result.stop), result.epochs, k7::human_time(result.seconds),
                             result.best_loss, options.out));
    train::write_results(options, result, name(), context.threads, context.options, context.comm);
    return exit_code(options, result);
  }

 private:
  static cli::ExitCode exit_code(const train::TrainOptions& options, const train::TrainResult& result) {
    if (result.stop == train::Stop::not_finite)
      throw CollectiveError(
          Fault::numerical,
          fmt::format(
              "the loss or its gradient became NaN or infinite; {0}/last.h5 is the last good state, after "
              "epoch {1}, and {0}/failed.h5 the bad one; try a smaller --lr",
              options.out, result.epochs));
    return result.stop == train::Stop::signal ? cli::ExitCode::interrupted : cli::ExitCode::done;
  }

  apps::TrainCommand command_;
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
