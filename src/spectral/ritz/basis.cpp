// SPDX-License-Identifier: Apache-2.0
#include "spectral/ritz/basis.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <queue>
#include <utility>

namespace k7::spectral {

using Eigen::Index;
using Eigen::MatrixXd;
using geometry::dim;

namespace {

constexpr double half_pi = 0.5 * geometry::pi;
constexpr std::size_t max_features = 2 * dim;  // cos and sin of seven coordinates; 10 on S1 x S3 x S3

}  // namespace

ScaledFeatures::ScaledFeatures(const PointCloud& cloud, const geometry::Manifold& manifold,
                               const parallel::Communicator& comm)
    : manifold_(manifold), scale_(manifold.scale()), n_(static_cast<std::size_t>(manifold.n_features())) {
  const Range range = range_of_points(cloud, comm);
  constexpr double rounding = 1e-12;
  std::vector<std::vector<bool>> directions;  // of each group
  for (std::size_t j = 0; j < n_; ++j) {
    const double half_width = 0.5 * range.high[j] - 0.5 * range.low[j];
    const double centre = 0.5 * range.high[j] + 0.5 * range.low[j];
    if (!(half_width > rounding * std::abs(centre))) continue;  // constant on all points
    bool has_ends = true;
    for (std::size_t m = 1; m <= dim; ++m) {
      const double low = range.low[m * n_ + j];
      const double high = range.high[m * n_ + j];
      has_ends = has_ends && high - low <= rounding * std::max(std::abs(low), std::abs(high));
    }
    std::vector<bool> varies_along;
    for (std::size_t m = 1; m <= dim; ++m)
      varies_along.push_back(range.low[m * n_ + j] != 0.0 || range.high[m * n_ + j] != 0.0);
    const auto same = std::find(directions.begin(), directions.end(), varies_along);
    const auto group = static_cast<std::size_t>(same - directions.begin());
    if (same == directions.end()) {
      directions.push_back(varies_along);
      const auto first = std::find(varies_along.begin(), varies_along.end(), true);
      groups_.push_back({static_cast<int>(first - varies_along.begin()),
                         static_cast<int>(std::count(first, varies_along.end(), true)),
                         {},
                         has_ends});
    }
    groups_[group].features.push_back(count());
    kept_.push_back({j, centre, half_width, has_ends});
  }
}

ScaledFeatures::Range ScaledFeatures::range_of_points(const PointCloud& cloud,
                                                      const parallel::Communicator& comm) const {
  const std::size_t size = (1 + dim) * n_;
  Range range{std::vector<double>(size, std::numeric_limits<double>::infinity()),
              std::vector<double>(size, -std::numeric_limits<double>::infinity())};
  std::vector<double> raw(size);
  for (std::size_t i = 0; i < cloud.size(); ++i) {
    manifold_.features(cloud.point(i), raw.data(), raw.data() + n_);
    for (std::size_t j = 0; j < size; ++j) {
      range.low[j] = std::min(range.low[j], raw[j]);
      range.high[j] = std::max(range.high[j], raw[j]);
    }
  }
  comm.min(range.low.data(), size);
  comm.max(range.high.data(), size);
  return range;
}

void ScaledFeatures::evaluate(const double* point, Index row, MatrixXd& values, MatrixXd& gradients) const {
  std::array<double, (1 + dim) * max_features> raw{};
  manifold_.features(point, raw.data(), raw.data() + n_);
  for (Index column = 0; column < count(); ++column) {
    const Feature& feature = kept_[static_cast<std::size_t>(column)];
    const double x = (raw[feature.index] - feature.centre) / feature.half_width;
    const double slope = feature.has_ends ? half_pi * std::cos(half_pi * x) : 1.0;
    values(row, column) = feature.has_ends ? std::sin(half_pi * x) : x;
    // features() differentiates along the learned coframe's frame, which is E_m / scale_m.
    for (std::size_t m = 0; m < dim; ++m)
      gradients(static_cast<Index>(m) * values.rows() + row, column) =
          scale_[m] * raw[(1 + m) * n_ + feature.index] * slope / feature.half_width;
  }
}

double energy_of(const ScaledFeatures::Group& group, double of_degree_1, int degree) {
  return of_degree_1 * degree * (degree + group.n_directions - 1.0) / group.n_directions;
}

Polynomials::Polynomials(int n_features, int degree)
    : degree_(degree), next_energy_(std::numeric_limits<double>::infinity()) {
  products_.push_back({0, 0, -1});
  std::vector<int> last{0};  // highest feature in each product, so that each set of factors comes once
  Index begin = 0;
  for (int d = 1; d <= degree; ++d) {
    const Index end = size();
    smaller_size_ = end;
    for (Index parent = begin; parent < end; ++parent)
      for (int feature = last[static_cast<std::size_t>(parent)]; feature < n_features; ++feature) {
        add(parent, feature);
        last.push_back(feature);
      }
    begin = end;
  }
}

namespace {

/// A product that may become a member of the basis.
struct Candidate {
  bool is_first;      ///< it is there whatever its energy
  std::int64_t rank;  ///< energy in steps, so that rounding orders nothing
  double energy;
  std::vector<int> factors;  ///< ascending features
  Index parent;              ///< in the list of products
};

/// Products in the order of their energies.
class ByEnergy {
 public:
  ByEnergy(const std::vector<ScaledFeatures::Group>& groups, const BasisChoice& choice)
      : groups_(groups), choice_(choice) {
    for (std::size_t g = 0; g < groups.size(); ++g)
      for (const int feature : groups[g].features) {
        if (feature >= static_cast<int>(group_of_.size()))
          group_of_.resize(static_cast<std::size_t>(feature) + 1);
        group_of_[static_cast<std::size_t>(feature)] = g;
      }
    heap_.push({true, 0, 0.0, {}, 0});
  }

