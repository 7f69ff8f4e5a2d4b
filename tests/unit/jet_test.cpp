// SPDX-License-Identifier: Apache-2.0
// What training differentiates: forward-mode derivatives of networks and learned forms along the frame, and
// the gradients of losses of them in the parameters.
#include <Eigen/LU>
#include <functional>
#include <map>

#include "g2/coframe.hpp"
#include "g2/small_products.hpp"
#include "geometry/quaternion.hpp"
#include "k7/geometry/g2_structure.hpp"
#include "k7/geometry/sampler.hpp"
#include "model/learned_form.hpp"
#include "tensors.hpp"
#include "train/loss/torsion_loss.hpp"

namespace k7::train {
namespace {

using geometry::dim;
using geometry::n_phi;
using test::to_tensor;
using test::to_vector;

/// Numbers in (-1, 1).
at::Tensor random_tensor(at::IntArrayRef shape, std::uint32_t step) {
  return test::random_tensor(shape, 11, step);
}

constexpr geometry::DrawKey points_key{3, geometry::Stream::samples, 0};

/// |a - b| / max |b|.
double error(const at::Tensor& a, const at::Tensor& b) {
  return test::relative_to_largest(to_vector(a), to_vector(b));
}

double length(const at::Tensor& a) {
  return a.norm().item<double>();
}

/// Central differences at steps h and h / 2, measured against the exact derivative: the first error is h^2
/// large, the second four times smaller, and nothing of second order is left of their combination.
void expect_second_order(const std::function<at::Tensor(double)>& difference, const at::Tensor& exact,
                         double h, const std::string& what) {
  const at::Tensor coarse = difference(h);
  const at::Tensor fine = difference(0.5 * h);
  const double size = length(exact);
  ASSERT_TRUE(std::isfinite(size)) << what;
  ASSERT_GT(size, 0.0) << what;
  EXPECT_GT(length(coarse - exact) / size, 1e-8) << what;  // far from rounding, or the ratio means nothing
  EXPECT_NEAR(length(coarse - exact) / length(fine - exact), 4.0, 0.1) << what;
  EXPECT_LE(length((4.0 * fine - coarse) / 3.0 - exact) / size, 1e-8) << what;
}

/// Central differences of f in every parameter.
at::Tensor parameter_differences(const model::Network& network, const std::function<double()>& f, double h) {
  const at::Tensor parameters = network.parameters();
  at::Tensor result = at::empty_like(parameters);
  for (std::int64_t i = 0; i < parameters.numel(); ++i) {
    double& p = parameters.data_ptr<double>()[i];
    const double kept = p;
    p = kept + h;
    const double plus = f();
    p = kept - h;
    const double minus = f();
    p = kept;
    result.data_ptr<double>()[i] = (plus - minus) / (2.0 * h);
  }
  return result;
}

/// Values and gradients of products() are those of LibTorch's matmul.
TEST(Products, equal_matmul) {
  const std::vector<std::pair<std::vector<std::int64_t>, std::vector<std::int64_t>>> shapes{
      {{9, 7, 7}, {9, 7, 7}},       {{9, 5, 49}, {9, 49, 21}},    {{9, 3, 4}, {9, 4, 6}},
      {{9, 2, 7, 7}, {9, 1, 7, 7}}, {{9, 1, 7, 7}, {9, 8, 7, 7}}, {{1, 7, 7, 7}, {9, 1, 7, 7}},
      {{0, 7, 7}, {0, 7, 7}},       {{9, 0, 7, 7}, {9, 1, 7, 7}}, {{9, 1, 7, 7}, {9, 0, 7, 7}},
      {{9, 7, 7}, {9, 7, 49}},      {{9, 5, 49}, {9, 49, 49}}};
  for (const auto type : {at::kDouble, at::kFloat})
    for (const auto& [shape_a, shape_b] : shapes)
      for (const bool transposed : {false, true}) {
        const at::Tensor a = random_tensor(shape_a, 1).to(type).requires_grad_(true);
        auto swapped = shape_b;
        if (transposed) std::swap(swapped[swapped.size() - 1], swapped[swapped.size() - 2]);
        const at::Tensor leaf = random_tensor(swapped, 2).to(type).requires_grad_(true);
        const at::Tensor b = transposed ? leaf.transpose(-1, -2) : leaf;
        const at::Tensor expected = at::matmul(a, b);
        const at::Tensor found = g2::products(a, b);
        ASSERT_EQ(found.sizes(), expected.sizes());
        if (found.numel() == 0) continue;
        const double tolerance = type == at::kDouble ? 1e-14 : 1e-5;
        const auto expect_equal = [&](const at::Tensor& x, const at::Tensor& y) {
          ASSERT_EQ(x.sizes(), y.sizes());
          EXPECT_LE(error(x.to(at::kDouble), y.to(at::kDouble)), tolerance) << shape_a << shape_b;
        };
        expect_equal(found, expected);
        const at::Tensor weights = at::cos(expected.detach());
        const auto gradients = torch::autograd::grad({(found * weights).sum()}, {a, leaf});
        const auto wanted = torch::autograd::grad({(expected * weights).sum()}, {a, leaf});
        for (int i = 0; i < 2; ++i) expect_equal(gradients[i], wanted[i]);
      }
}

/// A manifold and an ansatz, completed as the program does it.
model::LearnedForm make_form(const model::ModelSpec& model, double output_gain,
                             const LossWeights& weights = {}) {
  TrainOptions options;
  options.model = model;
  options.weights = weights;
  complete(options);
  model::LearnedForm form(options.model, at::kCPU);
  form.network().initialise(5, 1.0, output_gain);
  for (const auto& slot : model::parameter_slots(form.network().shape()))  // biases that do something
    if (slot.shape.size() == 1)
      form.network()
          .parameters()
          .narrow(0, slot.offset, slot.count)
          .copy_(0.3 * (output_gain == 0.0 && slot.count == form.network().shape().outputs ? 0.0 : 1.0) *
                 random_tensor({slot.count}, static_cast<std::uint32_t>(slot.offset)));
  return form;
}

model::ModelSpec model_on(const std::string& manifold, model::Ansatz ansatz = model::Ansatz::coframe) {
  model::ModelSpec model;
  model.manifold = manifold;
  model.ansatz = ansatz;
  if (manifold == "s1xs3xs3")
    model.radii = {1.3, 0.8, 1.2};
  else
    model.radii = {1.0, 1.0, 1.0};
  model.network.hidden = {4};
  return model;
}

const std::vector<std::string> activations = all_names<model::Activation>();
const std::vector<std::string> trainable{"s1xs3xs3", "torus7", "interval-s3xs3"};

// ---- networks

/// Values and frame derivatives by one reverse pass per output.
g2::Jet reverse_mode(const model::Network& network, const at::Tensor& features) {
  const at::Tensor x = features[0].clone().requires_grad_(true);
  const at::Tensor y = network.forward(x);
  std::vector<at::Tensor> columns;
  for (std::int64_t o = 0; o < y.size(1); ++o) {
    const at::Tensor gradient =
        torch::autograd::grad({y.select(1, o).sum()}, {x}, {}, /*retain_graph=*/true)[0];
    columns.push_back(at::einsum("ani,ni->na", {features.narrow(0, 1, dim), gradient}));
  }
  return {y, at::stack(columns, 2)};
}

TEST(Jet, is_that_of_reverse_mode) {
  for (const auto& manifold : trainable)
    for (const auto& activation : activations)
      for (const auto& hidden : std::vector<std::vector<int>>{{9}, {9, 6}, {9, 6, 8}}) {
        model::ModelSpec model = model_on(manifold);
        model.network.hidden = hidden;
        model.network.activation = *value_of<model::Activation>(activation);
        const model::LearnedForm form = make_form(model, 1.0);
        const at::Tensor features = form.sample(points_key, 0, 13).features;
        const g2::Jet jet = form.network().forward_jet(features);
        const g2::Jet reverse = reverse_mode(form.network(), features);
        const std::string what = manifold + " " + activation + " " + std::to_string(hidden.size());
        EXPECT_LE(error(jet.value, reverse.value), 1e-12) << what;
        EXPECT_LE(error(jet.derivatives, reverse.derivatives), 1e-12) << what;
        EXPECT_GT(length(jet.derivatives), 0.1) << what;
      }
}

/// A scalar in which values and tangents of every output meet.
at::Tensor scalar_of(const g2::Jet& jet) {
  const at::Tensor c = random_tensor({jet.value.size(1)}, 1);
  const at::Tensor d = random_tensor({dim, jet.value.size(1)}, 2);
  return (jet.value * c).sum() + 0.5 * (jet.derivatives * d).square().sum() +
         (at::sin(jet.value).unsqueeze(1) * jet.derivatives * d).sum();
}

TEST(Jet, parameter_gradients_are_those_of_finite_differences) {
  for (const auto& activation : activations)
    for (const auto& hidden : std::vector<std::vector<int>>{{4}, {4, 3}, {3, 4, 3}}) {
      model::ModelSpec model = model_on("s1xs3xs3", model::Ansatz::components);
      model.network.hidden = hidden;
      model.network.activation = *value_of<model::Activation>(activation);
      const model::LearnedForm form = make_form(model, 1.0);
      const model::Network& network = form.network();
      const at::Tensor features = form.sample(points_key, 0, 5).features;
      network.add_gradients(network.gradients_of(scalar_of(network.forward_jet(features))));
      const at::Tensor gradient = network.gradients().clone();
      const at::NoGradGuard no_gradient;
      const auto value = [&] { return scalar_of(network.forward_jet(features)).item<double>(); };
      expect_second_order([&](double h) { return parameter_differences(network, value, h); }, gradient, 4e-3,
                          activation + " " + std::to_string(hidden.size()));
    }
}

TEST(Jet, gradients_of_chunks_add_up) {
  const model::LearnedForm form = make_form(model_on("s1xs3xs3"), 1.0);
  const model::Network& network = form.network();
  const at::Tensor features = form.sample(points_key, 0, 8).features;
  network.add_gradients(network.gradients_of(scalar_of(network.forward_jet(features))));
  const at::Tensor whole = network.gradients().clone();
  network.gradients().zero_();
  for (const std::int64_t begin : {0, 3}) {
    const at::Tensor part = features.narrow(1, begin, begin == 0 ? 3 : 5).contiguous();
    network.add_gradients(network.gradients_of(scalar_of(network.forward_jet(part))));
  }
  EXPECT_LE(error(network.gradients(), whole), 1e-13);
}

// ---- learned forms

struct Case {
  std::string name;
  model::ModelSpec model;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.name;
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const auto& manifold : trainable)
    for (const auto ansatz : {model::Ansatz::coframe, model::Ansatz::components})
      all.push_back(
          {manifold.substr(0, manifold.find('-')) + "_" + name_of(ansatz), model_on(manifold, ansatz)});
  all.push_back({"imposed_det", model_on("s1xs3xs3")});
  all.back().model.impose_det = true;
  all.push_back({"condition_bound", model_on("s1xs3xs3")});
  all.back().model.condition_bound = 2.0;
  all.push_back({"base", model_on("s1xs3xs3")});
  for (int i = 0; i < dim * dim; ++i)
    all.back().model.base.push_back((i % (dim + 1) == 0 ? 1.3 : 0.0) + 0.1 * std::sin(i + 1.0));
  return all;
}

class Learned : public testing::TestWithParam<Case> {};

/// The points moved along E_a, a direction of the scaled coframe, for time h.
std::vector<double> flow(const geometry::Manifold& manifold, std::vector<double> points, int a, double h) {
  const auto size = static_cast<std::size_t>(manifold.point_size());
  const double t = h / manifold.scale()[a];
  for (std::size_t first = 0; first < points.size(); first += size) {
    if (size == dim || a == 0) {
      points[first + a] += t;
      continue;
    }
    geometry::Quaternion unit{std::cos(t)};
    unit[1 + (a - 1) % 3] = std::sin(t);
    double* q = points.data() + first + (a < 4 ? 1 : 5);
    const auto moved = geometry::multiply({q[0], q[1], q[2], q[3]}, unit);
    std::copy(moved.begin(), moved.end(), q);
  }
  return points;
}

std::vector<double> draw(const geometry::Manifold& manifold, int n) {
  const auto size = static_cast<std::size_t>(manifold.point_size());
  std::vector<double> points(n * size);
  std::array<double, dim> coordinates{};
  for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i)
    manifold.sample(points_key, i, points.data() + i * size, coordinates.data());
  return points;
}

