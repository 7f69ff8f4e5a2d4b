// SPDX-License-Identifier: Apache-2.0
// L-BFGS on functions with known minima; the best constant coefficients against tabulated minima; what the
// best weights are judged by.
#include <ATen/CPUGeneratorImpl.h>

#include <Eigen/Eigenvalues>
#include <cmath>
#include <memory>
#include <random>

#include "io/json_file.hpp"
#include "k7/model/threads.hpp"
#include "k7/train/train.hpp"
#include "tensors.hpp"
#include "test_data.hpp"
#include "train/checkpoint.hpp"
#include "train/loss/left_invariant.hpp"
#include "train/loss/torsion_loss.hpp"
#include "train/optimizer/adamw.hpp"
#include "train/optimizer/lbfgs.hpp"
#include "train/optimizer/soap.hpp"

namespace k7::train {
namespace {

/// Minimises f from x with up to `steps` steps; returns the last value.
template <class F>
double minimise(const F& f, const at::Tensor& x, int steps) {
  at::Tensor gradient = at::zeros_like(x);
  const auto evaluate = [&] {
    at::Tensor leaf = x.detach().clone().requires_grad_(true);
    const at::Tensor value = f(leaf);
    gradient.copy_(torch::autograd::grad({value}, {leaf})[0]);
    return value.template item<double>();
  };
  double loss = evaluate();
  Lbfgs optimiser(x);
  for (int i = 0; i < steps; ++i) {
    const StepResult result = optimiser.step(x, gradient, 0.0, {loss, evaluate});
    if (!result.moved) break;
    loss = result.loss.value();
  }
  return loss;
}

TEST(Lbfgs, solves_an_ill_conditioned_quadratic) {
  const at::Tensor scales = at::logspace(0.0, 4.0, 30, 10.0, at::kDouble);
  const at::Tensor x = at::ones({30}, at::kDouble);
  // The last step that is needed depends on the rounding of the BLAS kernel: 200 with AVX2, a few more with AVX-512.
  const double value = minimise([&](const at::Tensor& t) { return (scales * t * t).sum(); }, x, 220);
  EXPECT_LT(value, 1e-20);
}

TEST(Lbfgs, finds_the_minimum_of_rosenbrocks_valley) {
  const at::Tensor x = at::tensor({-1.2, 1.0}, at::kDouble);
  const auto valley = [](const at::Tensor& t) {
    return 100.0 * (t[1] - t[0] * t[0]).square() + (1.0 - t[0]).square();
  };
  EXPECT_LT(minimise(valley, x, 100), 1e-20);
  EXPECT_NEAR(x[0].item<double>(), 1.0, 1e-9);
}

TEST(Lbfgs, says_when_nothing_lower_is_near) {
  const at::Tensor x = at::zeros({3}, at::kDouble);
  const at::Tensor gradient =
      at::ones({3}, at::kDouble);  // wrong on purpose: the loss does not fall along it
  Lbfgs optimiser(x);
  const StepResult result =
      optimiser.step(x, gradient, 0.0, {0.0, [&] { return x.square().sum().item<double>(); }});
  EXPECT_FALSE(result.moved);
  EXPECT_FALSE(result.loss.has_value());
  EXPECT_EQ(x.abs().max().item<double>(), 0.0);
}

using Matrix = Eigen::MatrixXd;

/// Of a covariance with its preferred axes.
Matrix eigenvectors(Matrix a) {
  const auto n = a.rows();
  a.diagonal() += 1e-2 * a.trace() / static_cast<double>(n) * Eigen::VectorXd::LinSpaced(n, 1.0, 2.0);
  return Eigen::SelfAdjointEigenSolver<Matrix>(a).eigenvectors();
}

/// SOAP for one matrix after its paper's algorithm 3, with eigenvectors in place of the orthogonal iteration:
/// they are the same at the first gradient, and what follows up to the next refresh is compared.
TEST(Soap, takes_the_papers_steps_between_refreshes) {
  model::NetworkShape shape;
  shape.inputs = 3;
  shape.hidden = {};
  shape.outputs = 4;
  const at::Tensor parameters = at::randn({16}, at::make_generator<at::CPUGeneratorImpl>(5), at::kDouble);
  Soap optimiser(shape, parameters, 0.01);
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal;
  using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  Matrix w = Eigen::Map<const RowMajor>(parameters.data_ptr<double>(), 4, 3);
  Eigen::VectorXd bias = Eigen::Map<const Eigen::VectorXd>(parameters.data_ptr<double>() + 12, 4);
  Matrix left;
  Matrix right;
  Matrix m = Matrix::Zero(4, 3);
  Matrix v = Matrix::Zero(4, 3);
  Eigen::VectorXd m_bias = Eigen::VectorXd::Zero(4);
  Eigen::VectorXd v_bias = Eigen::VectorXd::Zero(4);
  constexpr double lr = 0.1;
  for (int step = 0; step < 9; ++step) {
    at::Tensor gradients = at::zeros({16}, at::kDouble);
    for (int i = 0; i < 16; ++i) gradients.data_ptr<double>()[i] = normal(random);
    const Matrix g = Eigen::Map<const RowMajor>(gradients.data_ptr<double>(), 4, 3);
    const Eigen::VectorXd g_bias = Eigen::Map<const Eigen::VectorXd>(gradients.data_ptr<double>() + 12, 4);
    optimiser.step(parameters, gradients, lr, {});
    if (step == 0) {
      left = eigenvectors(0.05 * g * g.transpose());
      right = eigenvectors(0.05 * g.transpose() * g);
    } else {
      const double correction = 1.0 - std::pow(0.95, step);
      m = 0.95 * m + 0.05 * g;
      const Matrix turned = left.transpose() * g * right;
      v = 0.95 * v + 0.05 * turned.cwiseProduct(turned);
      const Matrix direction =
          ((left.transpose() * m * right).array() / correction / ((v.array() / correction).sqrt() + 1e-8))
              .matrix();
      w = (1.0 - lr * 0.01) * w - lr * left * direction * right.transpose();
      m_bias = 0.95 * m_bias + 0.05 * g_bias;
      v_bias = 0.95 * v_bias + 0.05 * g_bias.cwiseProduct(g_bias);
      bias = (1.0 - lr * 0.01) * bias -
             lr * (m_bias.array() / correction / ((v_bias.array() / correction).sqrt() + 1e-8)).matrix();
    }
    EXPECT_LT((Eigen::Map<const RowMajor>(parameters.data_ptr<double>(), 4, 3) - w).cwiseAbs().maxCoeff(),
              1e-10)
        << step;
    EXPECT_LT((Eigen::Map<const Eigen::VectorXd>(parameters.data_ptr<double>() + 12, 4) - bias)
                  .cwiseAbs()
                  .maxCoeff(),
              1e-12)
        << step;
  }
}

/// |A (W - W0) B|^2 with A and B that mix all entries: Adam sees no axis, SOAP finds them.
TEST(Soap, finds_the_axes_that_adam_does_not_see) {
  model::NetworkShape shape;
  shape.inputs = 12;
  shape.hidden = {};
  shape.outputs = 10;
  auto generator = at::make_generator<at::CPUGeneratorImpl>(1);
  const auto turned = [&](std::int64_t n) {
    const at::Tensor q = std::get<0>(at::linalg_qr(at::randn({n, n}, generator, at::kDouble)));
    return at::mm(q * at::logspace(0.0, -1.5, n, 10.0, at::kDouble), q.t());
  };
  const at::Tensor a = turned(10);
  const at::Tensor b = turned(12);
  const at::Tensor target = at::randn({10, 12}, generator, at::kDouble);
  const auto last_loss = [&](Optimizer& optimiser, const at::Tensor& parameters) {
    double loss = 0.0;
    for (int i = 0; i < 400; ++i) {
      at::Tensor leaf = parameters.detach().clone().requires_grad_(true);
      const at::Tensor w = leaf.narrow(0, 0, 120).view({10, 12});
      const at::Tensor value = at::mm(at::mm(a, w - target), b).square().sum();
      loss = value.item<double>();
      const at::Tensor gradient = torch::autograd::grad({value}, {leaf})[0];
      optimiser.step(parameters, gradient, 0.03 * (1.0 - i / 400.0), {});
    }
    return loss;
  };
  const at::Tensor x = at::zeros({130}, at::kDouble);
  const at::Tensor y = at::zeros({130}, at::kDouble);
  Soap soap(shape, x, 0.0);
  AdamW adam(y, 0.0);
  EXPECT_LT(last_loss(soap, x), 0.1 * last_loss(adam, y));
}

LossWeights energy_only() {
  return LossWeights::only({{"torsion", 1.0}});
}

model::ModelSpec unit_neck() {
  model::ModelSpec spec;
  spec.radii = {1.0, 1.0, 1.0};
  spec.impose_det = true;
  return spec;
}

LeftInvariant best(const model::ModelSpec& spec, const LossWeights& weights) {
  const TorsionLoss loss(weights, model::manifold_of(spec)->structure());
  return best_left_invariant(spec, loss, 0, 32);
}

io::Hdf5File golden() {
  return io::Hdf5File::open(std::string(K7_TEST_DATA) + "/g2_fields.h5");
}

TEST(LeftInvariant, minima_under_a_condition_bound_are_the_tabulated_ones) {
  const auto file = golden();
  const auto kappa = file.read("/left_invariant_energy/condition_bound/kappa");
  const auto minimum = file.read("/left_invariant_energy/condition_bound/E_min");
  for (const double bound : {1.25, 2.0, 4.0}) {
    const auto i = static_cast<std::size_t>(std::find(kappa.begin(), kappa.end(), bound) - kappa.begin());
    ASSERT_LT(i, kappa.size());
    model::ModelSpec spec = unit_neck();
    spec.condition_bound = bound;
    const LeftInvariant found = best(spec, energy_only());
    EXPECT_NEAR(found.loss, minimum[i], 1e-6) << "cond(g) <= " << bound;
    EXPECT_LE(found.cond_g, bound * (1.0 + 1e-12));
  }
}

TEST(LeftInvariant, minima_with_a_trace_penalty_are_the_tabulated_ones) {
  const auto file = golden();
  const auto mu = file.read("/left_invariant_energy/trace_penalty/mu");
  const auto minimum = file.read("/left_invariant_energy/trace_penalty/J_min");
  for (const double weight : {40.0, 10.0}) {
    const auto i = static_cast<std::size_t>(std::find(mu.begin(), mu.end(), weight) - mu.begin());
    ASSERT_LT(i, mu.size());
    LossWeights weights = energy_only();
    weights["trace"] = weight;
    EXPECT_NEAR(best(unit_neck(), weights).loss, minimum[i], 1e-6) << "mu = " << weight;
  }
}

TrainResult run(const TrainOptions& options) {
  model::use_threads(1);
  Observer silent;
  return train(options, test::world(), silent);
}

struct Kept {
  std::unique_ptr<model::LearnedForm> form;
  std::unique_ptr<TorsionLoss> loss;
};

/// The best form of a run, and what the run minimised.
Kept kept_by(TrainOptions options) {
  complete(options);
  Kept kept{std::make_unique<model::LearnedForm>(options.model, at::kCPU), nullptr};
  const auto weights = read_checkpoint(options.out + "/best.h5").best_parameters;
  kept.form->network().parameters().copy_(test::to_tensor(weights, {-1}));
  kept.loss = std::make_unique<TorsionLoss>(options.weights, kept.form->manifold().structure());
  return kept;
}

/// 300 points of the neck: an orbit of 256 and a part of the next.
TEST(Images, are_the_points_of_a_batch) {
  const test::TemporaryFolder folder;
  for (const bool images : {false, true}) {
    TrainOptions options = preset(Preset::neck);
    options.model.network.hidden = {8};
    options.start = StartChoice::random;
    options.epochs = 1;
    options.batch_size = 300;
    options.images = images;
    options.report_points = 256;
    options.min_delta = 1e9;  // the random weights are kept
    options.resume = "never";
    options.out = folder / (images ? "images" : "plain");
    const double seen = run(options).training->at("final_loss").get<double>();
    const auto [form, loss] = kept_by(options);
    const geometry::DrawKey key{options.seed, geometry::Stream::training, 0};
    const model::Batch expected = images ? form->sample_images(key, 0, 300) : form->sample(key, 0, 300);
    EXPECT_NEAR(seen, (*loss)(*form, expected, 300).loss.item<double>(), 1e-12 * seen) << images;
    const model::Batch other = images ? form->sample(key, 0, 300) : form->sample_images(key, 0, 300);
    EXPECT_GT(std::abs(seen - (*loss)(*form, other, 300).loss.item<double>()), 1e-4 * seen) << images;
  }
}

/// 1024 points of the neck are 4 orbits of 256; of the torus, 8 blocks of 128.
TEST(Validation, is_the_upper_end_of_an_interval_of_the_mean) {
  const test::TemporaryFolder folder;
  for (const auto& [manifold, block] : {std::pair{"s1xs3xs3", 256}, std::pair{"torus7", 128}}) {
    TrainOptions options = preset(Preset::neck);
    options.model.manifold = manifold;
    options.model.radii = {1.0, 1.0, 1.0};
    options.model.network.hidden = {8};
    options.start = StartChoice::random;
    options.epochs = 1;
    options.batch_size = 64;
    options.validation_points = 1024;
    options.report_points = 256;
    options.min_delta = 1e9;  // the random weights are kept
    options.resume = "never";
    options.out = folder / manifold;
    const double judged = run(options).training->at("best_loss").get<double>();

    const auto [form, loss] = kept_by(options);
    const geometry::DrawKey key{options.seed, geometry::Stream::validation, 1};
    std::vector<double> means;
    for (GlobalIndex begin = 0; begin < 1024; begin += block) {
      const at::NoGradGuard no_gradient;
      means.push_back((*loss)(*form, form->sample_images(key, begin, block), block).loss.item<double>());
    }
    const at::Tensor x = at::tensor(means, at::kDouble);
    const double mean = x.mean().item<double>();
    const double error = x.std().item<double>() / std::sqrt(static_cast<double>(means.size()));
    EXPECT_GT(error, 1e-4 * mean) << manifold;
    EXPECT_NEAR(judged, mean + 1.96 * error, 1e-10 * mean) << manifold;
  }
}

}  // namespace
}  // namespace k7::train
