// SPDX-License-Identifier: Apache-2.0
#include "train/loss/left_invariant.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>

#include "g2/coframe.hpp"

namespace k7::train {
namespace {

using geometry::dim;
using Vector = Eigen::VectorXd;

constexpr int n_constants = dim * dim;

/// BFGS with a backtracking line search (Nocedal and Wright, "Numerical Optimization", algorithm 6.1), turned
/// inside out: it names the next point and is told value and gradient there, so that many searches share one
/// batched evaluation.
class Search {
 public:
  explicit Search(const Vector& start)
      : x_(start), trial_(start), inverse_hessian_(Eigen::MatrixXd::Identity(start.size(), start.size())) {}

  bool done() const { return done_; }
  double value() const { return value_; }
  const Vector& best() const { return x_; }
  const Vector& trial() const { return trial_; }
  void tell(double value, const Vector& gradient);

 private:
  void accept(double value, const Vector& gradient);
  void new_direction();

  Vector x_, trial_, gradient_, direction_;
  Eigen::MatrixXd inverse_hessian_;
  double value_ = std::numeric_limits<double>::infinity();
  double slope_ = 0.0;
  double length_ = 1.0;
  int steps_ = 0;
  bool done_ = false;
};

void Search::tell(double value, const Vector& gradient) {
  constexpr double armijo = 1e-4;
  constexpr double shortest = 1e-14;
  if (steps_ == 0) {
    if (std::isfinite(value)) value_ = value;  // a start without a value stays infinite and is the worst
    gradient_ = gradient;
    new_direction();
  } else if (value <= value_ + armijo * length_ * slope_) {
    accept(value, gradient);
    new_direction();
  } else {
    length_ *= 0.5;  // also when the value is not a number
    done_ = length_ < shortest;
  }
  trial_ = x_ + length_ * direction_;
}

void Search::accept(double value, const Vector& gradient) {
  const Vector s = trial_ - x_;
  const Vector y = gradient - gradient_;
  const double sy = s.dot(y);
  if (sy > 1e-12 * s.norm() * y.norm()) {
    const Vector hy = inverse_hessian_ * y;
    inverse_hessian_ +=
        ((sy + y.dot(hy)) / (sy * sy)) * s * s.transpose() - (hy * s.transpose() + s * hy.transpose()) / sy;
  }
  done_ = value >= value_;  // rounding
  x_ = trial_;
  value_ = value;
  gradient_ = gradient;
}

void Search::new_direction() {
  constexpr int most_steps = 600;
  constexpr double enough_gradient = 1e-8;
  ++steps_;
  done_ = done_ || steps_ > most_steps || !std::isfinite(value_) ||
          gradient_.norm() <= enough_gradient * (1.0 + std::abs(value_));
  direction_ = -inverse_hessian_ * gradient_;
  slope_ = direction_.dot(gradient_);
  if (!(slope_ < 0.0)) {
    inverse_hessian_.setIdentity();
    direction_ = -gradient_;
    slope_ = -gradient_.squaredNorm();
  }
  length_ = std::min(1.0, 1.0 / direction_.norm());
}

/// x: (n, 49) -> the forms whose network puts out these constants.
model::FormJet constant_forms(const model::LearnedForm& form, const at::Tensor& x,
                              const model::Batch& points) {
  return form.form({x, at::zeros({x.size(0), dim, n_constants}, at::kDouble)}, points);
}

std::vector<Search> random_searches(std::uint64_t seed, int starts) {
  std::vector<Search> searches;
  for (int start = 0; start < starts; ++start) {
    Vector x(n_constants);
    for (int i = 0; i < n_constants; ++i) {
      double u[2];
      geometry::uniform_pair({seed, geometry::Stream::baseline, static_cast<std::uint32_t>(start)},
                             static_cast<std::uint64_t>(i), 0, u);
      x[i] = 2.0 * u[0] - 1.0;
    }
    searches.emplace_back(x);
  }
  return searches;
}

/// One batched evaluation for all searches; those that are done repeat their last point. Returns whether any
/// goes on.
bool advance(std::vector<Search>& searches, const model::LearnedForm& form, const TorsionLoss& loss,
             const model::Batch& points) {
  const auto n = static_cast<std::int64_t>(searches.size());
  at::Tensor x = at::empty({n, n_constants}, at::kDouble);
  for (std::int64_t i = 0; i < n; ++i)
    Eigen::Map<Vector>(x.data_ptr<double>() + i * n_constants, n_constants) =
        searches[static_cast<std::size_t>(i)].trial();
  x.requires_grad_(true);
  const at::Tensor values = loss.per_point(constant_forms(form, x, points), points).loss;
  const at::Tensor gradients = torch::autograd::grad({values.sum()}, {x})[0].contiguous();
  bool any = false;
  for (std::int64_t i = 0; i < n; ++i) {
    Search& search = searches[static_cast<std::size_t>(i)];
    if (search.done()) continue;
    search.tell(values[i].item<double>(),
                Eigen::Map<const Vector>(gradients.data_ptr<double>() + i * n_constants, n_constants));
    any = any || !search.done();
  }
  return any;
}

/// What is known of the form at a point; all points are the same.
LeftInvariant describe(const model::FormJet& found, const TorsionLoss& loss, const model::Batch& point) {
  LeftInvariant result;
  const at::Tensor terms = loss.of(found, point, 1).terms;
  for (std::int64_t i = 0; i < terms.numel(); ++i) result.terms.push_back(terms[i].item<double>());
  const at::Tensor g = at::bmm(found.coframe.value.transpose(1, 2), found.coframe.value);
  const at::Tensor eigenvalues = at::linalg_eigvalsh(g)[0];
  result.cond_g = (eigenvalues[dim - 1] / eigenvalues[0]).item<double>();
  const auto* coframe = found.coframe.value.data_ptr<double>();
  result.coframe.assign(coframe, coframe + n_constants);
  return result;
}

}  // namespace

LeftInvariant best_left_invariant(const model::ModelSpec& spec, const TorsionLoss& loss, std::uint64_t seed,
                                  int starts, const std::function<bool()>& give_up) {
  model::ModelSpec constant = spec;
  constant.ansatz = model::Ansatz::coframe;
  constant.base.clear();
  constant.network = model::NetworkShape{spec.network.inputs, {1}, n_constants, model::Activation::tanh};
  const model::LearnedForm form(constant, at::kCPU);
  const geometry::DrawKey key{seed, geometry::Stream::baseline, 0};
  const model::Batch points = form.sample(key, 0, starts);  // where does not matter
  std::vector<Search> searches = random_searches(seed, starts);
  while (advance(searches, form, loss, points))
    if (give_up && give_up()) return {};

  const auto best = std::min_element(searches.begin(), searches.end(),
                                     [](const Search& a, const Search& b) { return a.value() < b.value(); });
  const at::NoGradGuard no_gradient;
  const at::Tensor x =
      at::from_blob(const_cast<double*>(best->best().data()), {1, n_constants}, at::kDouble).clone();
  const model::Batch point = form.sample(key, 0, 1);
  const model::FormJet found = constant_forms(form, x, point);
  LeftInvariant result = describe(found, loss, point);
  result.loss = best->value();
  result.starts = starts;
  result.starts_that_reached_it =
      static_cast<int>(std::count_if(searches.begin(), searches.end(), [&](const Search& s) {
        return s.value() <= best->value() + 1e-6 * (1.0 + std::abs(best->value()));
      }));
  return result;
}

}  // namespace k7::train