  bool empty() const { return heap_.empty(); }
  /// The least energy of the products that were not taken.
  double next_energy() const {
    return heap_.empty() ? least_refused_ : std::min(least_refused_, heap_.top().energy);
  }

  /// Takes the next product; its children become candidates. @param index that the product will have
  Candidate take(Index index) {
    Candidate product = heap_.top();
    heap_.pop();
    const int first = product.factors.empty() ? 0 : product.factors.back();
    for (int feature = first; feature < static_cast<int>(group_of_.size()); ++feature) {
      Candidate child{false, 0, 0.0, product.factors, index};
      child.factors.push_back(feature);
      child.is_first = static_cast<int>(child.factors.size()) <= choice_.always;
      const auto degree = degrees(child.factors);
      child.energy = energy(degree);
      if (is_too_high(degree)) {
        least_refused_ = std::min(least_refused_, child.energy);
        continue;
      }
      child.rank = std::llround(1e6 * std::log(child.energy));
      heap_.push(std::move(child));
    }
    return product;
  }

  /// Of a product: the degree in each group.
  std::vector<int> degrees(const std::vector<int>& factors) const {
    std::vector<int> result(groups_.size(), 0);
    for (const int feature : factors) ++result[group_of_[static_cast<std::size_t>(feature)]];
    return result;
  }

 private:
  double energy(const std::vector<int>& degree) const {
    double sum = 0.0;
    for (std::size_t g = 0; g < groups_.size(); ++g)
      sum += energy_of(groups_[g], choice_.energies[g], degree[g]);
    return sum;
  }

  bool is_too_high(const std::vector<int>& degree) const {
    int total = 0;
    for (std::size_t g = 0; g < degree.size(); ++g) {
      if (!choice_.highest.empty() && degree[g] > choice_.highest[g]) return true;
      total += degree[g];
    }
    return total > choice_.highest_total;
  }