/// Central differences of phi, and of the coframe where there is one, along the frame: (n, 7, ...).
at::Tensor flow_differences(const model::LearnedForm& form, const std::vector<double>& points,
                            bool of_coframe, double h) {
  const auto value = [&](int a, double t) {
    const model::FormJet f = form.jet(form.at(flow(form.manifold(), points, a, t)));
    return of_coframe ? f.coframe.value : f.phi.value;
  };
  std::vector<at::Tensor> along;
  for (int a = 0; a < dim; ++a) along.push_back((value(a, h) - value(a, -h)) / (2.0 * h));
  return at::stack(along, 1);
}

TEST_P(Learned, derivatives_are_those_along_the_flow_of_the_frame) {
  const model::LearnedForm form = make_form(GetParam().model, 1.0);
  const auto points = draw(form.manifold(), 6);
  const at::NoGradGuard no_gradient;
  const model::FormJet f = form.jet(form.at(points));
  expect_second_order([&](double h) { return flow_differences(form, points, false, h); }, f.phi.derivatives,
                      4e-3, "phi");
  if (!f.coframe.value.defined()) return;
  expect_second_order([&](double h) { return flow_differences(form, points, true, h); },
                      f.coframe.derivatives, 4e-3, "coframe");
}

LossWeights all_weights(const model::ModelSpec& model) {
  auto weights =
      LossWeights::only({{"torsion", 1.0}, {"det", 0.7}, {"norm", 0.2}, {"smooth", 0.1}, {"trace", 0.9}});
  if (model.manifold == "interval-s3xs3") weights["gauge"] = 1.1;
  return weights;
}

