// SPDX-License-Identifier: Apache-2.0
// What exact torsion costs beside the network that it is the torsion of. Default network and ansatz; one step
// is forward, loss and parameter gradients of one chunk of points. GFLOP/s count the matrix products of the
// network.
#include <benchmark/benchmark.h>

#include <thread>

#include "base/blas.hpp"
#include "g2/g2_structure.hpp"
#include "train/loss/torsion_loss.hpp"

namespace {

using namespace k7;
using geometry::dim;

struct Setting {
  train::TrainOptions options = train::preset(train::Preset::neck);
  std::unique_ptr<model::LearnedForm> form;
  std::unique_ptr<train::TorsionLoss> loss;
  model::Batch batch;
  GlobalIndex n_points;
  double gemm_flop;  ///< of a plain forward and backward pass

  Setting(model::Ansatz ansatz, GlobalIndex n) : n_points(n) {
    options.model.ansatz = ansatz;
    train::complete(options);
    form = std::make_unique<model::LearnedForm>(options.model, at::kCPU);
    form->network().initialise(0, 1.0, 0.25);
    loss = std::make_unique<train::TorsionLoss>(options.weights, form->manifold().structure());
    batch = form->sample({0, geometry::Stream::training, 0}, 0, n_points);
    gemm_flop = 6.0 * static_cast<double>(n_points * options.model.network.n_parameters());
  }
};

void report(benchmark::State& state, double flop, GlobalIndex n_points) {
  state.counters["GFLOP/s"] = benchmark::Counter(flop * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["points/s"] =
      benchmark::Counter(static_cast<double>(n_points), benchmark::Counter::kIsIterationInvariantRate);
}

/// Forward and backward of the network alone, the outputs compared with a constant.
void plain_step(benchmark::State& state) {
  const Setting s(model::Ansatz::coframe, state.range(0));
  for (auto _ : state)
    s.form->network().gradients_of(s.form->network().forward(s.batch.features[0]).square().sum());
  report(state, s.gemm_flop, s.n_points);
}

void torsion_step(benchmark::State& state, model::Ansatz ansatz) {
  const Setting s(ansatz, state.range(0));
  for (auto _ : state) s.form->network().gradients_of((*s.loss)(*s.form, s.batch, s.n_points).loss);
  report(state, 8.0 * s.gemm_flop, s.n_points);
}

/// The derivatives of 35 components by one reverse pass each, kept differentiable for the parameters.
void reverse_passes_step(benchmark::State& state) {
  const Setting s(model::Ansatz::components, state.range(0));
  const at::Tensor tangents = s.batch.features.narrow(0, 1, dim).permute({1, 0, 2});
  const g2::ExteriorDerivative d(s.form->manifold().structure());
  for (auto _ : state) {
    const at::Tensor x = s.batch.features[0].detach().requires_grad_(true);
    const at::Tensor out = s.form->network().forward(x);
    std::vector<at::Tensor> derivatives;
    for (int c = 0; c < geometry::n_phi; ++c) {
      const at::Tensor gradient = torch::autograd::grad({out.select(1, c).sum()}, {x}, {}, true, true)[0];
      derivatives.push_back(at::bmm(tangents, gradient.unsqueeze(2)).squeeze(2));
    }
    const model::FormJet f = s.form->form({out, at::stack(derivatives, 2)}, s.batch);
    s.form->network().gradients_of(s.loss->of(f, s.batch, s.n_points).loss);
  }
  report(state, 0.0, s.n_points);
}

/// The geometry without the network: phi and its derivatives are given.
void geometry_step(benchmark::State& state, model::Ansatz ansatz) {
  const Setting s(ansatz, state.range(0));
  const std::int64_t outputs = s.options.model.network.outputs;
  const at::Tensor value = (0.1 * at::randn({s.n_points, outputs}, at::kDouble)).requires_grad_(true);
  const at::Tensor derivatives =
      (0.1 * at::randn({s.n_points, dim, outputs}, at::kDouble)).requires_grad_(true);
  for (auto _ : state)
    s.loss->of(s.form->form({value, derivatives}, s.batch), s.batch, s.n_points).loss.backward();
  report(state, 0.0, s.n_points);
}

/// The machine's limit: one large matrix product.
void dgemm(benchmark::State& state) {
  const at::Tensor a = at::randn({4096, 512}, at::kDouble);
  const at::Tensor b = at::randn({512, 512}, at::kDouble);
  at::Tensor c = at::empty({4096, 512}, at::kDouble);
  for (auto _ : state) at::mm_out(c, a, b);
  report(state, 2.0 * 4096 * 512 * 512, 4096);
}

void at_chunk_sizes(benchmark::internal::Benchmark* b) {
  for (const int n : {128, 256, 512}) b->Arg(n);
  b->Unit(benchmark::kMillisecond)->UseRealTime();
}

BENCHMARK(dgemm)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(plain_step)->Apply(at_chunk_sizes)->Arg(4096);
BENCHMARK_CAPTURE(torsion_step, coframe, model::Ansatz::coframe)->Apply(at_chunk_sizes);
BENCHMARK_CAPTURE(torsion_step, components, model::Ansatz::components)->Apply(at_chunk_sizes);
BENCHMARK_CAPTURE(geometry_step, coframe, model::Ansatz::coframe)->Apply(at_chunk_sizes);
BENCHMARK_CAPTURE(geometry_step, components, model::Ansatz::components)->Apply(at_chunk_sizes);
BENCHMARK(reverse_passes_step)->Arg(128)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace

int main(int argc, char** argv) {
  k7::prepare_process(argv);
  benchmark::Initialize(&argc, argv);
  at::set_num_threads(static_cast<int>(std::thread::hardware_concurrency()));
  benchmark::RunSpecifiedBenchmarks();
}
