// SPDX-License-Identifier: Apache-2.0
#include "spectral/ritz/ritz.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "k7/base/error.hpp"
#include "k7/geometry/metric.hpp"
#include "k7/parallel/agree.hpp"

namespace k7::spectral {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using geometry::dim;

constexpr int n_groups = 16;
constexpr int max_degree = 8;  // of monomials in double precision: their condition grows like 6^degree
constexpr int chosen_degree = 3;
constexpr double points_per_function = 20.0;
constexpr double null_tolerance = 1e-9;
constexpr double resolved = 2.0;  // gaps in deviations, from which perturbation theory gives the push
constexpr double multiplet_width =
    6.0;                             // in deviations: the noise alone drives four equal values so far apart
constexpr Index block_points = 128;  // derivatives of 300 functions: 2 MB, a core's cache

/// The group of an input row: the finaliser of SplitMix64, so that neither order nor period of the rows
/// shows.
int group_of(GlobalIndex row) {
  auto z = static_cast<std::uint64_t>(row) + 0x9e3779b97f4a7c15U;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return static_cast<int>((z ^ (z >> 31U)) % n_groups);
}

/// Quadrature weights, the largest of all ranks 1.
struct Weights {
  std::vector<double> values;  ///< (n_local)
  double effective_points = 0.0;
  bool from_metric = false;
};

/// log sqrt(det g) from a Cholesky factor: det g itself may be out of range.
double log_volume(const double* metric) {
  const Eigen::LLT<geometry::Matrix7> cholesky(geometry::unpack(metric));
  double sum = 0.0;
  for (int i = 0; i < dim; ++i) sum += std::log(cholesky.matrixLLT()(i, i));
  return sum;
}

/// Collective.
Weights quadrature_weights(const PointCloud& cloud, const geometry::Manifold& manifold,
                           const std::string& name, const parallel::Communicator& comm) {
  Weights weights;
  // A rank without points cannot tell whether there are densities.
  weights.from_metric = comm.max(cloud.densities.empty() ? 0.0 : 1.0) == 0.0;
  parallel::agree(comm, [&] {
    if (weights.from_metric && !(manifold.frame_volume() > 0.0))
      throw InputError(name + ": /weight is missing, and manifold " + manifold.name() +
                       " has no sampling density of its own; the method ritz needs the density of the points "
                       "against the Riemannian volume");
  });
  std::vector<double>& w = weights.values;
  w.resize(cloud.size());
  double largest = -std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < w.size(); ++i) {
    w[i] = weights.from_metric ? log_volume(cloud.metric(i)) : -std::log(cloud.densities[i]);
    largest = std::max(largest, w[i]);
  }
  largest = comm.max(largest);
  std::array<double, 2> sums{};
  for (double& value : w) {
    value = std::exp(value - largest);
    sums[0] += value;
    sums[1] += value * value;
  }
  comm.sum(sums.data(), sums.size());
  weights.effective_points = sums[0] * sums[0] / sums[1];
  return weights;
}

/// The manifold's features on the points, each moved and scaled to x in [-1, 1]. Where the derivatives of a
/// feature are the same everywhere, it is a coordinate along an axis with ends, and becomes
/// s = sin(pi x / 2): the polynomials in s are the cosines cos(k pi (x + 1) / 2), the functions of a free
/// interval, while those in x need degree 6 to come within a percent of the second of them.
class ScaledFeatures {
 public:
  /// Collective.
  ScaledFeatures(const PointCloud& cloud, const geometry::Manifold& manifold,
                 const parallel::Communicator& comm)
      : manifold_(manifold), scale_(manifold.scale()), n_(static_cast<std::size_t>(manifold.n_features())) {
    const Range range = range_of_points(cloud, comm);
    constexpr double rounding = 1e-12;
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
      kept_.push_back({j, centre, half_width, has_ends});
    }
  }

  int count() const { return static_cast<int>(kept_.size()); }

  /// The features at one point, written into row `row`.
  /// @param values (rows, count())
  /// @param gradients (dim * rows, count()): L^{-1} of the derivatives along frame(), g = L L^T, so that
  ///        their products summed over the directions are g^{mn} E_m f E_n h; direction m has rows
  ///        [m rows, (m + 1) rows)
  void evaluate(const double* point, const double* metric, Index row, MatrixXd& values,
                MatrixXd& gradients) const {
    std::array<double, (1 + dim) * max_features> raw{};
    manifold_.features(point, raw.data(), raw.data() + n_);
    const Eigen::LLT<geometry::Matrix7> cholesky(geometry::unpack(metric));
    for (Index column = 0; column < count(); ++column) {
      const Feature& feature = kept_[static_cast<std::size_t>(column)];
      const double x = (raw[feature.index] - feature.centre) / feature.half_width;
      const double slope = feature.has_ends ? half_pi * std::cos(half_pi * x) : 1.0;
      // features() differentiates along the learned coframe's frame, which is E_m / scale_m.
      Eigen::Matrix<double, dim, 1> gradient;
      for (std::size_t m = 0; m < dim; ++m)
        gradient(static_cast<Index>(m)) =
            scale_[m] * raw[(1 + m) * n_ + feature.index] * slope / feature.half_width;
      cholesky.matrixL().solveInPlace(gradient);
      values(row, column) = feature.has_ends ? std::sin(half_pi * x) : x;
      for (int m = 0; m < dim; ++m) gradients(m * values.rows() + row, column) = gradient(m);
    }
  }

 private:
  static constexpr double half_pi = 0.5 * geometry::pi;
  static constexpr std::size_t max_features =
      2 * dim;  // cos and sin of seven coordinates; 10 on S1 x S3 x S3
  struct Feature {
    std::size_t index;  ///< among the manifold's
    double centre;
    double half_width;
    bool has_ends;
  };
  /// Extremes over all points of the features, then of their derivatives along each direction, (8, n_).
  struct Range {
    std::vector<double> low;
    std::vector<double> high;
  };

  /// Collective.
  Range range_of_points(const PointCloud& cloud, const parallel::Communicator& comm) const {
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

  const geometry::Manifold& manifold_;
  geometry::Form1 scale_;
  std::size_t n_;
  std::vector<Feature> kept_;
};