  struct Later {
    bool operator()(const Candidate& a, const Candidate& b) const {
      if (a.is_first != b.is_first) return b.is_first;
      return a.rank != b.rank ? a.rank > b.rank : a.factors > b.factors;
    }
  };
  const std::vector<ScaledFeatures::Group>& groups_;
  const BasisChoice& choice_;
  double least_refused_ = std::numeric_limits<double>::infinity();
  std::vector<std::size_t> group_of_;
  std::priority_queue<Candidate, std::vector<Candidate>, Later> heap_;
};

/// @param degrees of each product in each group
std::vector<int> highest_degrees(const std::vector<std::vector<int>>& degrees) {
  std::vector<int> highest(degrees.front().size(), 0);
  for (const auto& degree : degrees)
    for (std::size_t g = 0; g < highest.size(); ++g) highest[g] = std::max(highest[g], degree[g]);
  return highest;
}

/// Degrees that the smaller basis may have in each group: two fewer, but at least one where there is one.
std::vector<int> smaller_degrees(std::vector<int> highest) {
  for (int& d : highest) d = std::max(d - 2, std::min(d, 1));
  return highest;
}

}  // namespace

Polynomials::Polynomials(const std::vector<ScaledFeatures::Group>& groups, const BasisChoice& choice) {
  ByEnergy candidates(groups, choice);
  std::vector<std::pair<Index, int>> by_energy;  // parent and feature
  std::vector<std::vector<int>> degrees;
  while (!candidates.empty()) {
    const auto index = static_cast<Index>(by_energy.size());
    if (index == choice.most) break;
    const Candidate product = candidates.take(index);
    by_energy.emplace_back(product.parent, product.factors.empty() ? 0 : product.factors.back());
    degrees.push_back(candidates.degrees(product.factors));
    degree_ = std::max(degree_, static_cast<int>(product.factors.size()));
  }
  next_energy_ = candidates.next_energy();
  // The smaller basis goes first; parents are of lower degree and stay before their children.
  degree_in_groups_ = highest_degrees(degrees);
  const auto allowed = smaller_degrees(degree_in_groups_);
  std::vector<Index> place(by_energy.size());
  for (const bool smaller : {true, false}) {
    for (std::size_t i = 0; i < by_energy.size(); ++i) {
      bool is_smaller = true;
      for (std::size_t g = 0; g < allowed.size(); ++g) is_smaller = is_smaller && degrees[i][g] <= allowed[g];
      if (is_smaller != smaller) continue;
      place[i] = size();
      const auto [parent, feature] = by_energy[i];
      if (i == 0)
        products_.push_back({0, 0, -1});
      else
        add(place[static_cast<std::size_t>(parent)], feature);
    }
    if (smaller) smaller_size_ = size();
  }
}

void Polynomials::add(Index parent, int feature) {
  const Product& of_parent = products_[static_cast<std::size_t>(parent)];
  const bool is_same = parent > 0 && of_parent.feature == feature;
  products_.push_back({parent, feature, is_same ? of_parent.parent : -1});
}

double Polynomials::count(int n_features, int degree) {
  double n = 1.0;
  for (int d = 1; d <= degree; ++d) n *= static_cast<double>(n_features + d) / d;
  return n;
}

void Polynomials::evaluate(const MatrixXd& features, const MatrixXd& feature_gradients, MatrixXd& values,
                           MatrixXd& gradients) const {
  const Index rows = features.rows();
  for (Index a = 1; a < size(); ++a) {
    const auto [parent, feature, before] = products_[static_cast<std::size_t>(a)];
    const double factor = before < 0 ? 1.0 : 2.0;  // T_1 = x T_0, T_{j+1} = 2 x T_j - T_{j-1}
    values.col(a) = factor * values.col(parent).cwiseProduct(features.col(feature));
    for (int m = 0; m < dim; ++m)
      gradients.col(a).segment(m * rows, rows) =
          factor * (gradients.col(parent).segment(m * rows, rows).cwiseProduct(features.col(feature)) +
                    feature_gradients.col(feature).segment(m * rows, rows).cwiseProduct(values.col(parent)));
    if (before < 0) continue;
    values.col(a) -= values.col(before);
    gradients.col(a) -= gradients.col(before);
  }
}

}  // namespace k7::spectral
