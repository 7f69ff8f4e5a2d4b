// SPDX-License-Identifier: Apache-2.0
// Speed of whole training steps (sampling, loss, gradients, their sum over ranks, optimiser) beside the
// matrix products of the same threads in the same process. mpirun gives the ranks; training.py makes the
// table.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/blas.hpp"
#include "base/log.hpp"
#include "base/memory.hpp"
#include "base/progress.hpp"
#include "g2/torch.hpp"
#include "k7/model/threads.hpp"
#include "k7/parallel/environment.hpp"
#include "k7/train/train.hpp"

namespace k7 {
namespace {

/// FLOP/s over all ranks of products (2048, 512) (512, 512), the largest of a step, one on every thread.
double product_rate(const parallel::Communicator& comm, int threads, at::ScalarType type) {
  constexpr double flop = 2.0 * 2048 * 512 * 512;
  constexpr int repetitions = 40;
  constexpr int rounds = 5;
  const k7::SerialBlas serial(threads > 1);
  double best = 0.0;
  for (int round = 0; round < rounds; ++round) {
    comm.barrier();
    const k7::Stopwatch watch;
    at::parallel_for(0, threads, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t t = begin; t < end; ++t) {
        const at::Tensor a = at::ones({2048, 512}, type);
        const at::Tensor b = at::ones({512, 512}, type);
        at::Tensor c = at::empty({2048, 512}, type);
        for (int i = 0; i < repetitions; ++i) at::mm_out(c, a, b);
      }
    });
    const double rate = comm.sum(flop * repetitions * threads / watch.seconds());
    best = std::max(best, rate);
  }
  return best;
}

/// Of the matrix products of a step with torsion: values and 7 tangents forward, for the weights and, but for
/// the first layer, for the inputs backward.
double flop_of_step(const train::TrainOptions& options) {
  std::vector<int> widths = options.model.network.hidden;
  widths.insert(widths.begin(), options.model.network.inputs);
  widths.push_back(options.model.network.outputs);
  double weights = 0.0;
  for (std::size_t layer = 0; layer + 1 < widths.size(); ++layer)
    weights += (layer == 0 ? 4.0 : 6.0) * widths[layer] * widths[layer + 1];
  return weights * 8.0 * static_cast<double>(options.batch_size);
}

void run(train::TrainOptions options, const parallel::Communicator& comm, int threads) {
  train::complete(options);
  model::use_threads(threads);
  k7::set_blas_threads(threads);
  k7::keep_freed_memory();
  const at::ScalarType type = options.dtype == train::Precision::float64 ? at::kDouble : at::kFloat;
  double rate = product_rate(comm, threads, type);
  Observer silent;
  const train::TrainResult result = train::train(options, comm, silent);
  rate = std::max(rate, product_rate(comm, threads, type));
  const double step = result.timing->at("step_s").get<double>();
  const double memory = comm.max(k7::peak_memory_mib());
  if (!comm.is_root()) return;
  nlohmann::json line{{"ranks", comm.size()},
                      {"threads", threads},
                      {"dtype", name_of(options.dtype)},
                      {"preset", name_of(options.preset)},
                      {"step_s", step},
                      {"points_per_s", static_cast<double>(options.batch_size) / step},
                      {"peak_mib", memory},
                      {"product_gflops", 1e-9 * rate}};
  if (options.objective == train::ObjectiveChoice::torsion)
    line["share_of_peak"] = flop_of_step(options) / step / rate;
  std::printf("%s\n", line.dump().c_str());
}

}  // namespace
}  // namespace k7

int main(int argc, char** argv) {
  k7::prepare_process(argv);
  std::string preset = "neck";
  std::string dtype = "float64";
  int threads = 1;
  int steps = 10;
  CLI::App app{"Speed of whole training steps, as one line of JSON."};
  app.add_option("--preset", preset, "as of k7_train")->capture_default_str();
  app.add_option("--dtype", dtype, "as of k7_train")->capture_default_str();
  app.add_option("--threads", threads, "per rank")->capture_default_str();
  app.add_option("--steps", steps, "the median is shown")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const k7::parallel::Environment environment(argc, argv);
  k7::parallel::Communicator comm(MPI_COMM_WORLD);
  k7::start_log(comm.is_root(), -1);
  const auto known_preset = k7::value_of<k7::train::Preset>(preset);
  const auto known_dtype = k7::value_of<k7::train::Precision>(dtype);
  if (!known_preset || !known_dtype) {
    std::fprintf(stderr, "train_bench: unknown --preset or --dtype\n");
    return 2;
  }
  k7::train::TrainOptions options = k7::train::preset(*known_preset);
  options.dtype = *known_dtype;
  options.epochs = steps;
  options.validation_points = 1;
  options.report_points = 256;
  options.resume = "never";
  std::string folder = (std::filesystem::temp_directory_path() / "k7_train_bench.XXXXXX").string();
  if (comm.is_root() && mkdtemp(folder.data()) == nullptr) return 1;
  comm.broadcast(folder);
  options.out = folder;
  k7::run(options, comm, threads);
  if (comm.is_root()) std::filesystem::remove_all(folder);
  return 0;
}