/// The products of features up to a degree, by degree: each is an earlier one times a feature.
class Monomials {
 public:
  Monomials(int n_features, int degree) {
    products_.push_back({0, 0});
    size_of_degree_.push_back(1);
    std::vector<int> last{0};  // highest feature in each product, so that each set of factors comes once
    Index begin = 0;
    for (int d = 1; d <= degree; ++d) {
      const Index end = size();
      for (Index parent = begin; parent < end; ++parent)
        for (int feature = last[static_cast<std::size_t>(parent)]; feature < n_features; ++feature) {
          products_.push_back({parent, feature});
          last.push_back(feature);
        }
      begin = end;
      size_of_degree_.push_back(size());
    }
  }

  /// How many there are: C(n_features + degree, degree).
  static double count(int n_features, int degree) {
    double n = 1.0;
    for (int d = 1; d <= degree; ++d) n *= static_cast<double>(n_features + d) / d;
    return n;
  }

  Index size() const { return static_cast<Index>(products_.size()); }
  Index size_of_degree(int degree) const { return size_of_degree_[static_cast<std::size_t>(degree)]; }

  /// Continues from column 0, the constant function times sqrt(w): by the product rule, everything gets that
  /// factor.
  /// @param features, feature_gradients see ScaledFeatures::evaluate
  /// @param values (rows, size()) and gradients (dim * rows, size())
  void evaluate(const MatrixXd& features, const MatrixXd& feature_gradients, MatrixXd& values,
                MatrixXd& gradients) const {
    const Index rows = features.rows();
    for (Index a = 1; a < size(); ++a) {
      const auto [parent, feature] = products_[static_cast<std::size_t>(a)];
      values.col(a) = values.col(parent).cwiseProduct(features.col(feature));
      for (int m = 0; m < dim; ++m)
        gradients.col(a).segment(m * rows, rows) =
            gradients.col(parent).segment(m * rows, rows).cwiseProduct(features.col(feature)) +
            feature_gradients.col(feature).segment(m * rows, rows).cwiseProduct(values.col(parent));
    }
  }

 private:
  struct Product {
    Index parent;
    int feature;
  };
  std::vector<Product> products_;
  std::vector<Index> size_of_degree_;
};

/// Stiffness K and mass M.
struct Forms {
  MatrixXd k;
  MatrixXd m;

  explicit Forms(Index n) : k(MatrixXd::Zero(n, n)), m(MatrixXd::Zero(n, n)) {}
  void add(const Forms& other) {
    k += other.k;
    m += other.m;
  }
};

/// Adds the forms of one group's points on this rank.
class Quadrature {
 public:
  Quadrature(const PointCloud& cloud, const std::vector<double>& weights, const ScaledFeatures& features,
             const Monomials& monomials, int threads)
      : cloud_(cloud), weights_(weights), features_(features), monomials_(monomials), threads_(threads) {}