/// The gradient of the loss at the network as it is, against central differences.
void expect_loss_gradient(const model::LearnedForm& form, const LossWeights& weights, double h) {
  constexpr GlobalIndex n = 4;
  const TorsionLoss loss(weights, form.manifold().structure());
  const model::Network& network = form.network();
  const model::Batch batch = form.sample(points_key, 0, n);
  network.gradients().zero_();
  network.add_gradients(network.gradients_of(loss(form, batch, n).loss));
  const at::Tensor gradient = network.gradients().clone();
  const at::NoGradGuard no_gradient;
  const auto value = [&] { return loss(form, batch, n).loss.item<double>(); };
  expect_second_order([&](double step) { return parameter_differences(network, value, step); }, gradient, h,
                      "loss");
}

TEST_P(Learned, loss_gradients_are_those_of_finite_differences) {
  const LossWeights weights = all_weights(GetParam().model);
  expect_loss_gradient(make_form(GetParam().model, 0.3, weights), weights, 1e-3);
}

TEST_P(Learned, loss_gradients_are_right_at_the_background) {
  const LossWeights weights = all_weights(GetParam().model);
  expect_loss_gradient(make_form(GetParam().model, 0.0, weights), weights, 1e-3);
}

/// The terms of the loss at one point, written out with the plain reference; its last term needs the known
/// solution.
std::map<std::string, double> terms_of(const geometry::Form3& phi, const std::vector<double>& derivatives,
                                       const geometry::Structure& structure, const geometry::Matrix7* exact) {
  const geometry::G2Structure s = geometry::g2_structure(phi);
  const geometry::Torsion t = geometry::torsion(s, derivatives.data(), structure);
  const geometry::Matrix7 identity = geometry::Matrix7::Identity();
  std::map<std::string, double> terms;
  terms["torsion_closed"] = t.norm2_dphi;
  terms["torsion_coclosed"] = t.norm2_dpsi;
  terms["torsion"] = t.norm2_dphi + t.norm2_dpsi;
  terms["det_mean"] = s.g.determinant();
  terms["det"] = std::pow(s.g.determinant() - 65.0 / 32.0, 2);
  terms["norm"] = (geometry::contraction(phi) - 6.0 * identity).squaredNorm();
  for (const double x : derivatives) terms["smooth"] += x * x;
  terms["trace"] = s.g.trace() / 7.0;
  terms["gauge"] = exact == nullptr ? 0.0 : (s.g - exact->transpose() * *exact).row(0).squaredNorm();
  terms["positive"] = 1.0;
  return terms;
}

