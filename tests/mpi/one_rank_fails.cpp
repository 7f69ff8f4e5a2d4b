// SPDX-License-Identifier: Apache-2.0
// A program in which rank 1 fails alone while the others wait for it in a barrier.
#include "cli/run_main.hpp"

namespace {

class Failing final : public k7::cli::Program {
 public:
  std::string name() const override { return "one_rank_fails"; }
  std::string summary() const override { return "rank 1 fails alone"; }
  void declare(CLI::App&) override {}
  k7::cli::ExitCode run(k7::cli::Context& context) override {
    if (context.comm.rank() == 1) throw std::runtime_error("made to fail");
    context.comm.barrier();
    return k7::cli::ExitCode::done;
  }
};

}  // namespace

int main(int argc, char** argv) {
  Failing program;
  return k7::cli::run_main(argc, argv, program);
}