  /// @param points which of the rank's points
  Forms forms(const std::vector<std::size_t>& points) const {
    Forms sum(monomials_.size());
    const auto n = static_cast<Index>(points.size());
    const Index n_blocks = (n + block_points - 1) / block_points;
    const int threads = static_cast<int>(std::min<Index>(threads_, std::max<Index>(n_blocks, 1)));
#pragma omp parallel num_threads(threads)
    {
      Forms mine(monomials_.size());
#pragma omp for schedule(static) nowait
      for (Index block = 0; block < n_blocks; ++block) {
        const Index begin = block * block_points;
        add_block(points.data() + begin, std::min(block_points, n - begin), mine);
      }
#pragma omp critical(k7_ritz_sum)
      sum.add(mine);
    }
    sum.k.triangularView<Eigen::StrictlyUpper>() = sum.k.transpose();
    sum.m.triangularView<Eigen::StrictlyUpper>() = sum.m.transpose();
    return sum;
  }

 private:
  void add_block(const std::size_t* points, Index rows, Forms& forms) const {
    MatrixXd feature_values(rows, features_.count());
    MatrixXd feature_gradients(dim * rows, features_.count());
    MatrixXd values(rows, monomials_.size());
    MatrixXd gradients(dim * rows, monomials_.size());
    gradients.col(0).setZero();
    for (Index row = 0; row < rows; ++row) {
      const std::size_t i = points[row];
      features_.evaluate(cloud_.point(i), cloud_.metric(i), row, feature_values, feature_gradients);
      values(row, 0) = std::sqrt(weights_[i]);
    }
    monomials_.evaluate(feature_values, feature_gradients, values, gradients);
    forms.k.selfadjointView<Eigen::Lower>().rankUpdate(gradients.transpose());
    forms.m.selfadjointView<Eigen::Lower>().rankUpdate(values.transpose());
  }

  const PointCloud& cloud_;
  const std::vector<double>& weights_;
  const ScaledFeatures& features_;
  const Monomials& monomials_;
  int threads_;
};

/// The forms of each group, over all ranks. Collective.
std::vector<Forms> group_forms(const Quadrature& quadrature, const PointCloud& cloud,
                               const parallel::Communicator& comm) {
  std::array<std::vector<std::size_t>, n_groups> members;
  for (std::size_t i = 0; i < cloud.size(); ++i)
    members[static_cast<std::size_t>(group_of(cloud.ids[i]))].push_back(i);
  std::vector<Forms> groups;
  for (const auto& points : members) {
    groups.push_back(quadrature.forms(points));
    Forms& forms = groups.back();
    comm.sum(forms.k.data(), static_cast<std::size_t>(forms.k.size()));
    comm.sum(forms.m.data(), static_cast<std::size_t>(forms.m.size()));
  }
  return groups;
}

/// Eigenpairs of K u = lambda M u on what of the first n functions is independent.
struct RitzPairs {
  VectorXd values;     ///< ascending
  MatrixXd functions;  ///< (n, values.size()), functions^T M functions = 1
};

RitzPairs ritz_pairs(const Forms& forms, Index n) {
  const VectorXd scale =
      forms.m.diagonal().head(n).cwiseMax(std::numeric_limits<double>::min()).cwiseSqrt().cwiseInverse();
  const MatrixXd mass = scale.asDiagonal() * forms.m.topLeftCorner(n, n) * scale.asDiagonal();
  const Eigen::SelfAdjointEigenSolver<MatrixXd> directions(mass);
  const VectorXd& spread = directions.eigenvalues();
  const auto n_null = static_cast<Index>(std::count_if(
      spread.data(), spread.data() + n, [&](double s) { return s <= null_tolerance * spread(n - 1); }));
  const Index kept = n - n_null;
  const MatrixXd whitener = scale.asDiagonal() * directions.eigenvectors().rightCols(kept) *
                            spread.tail(kept).cwiseSqrt().cwiseInverse().asDiagonal();
  const MatrixXd stiffness = whitener.transpose() * forms.k.topLeftCorner(n, n) * whitener;
  const Eigen::SelfAdjointEigenSolver<MatrixXd> solver(stiffness);
  return {solver.eigenvalues(), whitener * solver.eigenvectors()};
}

/// The jackknife deviations s_kb, (count, all). @param count rows wanted
MatrixXd jackknife_deviations(const std::vector<Forms>& groups, const RitzPairs& pairs, Index count) {
  const Index n = pairs.functions.rows();
  MatrixXd squares = MatrixXd::Zero(count, pairs.values.size());
  const auto wanted = pairs.functions.leftCols(count);
  for (const Forms& group : groups) {
    const MatrixXd stiffness = wanted.transpose() * group.k.topLeftCorner(n, n);
    const MatrixXd mass = wanted.transpose() * group.m.topLeftCorner(n, n);
    squares += ((stiffness - pairs.values.head(count).asDiagonal() * mass) * pairs.functions).cwiseAbs2();
  }
  return (squares * (n_groups / (n_groups - 1.0))).cwiseSqrt();
}

/// A value freed of the bias of its quadrature, and the error that this leaves.
struct Estimate {
  double value;
  double error;
};