TEST_P(Learned, loss_terms_are_their_definitions) {
  const LossWeights weights = all_weights(GetParam().model);
  const model::LearnedForm form = make_form(GetParam().model, 0.3, weights);
  const auto points = draw(form.manifold(), 6);
  const std::size_t n = 6;
  const at::NoGradGuard no_gradient;
  const model::Batch batch = form.at(points);
  const model::FormJet f = form.jet(batch);
  std::map<std::string, double> expected;
  for (std::size_t i = 0; i < n; ++i) {
    geometry::Matrix7 exact;
    const bool known = form.manifold().exact_coframe(&points[i * points.size() / n], exact.data());
    geometry::Form3 phi{};
    const auto row = static_cast<std::int64_t>(i);
    const auto values = to_vector(f.phi.value[row]);
    std::copy(values.begin(), values.end(), phi.begin());
    for (const auto& [name, value] : terms_of(phi, to_vector(f.phi.derivatives[row]),
                                              form.manifold().structure(), known ? &exact : nullptr))
      expected[name] += value / n;
  }
  for (const char* name : {"torsion", "det", "norm", "smooth", "trace", "gauge"})
    expected["loss"] += weights[name] * expected[name];
  const TorsionLoss loss(weights, form.manifold().structure());
  const auto result = loss(form, batch, n);
  EXPECT_EQ(expected.size(), loss.terms().size());
  for (std::size_t i = 0; i < loss.terms().size(); ++i) {
    const double value = expected.at(loss.terms()[i]);
    EXPECT_NEAR(result.terms[static_cast<std::int64_t>(i)].item<double>(), value,
                1e-11 * std::max(1.0, value))
        << loss.terms()[i];
  }
  EXPECT_NEAR(result.loss.item<double>(), expected["loss"], 1e-11 * expected["loss"]);
}