/// @param deviations s_kb for every b
Estimate estimate(const VectorXd& values, Index k, const VectorXd& deviations) {
  double sum_sq = deviations(k) * deviations(k);
  double push = 0.0;
  for (Index b = 0; b < values.size(); ++b) {
    const double s = deviations(b);
    if (b == k || s == 0.0) continue;
    const double gap = values(k) - values(b);
    if (std::abs(gap) > resolved * s) push += s * s / gap;
    if (std::abs(gap) < multiplet_width * s) sum_sq += s * s;
  }
  const double next_order = values(k) > 0.0 ? push * push / values(k) : 0.0;
  return {values(k) - push, std::hypot(std::sqrt(sum_sq), next_order)};
}

/// The first values of the first n functions, ascending.
struct Estimates {
  Index basis_size;
  std::vector<Estimate> list;  ///< at most `count`
};

Estimates estimate_values(const std::vector<Forms>& groups, const Forms& total, Index n, Index count) {
  const RitzPairs pairs = ritz_pairs(total, n);
  Estimates estimates{pairs.values.size(), {}};
  const MatrixXd deviations = jackknife_deviations(groups, pairs, std::min(count, estimates.basis_size));
  for (Index k = 0; k < deviations.rows(); ++k)
    estimates.list.push_back(estimate(pairs.values, k, deviations.row(k)));
  std::sort(estimates.list.begin(), estimates.list.end(),
            [](const Estimate& a, const Estimate& b) { return a.value < b.value; });
  return estimates;
}

/// Parts `truncation` of the errors. @param smaller the values of degree - 1
std::vector<double> truncation_errors(const std::vector<Estimate>& values,
                                      const std::vector<Estimate>& smaller, int degree) {
  std::vector<double> errors{0.0};  // the constant function is in every basis
  double largest_change = 0.0;
  for (std::size_t k = 1; k < values.size(); ++k) {
    const double value = values[k].value;
    const double change = k < smaller.size() ? std::abs(smaller[k].value / value - 1.0) : 1.0;
    largest_change = std::max(largest_change, change);
    const double complete = values[1].value * (degree + 1) * (degree + 3) / 3.0;
    errors.push_back(std::hypot(largest_change * value, std::max(0.0, value - complete)));
  }
  return errors;
}

void check_options(const RitzOptions& options) {
  if (options.count < 1)
    throw InputError("the method ritz cannot give " + std::to_string(options.count) +
                     " eigenvalues; 1 or more can be asked for");
  if (options.degree < 0 || options.degree > max_degree)
    throw InputError("degree " + std::to_string(options.degree) + " of the Ritz basis: 1 to " +
                     std::to_string(max_degree) + " are possible, 0 chooses");
}

int choose_degree(const RitzOptions& options, int n_features, double effective_points) {
  if (options.degree > 0) return options.degree;
  const double limit = std::min<double>(options.max_basis, effective_points / points_per_function);
  int degree = chosen_degree;
  while (degree > 1 && Monomials::count(n_features, degree) > limit) --degree;
  return degree;
}

}  // namespace

RitzSpectrum ritz_spectrum(const PointCloud& cloud, const geometry::Manifold& manifold,
                           const std::string& name, const RitzOptions& options,
                           const parallel::Communicator& comm) {
  parallel::agree(comm, [&] { check_options(options); });
  const Weights weights = quadrature_weights(cloud, manifold, name, comm);
  const ScaledFeatures features(cloud, manifold, comm);
  RitzSpectrum result;
  result.effective_points = weights.effective_points;
  result.weights_from_metric = weights.from_metric;
  result.degree = choose_degree(options, features.count(), weights.effective_points);

  const Monomials monomials(features.count(), result.degree);
  const auto groups = group_forms({cloud, weights.values, features, monomials, options.threads}, cloud, comm);
  Forms total(monomials.size());
  for (const Forms& group : groups) total.add(group);
  parallel::agree(comm, [&] {
    if (!total.k.allFinite() || !total.m.allFinite())
      throw InputError(name +
                       ": coordinates or metrics are too large or too small for the Ritz integrals; choose "
                       "units in which they are nearer to 1");
  });

  const Estimates estimates = estimate_values(groups, total, monomials.size(), options.count);
  const Estimates smaller =
      estimate_values(groups, total, monomials.size_of_degree(result.degree - 1), options.count);
  result.basis_size = static_cast<int>(estimates.basis_size);
  result.truncation = truncation_errors(estimates.list, smaller.list, result.degree);
  for (std::size_t k = 0; k < estimates.list.size(); ++k) {
    const auto [value, error] = estimates.list[k];
    result.values.push_back(value);
    result.quadrature.push_back(error);
    result.errors.push_back(std::hypot(error, result.truncation[k]));
  }
  return result;
}

}  // namespace k7::spectral