INSTANTIATE_TEST_SUITE_P(Ansaetze, Learned, testing::ValuesIn(cases()),
                         [](const auto& test) { return test.param.name; });

TEST(Background, is_the_standard_form_with_the_energy_of_its_metric) {
  // |d phi|^2 + |d psi|^2 = 24 (1/r1^2 + 1/r2^2) for phi_0 in the coframe of radii r0, r1, r2; over t^2 for
  // t^3 phi_0.
  for (const auto& c : cases()) {
    if (c.model.manifold != "s1xs3xs3" || !c.model.base.empty()) continue;
    const model::LearnedForm form = make_form(c.model, 0.0);
    const TorsionLoss loss({}, form.manifold().structure());
    const auto result = loss(form, form.sample(points_key, 0, 4), 4);
    const auto term = [&](const char* name) {
      return result.terms[static_cast<std::int64_t>(loss.index(name))].item<double>();
    };
    const auto& r = c.model.radii;
    const bool scaled = form.spec().impose_det;
    const double t_sq = scaled ? std::pow(geometry::Constants::det_g, 1.0 / 7.0) : 1.0;
    const double energy = 24.0 * (1.0 / (r[1] * r[1]) + 1.0 / (r[2] * r[2])) / t_sq;
    EXPECT_NEAR(term("torsion"), energy, 1e-12 * energy) << c.name;
    EXPECT_NEAR(term("det_mean"), std::pow(t_sq, 7.0), 1e-12) << c.name;
  }
}

TEST(Batch, images_follow_their_point_and_have_no_mean) {
  const model::LearnedForm form = make_form(model_on("s1xs3xs3"), 0.0);
  const int n = form.manifold().n_images();
  const at::Tensor all = form.sample_images(points_key, 0, 2 * n).features[0];
  for (const int first : {0, n})
    EXPECT_LE(all.narrow(0, first, n).mean(0).abs().max().item<double>(), 1e-14) << "from " << first;
  EXPECT_TRUE(at::equal(form.sample_images(points_key, 100, n).features[0], all.narrow(0, 100, n)));
}

// ---- what is built in

/// Outputs (n, 49) of a network without slope.
g2::Jet constant_outputs(const at::Tensor& x) {
  return {x, at::zeros({x.size(0), dim, x.size(1)}, at::kDouble)};
}

struct Conditions {
  at::Tensor condition;  ///< cond(g), (n)
  at::Tensor det;        ///< det g, (n)
};

Conditions conditions(const model::ModelSpec& model, const at::Tensor& outputs) {
  const model::LearnedForm form = make_form(model, 0.0);
  const model::FormJet f = form.form(constant_outputs(outputs), form.sample(points_key, 0, outputs.size(0)));
  const at::Tensor singular = std::get<1>(at::linalg_svd(f.coframe.value));
  const at::Tensor g = g2::g2_structure(f.phi.value).g;  // the coframe's metric is the 3-form's
  const at::Tensor by_coframe = at::bmm(f.coframe.value.transpose(1, 2), f.coframe.value);
  EXPECT_LE(error(g, by_coframe), 1e-12 * std::max(1.0, model.condition_bound));
  return {(singular.select(1, 0) / singular.select(1, dim - 1)).square(), at::linalg_det(by_coframe)};
}

TEST(ConditionBound, holds_for_any_outputs) {
  constexpr double det = geometry::Constants::det_g;
  for (const double bound : {1.0, 1.5, 2.0, 16.0, 64.0})
    for (const double spread : {0.1, 1.0, 10.0, 100.0, 1000.0}) {
      model::ModelSpec model = model_on("s1xs3xs3");
      model.condition_bound = bound;
      const Conditions c = conditions(model, spread * random_tensor({200, dim * dim}, 4));
      EXPECT_LE(c.condition.max().item<double>(), bound * (1.0 + 1e-12)) << bound << " " << spread;
      EXPECT_LE((c.det - det).abs().max().item<double>(), 1e-12 * det) << bound << " " << spread;
    }
}

TEST(ConditionBound, is_attained) {
  for (const double bound : {1.5, 2.0, 16.0, 64.0}) {
    model::ModelSpec model = model_on("s1xs3xs3");
    model.condition_bound = bound;
    at::Tensor outputs = 0.05 * random_tensor({5, dim, dim}, 6);
    outputs.diagonal(0, 1, 2).select(1, 2).add_(1.0);
    outputs.diagonal(0, 1, 2).select(1, 5).sub_(1.0);
    const Conditions c = conditions(model, outputs.view({5, dim * dim}));
    EXPECT_GE(c.condition.min().item<double>(), bound * 0.9) << bound;
    outputs.zero_();
    outputs.diagonal(0, 1, 2).select(1, 2).fill_(1.0);
    outputs.diagonal(0, 1, 2).select(1, 5).fill_(-1.0);
    const Conditions extreme = conditions(model, outputs.view({5, dim * dim}));
    EXPECT_GE(extreme.condition.min().item<double>(), bound * (1.0 - 1e-12)) << bound;
  }
}

TEST(ImposedDet, is_exact) {
  model::ModelSpec model = model_on("s1xs3xs3");
  model.impose_det = true;
  constexpr double det = geometry::Constants::det_g;
  for (const double spread : {0.01, 0.3}) {
    const Conditions c = conditions(model, spread * random_tensor({200, dim * dim}, 5));
    EXPECT_LE((c.det - det).abs().max().item<double>(), 1e-12 * det) << spread;
  }
}

}  // namespace
}  // namespace k7::train
