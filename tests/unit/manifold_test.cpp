// SPDX-License-Identifier: Apache-2.0
// Displacements and the lower bound that the neighbour search prunes with; the coframe that networks learn
// in.
#include "k7/geometry/manifold.hpp"

#include <Eigen/Dense>

#include "geometry/bryant_salamon.hpp"
#include "geometry/quaternion.hpp"
#include "k7/base/error.hpp"
#include "test_data.hpp"

namespace k7::geometry {
namespace {

/// A random metric with condition number about `condition`.
Matrix7 random_metric(std::uint64_t index, double condition) {
  Matrix7 a;
  for (int n = 0; n < dim * dim; ++n) {
    double u[2];
    uniform_pair({11, Stream::weights, 0}, index, static_cast<std::uint32_t>(n), u);
    a.data()[n] = 2.0 * u[0] - 1.0;
  }
  const Matrix7 q = Eigen::HouseholderQR<Matrix7>(a).householderQ();
  Eigen::Matrix<double, dim, 1> lambda;
  for (int i = 0; i < dim; ++i) lambda(i) = std::pow(condition, i / 6.0);
  return q * lambda.asDiagonal() * q.transpose();
}

/// A manifold by name; "mixed": some coordinates periodic; "scaled": S1 x S3 x S3 with three different radii;
/// "narrow": an interval other than the usual one.
std::unique_ptr<Manifold> manifold_called(const std::string& name) {
  ManifoldParameters parameters;
  parameters.interval = {1.1, 1.7};
  if (name == "narrow") return make_manifold("interval-s3xs3", parameters);
  parameters.radii = {4.0, 2.0, 0.5};
  if (name == "scaled") return make_manifold("s1xs3xs3", parameters);
  parameters.periods = Periods{1.5, 0.0, 6.3, 0.0, 0.0, 2.0, 0.0};
  if (name == "mixed") return make_manifold("torus7", parameters);
  return make_manifold(name);
}

std::string test_name(const testing::TestParamInfo<std::string>& test) {
  std::string name = test.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

class BoundOn : public testing::TestWithParam<std::string> {};

TEST_P(BoundOn, embedding_never_exceeds_the_metric_distance) {
  const auto manifold = manifold_called(GetParam());
  const Matrix7 mean = random_metric(1000, 4.0);
  const auto embedding = manifold->embedding(mean);
  int tight = 0;
  for (std::uint64_t i = 0; i < 2000; ++i) {
    std::array<double, 9> a{};
    std::array<double, 9> b{};
    std::array<double, dim> coords{};
    manifold->sample({5, Stream::samples, 0}, 2 * i, a.data(), coords.data());
    manifold->sample({5, Stream::samples, 0}, 2 * i + 1, b.data(), coords.data());
    const Matrix7 g = random_metric(i, i % 3 == 0 ? 1.0 : 30.0);
    const SymMetric packed = pack(g.data());
    std::array<double, 20> ea{};
    std::array<double, 20> eb{};
    ASSERT_LE(embedding->size(), 20);
    embedding->map(a.data(), ea.data());
    embedding->map(b.data(), eb.data());
    double chord_sq = 0.0;
    for (int n = 0; n < embedding->size(); ++n) chord_sq += (ea[n] - eb[n]) * (ea[n] - eb[n]);
    std::array<double, dim> v{};
    manifold->displacement(a.data(), b.data(), v.data());
    const double distance_sq = quadratic_form(packed.data(), v.data());
    const double bound = embedding->stretch(packed.data()) * chord_sq;
    EXPECT_LE(bound, distance_sq * (1.0 + 1e-12));
    tight += bound > 0.01 * distance_sq ? 1 : 0;
  }
  EXPECT_GT(tight, 500) << "a bound near zero prunes nothing";
}

TEST_P(BoundOn, stretches_of_the_factors_never_exceed_the_metric) {
  const auto manifold = manifold_called(GetParam());
  const Matrix7 mean = random_metric(1000, 4.0);
  const auto embedding = manifold->embedding(mean);
  const auto factors = embedding->factors();
  const Matrix7& reference = embedding->reference();
  double least_ratio = 2.0;
  for (std::uint64_t i = 0; i < 300; ++i) {
    const Matrix7 g = random_metric(i, i % 3 == 0 ? 1.0 : 30.0);
    std::array<double, 3> m{};
    ASSERT_LE(embedding->n_stretches(), 3);
    embedding->stretches(pack(g.data()).data(), m.data());
    // sum_s m_s D_s, and the least eigenvalue of g against it.
    Matrix7 bound = reference;
    for (const Factor& f : factors)
      for (int a = f.frame; a < f.frame + f.n_directions(); ++a)
        bound.row(a) *= m[static_cast<std::size_t>(f.stretch)];
    const double ratio =
        Eigen::GeneralizedSelfAdjointEigenSolver<Matrix7>(g, bound, Eigen::EigenvaluesOnly).eigenvalues()(0);
    EXPECT_GE(ratio, 1.0);
    EXPECT_LE(ratio, 1.01) << "looser than it need be";
    least_ratio = std::min(least_ratio, ratio);
  }
  EXPECT_GE(least_ratio, 1.0);
}

TEST_P(BoundOn, factors_describe_points_displacements_and_chords) {
  const auto manifold = manifold_called(GetParam());
  const auto embedding = manifold->embedding(random_metric(1000, 4.0));
  int columns = 0;
  int directions = 0;
  for (const Factor& f : embedding->factors()) {
    EXPECT_EQ(f.column, columns);
    columns += f.n_columns();
    directions += f.n_directions();
  }
  EXPECT_EQ(columns, embedding->size());
  EXPECT_EQ(directions, dim);
  for (std::uint64_t i = 0; i < 500; ++i) {
    std::array<double, 9> a{};
    std::array<double, 9> b{};
    std::array<double, dim> coords{};
    manifold->sample({5, Stream::samples, 0}, 2 * i, a.data(), coords.data());
    manifold->sample({5, Stream::samples, 0}, 2 * i + 1, b.data(), coords.data());
    std::array<double, dim> v{};
    manifold->displacement(a.data(), b.data(), v.data());
    std::array<double, 20> ea{};
    std::array<double, 20> eb{};
    embedding->map(a.data(), ea.data());
    embedding->map(b.data(), eb.data());
    for (const Factor& f : embedding->factors()) {
      if (f.kind == Factor::Kind::line) continue;
      double chord_sq = 0.0;
      for (int c = f.column; c < f.column + f.n_columns(); ++c) chord_sq += (ea[c] - eb[c]) * (ea[c] - eb[c]);
      double arc_sq = 0.0;
      for (int c = f.frame; c < f.frame + f.n_directions(); ++c)
        arc_sq += embedding->reference()(c, c) * v[c] * v[c];
      const double half = 2.0 * f.radius * std::sin(std::sqrt(arc_sq) / (2.0 * f.radius));
      EXPECT_NEAR(chord_sq, half * half, 1e-12 * f.radius * f.radius);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Manifolds, BoundOn,
                         testing::Values("s1xs3xs3", "interval-s3xs3", "torus7", "notebook-chart", "mixed"),
                         test_name);

using Point = std::array<double, point_size_neck>;
using Seven = std::array<double, dim>;

/// Random points; flat space, which has no sampler, gets those of the torus.
Point point_of(const Manifold& manifold, std::uint64_t index) {
  Point point{};
  Seven coords{};
  if (manifold.name() == "euclidean")
    sample_torus({8, Stream::samples, 0}, index, point.data());
  else
    manifold.sample({8, Stream::samples, 0}, index, point.data(), coords.data());
  return point;
}

/// The point at time t on the flow of E_a of the learned coframe, whose dual vectors are the frame's over
/// scale().
Point flow(const Manifold& manifold, const Point& from, int a, double t) {
  const double angle = t / manifold.scale()[static_cast<std::size_t>(a)];
  Point to = from;
  if (manifold.frame() == "coordinate" || a == 0) {
    to[static_cast<std::size_t>(a)] += angle;
    return to;
  }
  const auto first = static_cast<std::size_t>(a < 4 ? 1 : 5);
  Quaternion step{std::cos(angle)};
  step[static_cast<std::size_t>(1 + (a - 1) % 3)] = std::sin(angle);
  const Quaternion q = multiply({from[first], from[first + 1], from[first + 2], from[first + 3]}, step);
  std::copy(q.begin(), q.end(), to.begin() + static_cast<std::ptrdiff_t>(first));
  return to;
}

/// A vector-valued function of a point, and (7, size) its frame derivatives by the formula under test.
struct Field {
  std::vector<double> value;
  std::vector<double> derivative;
};

Field features_at(const Manifold& manifold, const Point& point) {
  const auto n = static_cast<std::size_t>(manifold.n_features());
  Field field{std::vector<double>(n), std::vector<double>(dim * n, std::nan(""))};
  manifold.features(point.data(), field.value.data(), field.derivative.data());
  return field;
}

Field background_at(const Manifold& manifold, const Point& point) {
  Field field{std::vector<double>(dim * dim), std::vector<double>(dim * dim * dim, std::nan(""))};
  manifold.background(point.data(), field.value.data(), field.derivative.data());
  return field;
}

Field envelope_at(const Manifold& manifold, const Point& point) {
  Field field{{0.0}, std::vector<double>(dim, std::nan(""))};
  field.value[0] = manifold.envelope(point.data(), field.derivative.data());
  return field;
}

/// E_a of every component of f by central differences along the flow.
template <class Function>
std::vector<double> difference(const Manifold& manifold, const Function& f, const Point& at, int a,
                               double h) {
  auto forward = f(flow(manifold, at, a, h));
  const auto backward = f(flow(manifold, at, a, -h));
  for (std::size_t n = 0; n < forward.size(); ++n) forward[n] = (forward[n] - backward[n]) / (2.0 * h);
  return forward;
}

class CoframeOf : public testing::TestWithParam<std::string> {
 protected:
  /// The stated derivatives are the limit of central differences, with their second order.
  template <class Function>
  void expect_frame_derivatives(const Function& field_at) const {
    const auto value = [&](const Point& p) { return field_at(*manifold_, p).value; };
    double coarse = 0.0;
    double fine = 0.0;
    for (std::uint64_t index = 0; index < 5; ++index) {
      const Point point = point_of(*manifold_, index);
      const Field field = field_at(*manifold_, point);
      const std::size_t n = field.value.size();
      for (int a = 0; a < dim; ++a) {
        const auto row = field.derivative.begin() + static_cast<std::ptrdiff_t>(a * n);
        const std::vector<double> stated(row, row + static_cast<std::ptrdiff_t>(n));
        coarse = std::max(coarse, test::absolute(difference(*manifold_, value, point, a, 4e-3), stated));
        fine = std::max(fine, test::absolute(difference(*manifold_, value, point, a, 2e-3), stated));
      }
    }
    EXPECT_LE(coarse, 1e-3);
    const double rounding = 1e-12;  // of linear functions, whose differences are exact
    if (coarse > rounding) {
      EXPECT_NEAR(coarse / fine, 4.0, 0.05);
    }
  }

  std::unique_ptr<Manifold> manifold_ = manifold_called(GetParam());
};

TEST_P(CoframeOf, features_have_their_frame_derivatives) {
  expect_frame_derivatives(features_at);
}

TEST_P(CoframeOf, background_has_its_frame_derivatives) {
  expect_frame_derivatives(background_at);
}

TEST_P(CoframeOf, envelope_has_its_frame_derivatives) {
  expect_frame_derivatives(envelope_at);
}

TEST_P(CoframeOf, commutators_are_the_structure_constants) {
  const Structure c = manifold_->structure();
  const double h = 1e-4;
  for (std::uint64_t index = 0; index < 3; ++index) {
    const Point point = point_of(*manifold_, index);
    const auto n = static_cast<std::size_t>(manifold_->n_features());
    const auto derivative = [&](const Point& p) { return features_at(*manifold_, p).derivative; };
    std::vector<std::vector<double>> second;  // second[a][b n + i] = E_a E_b f_i
    for (int a = 0; a < dim; ++a) second.push_back(difference(*manifold_, derivative, point, a, h));
    const auto first = derivative(point);
    for (std::size_t a = 0; a < dim; ++a)
      for (std::size_t b = 0; b < dim; ++b)
        for (std::size_t i = 0; i < n; ++i) {
          double expected = 0.0;
          for (std::size_t k = 0; k < dim; ++k) expected += c[(k * dim + a) * dim + b] * first[k * n + i];
          EXPECT_NEAR(second[a][b * n + i] - second[b][a * n + i], expected, 1e-6)
              << a << " " << b << " " << i;
        }
  }
}

TEST_P(CoframeOf, features_are_the_same_where_points_are_and_differ_elsewhere) {
  const Periods periods = manifold_->periods();
  for (std::uint64_t index = 0; index < 20; ++index) {
    const Point point = point_of(*manifold_, index);
    const auto here = features_at(*manifold_, point).value;
    for (std::size_t i = 0; i < dim; ++i)
      if (periods[i] > 0.0) {
        Point around = point;
        around[i] += periods[i];
        EXPECT_LE(test::absolute(features_at(*manifold_, around).value, here), 1e-14);
        around[i] = point[i] + 0.5 * periods[i];
        EXPECT_GT(test::absolute(features_at(*manifold_, around).value, here), 0.5);
      }
    for (std::size_t i = 0; i < static_cast<std::size_t>(manifold_->point_size()); ++i) {
      Point other = point;
      other[i] += 0.3;
      EXPECT_GT(test::absolute(features_at(*manifold_, other).value, here), 0.01) << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Manifolds, CoframeOf,
                         testing::Values("s1xs3xs3", "scaled", "interval-s3xs3", "narrow", "torus7", "mixed",
                                         "notebook-chart", "euclidean"),
                         test_name);

TEST(Manifold, features_are_those_of_the_header) {
  const Point neck{0.5, 0.5, -0.5, 0.5, -0.5, 0.1, 0.7, -0.1, 0.7};
  EXPECT_EQ(features_at(*make_manifold("s1xs3xs3"), neck).value,
            (std::vector<double>{std::cos(0.5), std::sin(0.5), 0.5, -0.5, 0.5, -0.5, 0.1, 0.7, -0.1, 0.7}));
  Point interval = neck;
  interval[0] = 1.25;
  EXPECT_EQ(features_at(*make_manifold("interval-s3xs3"), interval).value,
            (std::vector<double>{-1.0, 0.5, -0.5, 0.5, -0.5, 0.1, 0.7, -0.1, 0.7}));
  interval[0] = 2.5;
  EXPECT_EQ(features_at(*make_manifold("interval-s3xs3"), interval).value[0], 1.0);
  const auto torus = features_at(*make_manifold("torus7"), neck).value;
  ASSERT_EQ(torus.size(), 14U);
  for (std::size_t i = 0; i < dim; ++i) {
    EXPECT_NEAR(torus[2 * i], std::cos(neck[i]), 1e-15);
    EXPECT_NEAR(torus[2 * i + 1], std::sin(neck[i]), 1e-15);
  }
}

TEST(Manifold, features_tell_the_hemispheres_apart_where_the_notebooks_coordinates_do_not) {
  const auto neck = make_manifold("s1xs3xs3");
  for (const std::size_t w : {1U, 5U}) {
    const Point point = point_of(*neck, 3);
    Point mirrored = point;
    mirrored[w] = -mirrored[w];
    Seven coords{};
    Seven mirrored_coords{};
    neck_coordinates(point.data(), coords.data());
    neck_coordinates(mirrored.data(), mirrored_coords.data());
    EXPECT_EQ(coords, mirrored_coords);
    EXPECT_NEAR(test::absolute(features_at(*neck, point).value, features_at(*neck, mirrored).value),
                2.0 * std::abs(point[w]), 1e-15);
  }
}

TEST(Manifold, structure_constants_of_unit_radii_are_the_golden_ones) {
  const auto expected = test::g2_fields().read("conventions/structure_product");
  for (const auto* name : {"s1xs3xs3", "interval-s3xs3"}) {
    const Structure c = make_manifold(name)->structure();
    EXPECT_EQ(std::vector<double>(c.begin(), c.end()), expected) << name;
  }
  EXPECT_EQ(make_manifold("torus7")->structure(), Structure{});
}

TEST(Manifold, scale_is_the_radii_on_the_neck_and_one_elsewhere) {
  EXPECT_EQ(manifold_called("scaled")->scale(), (Form1{4.0, 2.0, 2.0, 2.0, 0.5, 0.5, 0.5}));
  for (const auto* name : {"s1xs3xs3", "narrow", "torus7", "notebook-chart", "euclidean"})
    EXPECT_EQ(manifold_called(name)->scale(), (Form1{1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0})) << name;
}

TEST(Manifold, background_is_the_identity_unless_boundary_values_are_prescribed) {
  for (const auto* name : {"s1xs3xs3", "scaled", "torus7", "notebook-chart", "euclidean"}) {
    const auto manifold = manifold_called(name);
    const Point point = point_of(*manifold, 1);
    EXPECT_EQ(Matrix7::Map(background_at(*manifold, point).value.data()), Matrix7::Identity()) << name;
    EXPECT_EQ(envelope_at(*manifold, point).value[0], 1.0) << name;
    Matrix7 a;
    EXPECT_FALSE(manifold->exact_coframe(point.data(), a.data())) << name;
  }
}

TEST(Manifold, images_keep_displacements_and_have_no_low_harmonics) {
  for (const std::string name : {"s1xs3xs3", "interval-s3xs3"}) {
    const auto manifold = make_manifold(name);
    const int n = manifold->n_images();
    EXPECT_EQ(n, name == "s1xs3xs3" ? 256 : 64);
    std::array<double, point_size_neck> a{}, b{}, image_a{}, image_b{};
    std::array<double, dim> coords{}, v{}, image_v{};
    manifold->sample({3, Stream::samples, 0}, 0, a.data(), coords.data());
    manifold->sample({3, Stream::samples, 0}, 1, b.data(), coords.data());
    manifold->displacement(a.data(), b.data(), v.data());
    std::array<double, 8> first{};
    std::array<double, 64> second{};
    double cosine = 0.0;
    for (int k = 0; k < n; ++k) {
      manifold->image(a.data(), k, image_a.data());
      manifold->image(b.data(), k, image_b.data());
      EXPECT_EQ(manifold->point_defect(image_a.data()), "");
      manifold->displacement(image_a.data(), image_b.data(), image_v.data());
      for (int i = 0; i < dim; ++i) EXPECT_NEAR(image_v[i], v[i], 1e-13);
      for (int i = 0; i < 8; ++i) first[i] += image_a[1 + i] / n;
      for (int i = 0; i < 64; ++i) second[i] += image_a[1 + i / 8] * image_a[1 + i % 8] / n;
      cosine += std::cos(3.0 * image_a[0]) / n;
    }
    for (const double mean : first) EXPECT_NEAR(mean, 0.0, 1e-15);
    for (int i = 0; i < 64; ++i) EXPECT_NEAR(second[i], i / 8 == i % 8 ? 0.25 : 0.0, 1e-14);
    if (name == "s1xs3xs3") {
      EXPECT_NEAR(cosine, 0.0, 1e-13);
    }
  }
}

TEST(IntervalManifold, boundary_values_are_those_of_bryant_and_salamon) {
  const auto manifold = manifold_called("narrow");
  Matrix7 exact;
  Matrix7 formula;
  Point point = point_of(*manifold, 0);
  for (const double r : {1.1, 1.4, 1.7}) {
    point[0] = r;
    EXPECT_TRUE(manifold->exact_coframe(point.data(), exact.data()));
    bryant_salamon_coframe(r, 1.0, formula.data(), nullptr);
    EXPECT_EQ(exact, formula);
    const Matrix7 background = Matrix7::Map(background_at(*manifold, point).value.data());
    const double distance = (background - exact).cwiseAbs().maxCoeff();
    if (r == 1.4) {
      EXPECT_GT(distance, 0.01) << "between the ends the background is no solution";
      EXPECT_NEAR(envelope_at(*manifold, point).value[0], 1.0, 1e-14);
    } else {
      EXPECT_LE(distance, 1e-15);
      EXPECT_EQ(envelope_at(*manifold, point).value[0], 0.0);
    }
  }
}

TEST(IntervalManifold, points_are_uniform_in_r) {
  const auto manifold = manifold_called("narrow");
  constexpr int n = 40000;
  std::array<int, 10> count{};
  for (std::uint64_t index = 0; index < n; ++index) {
    Point point{};
    Seven coords{};
    manifold->sample({2, Stream::samples, 0}, index, point.data(), coords.data());
    ASSERT_GE(point[0], 1.1);
    ASSERT_LE(point[0], 1.7);
    ++count[std::min<std::size_t>(9, static_cast<std::size_t>((point[0] - 1.1) / 0.06))];
    Seven expected{};
    neck_coordinates(point.data(), expected.data());
    EXPECT_EQ(coords, expected);
    EXPECT_EQ(manifold->point_defect(point.data()), "");
  }
  for (const int c : count) EXPECT_NEAR(c, n / 10, 5.0 * std::sqrt(n * 0.1 * 0.9));
  EXPECT_NEAR(manifold->frame_volume(), 0.6 * std::pow(2.0 * pi * pi, 2), 1e-12);
  EXPECT_NEAR(make_manifold("s1xs3xs3")->frame_volume(), 2.0 * pi * std::pow(2.0 * pi * pi, 2), 1e-12);
}

TEST(BryantSalamon, coframe_pulls_the_standard_form_back_to_the_golden_one) {
  const auto file = test::g2_fields();
  const std::string group = "fields/bryant_salamon_frame";
  const double bolt = file.read(group + "/params/a")[0];
  const auto points = file.read(group + "/points");
  const auto phi = file.read(group + "/phi");
  const auto metric = file.read(group + "/g");
  std::vector<double> found_phi;
  std::vector<double> found_metric;
  for (std::size_t row = 0; row < points.size() / point_size_neck; ++row) {
    Matrix7 a;
    bryant_salamon_coframe(points[row * point_size_neck], bolt, a.data(), nullptr);
    const Form3 form = pullback(a, standard_form());
    found_phi.insert(found_phi.end(), form.begin(), form.end());
    const Matrix7 g = a.transpose() * a;
    found_metric.insert(found_metric.end(), g.data(), g.data() + g.size());
  }
  EXPECT_GT(found_phi.size(), 0U);
  EXPECT_LE(test::relative_to_largest(found_phi, phi), 1e-14);
  EXPECT_LE(test::relative_to_largest(found_metric, metric), 1e-14);
}

/// e^i ^ e^j ^ e^k added to a 3-form, each e given by its components.
void add_product(double factor, const Seven& u, const Seven& v, const Seven& w, Form3& form) {
  const auto& triples = three_form_indices();
  for (std::size_t n = 0; n < n_phi; ++n) {
    Eigen::Matrix3d m;
    for (int column = 0; column < 3; ++column) {
      const auto i = static_cast<std::size_t>(triples[n][static_cast<std::size_t>(column)]);
      m.col(column) << u[i], v[i], w[i];
    }
    form[n] += factor * m.determinant();
  }
}

TEST(BryantSalamon, coframe_pulls_the_standard_form_back_to_the_formula) {
  // 3 sqrt3 phi = r^3 Sigma^123 + 2 r^2 Sigma^a dr T^a - (4/3)(r^3 - a^3)(Sigma^1 T^23 + cyclic).
  for (const auto& [r, bolt] : {std::pair{1.001, 1.0}, std::pair{1.25, 1.0}, std::pair{7.0, 3.0}}) {
    const Seven dr{1.0};
    std::array<Seven, 3> sphere{};
    std::array<Seven, 3> t{};
    for (std::size_t i = 0; i < 3; ++i) {
      sphere[i][4 + i] = 1.0;
      t[i][1 + i] = 1.0;
      t[i][4 + i] = -0.5;
    }
    const double unit = 1.0 / (3.0 * std::sqrt(3.0));
    Form3 expected{};
    add_product(unit * r * r * r, sphere[0], sphere[1], sphere[2], expected);
    for (std::size_t i = 0; i < 3; ++i) {
      add_product(unit * 2.0 * r * r, sphere[i], dr, t[i], expected);
      add_product(unit * -4.0 / 3.0 * (r * r * r - bolt * bolt * bolt), sphere[i], t[(i + 1) % 3],
                  t[(i + 2) % 3], expected);
    }
    Matrix7 a;
    bryant_salamon_coframe(r, bolt, a.data(), nullptr);
    const Form3 found = pullback(a, standard_form());
    EXPECT_LE(test::relative_to_largest({found.begin(), found.end()}, {expected.begin(), expected.end()}),
              1e-14);
  }
}

TEST(BryantSalamon, derivative_is_the_limit_of_differences) {
  const double bolt = 1.3;
  for (const double r : {1.5, 2.0, 5.0}) {
    Matrix7 a;
    Matrix7 derivative;
    bryant_salamon_coframe(r, bolt, a.data(), derivative.data());
    const auto error = [&](double h) {
      Matrix7 forward;
      Matrix7 backward;
      bryant_salamon_coframe(r + h, bolt, forward.data(), nullptr);
      bryant_salamon_coframe(r - h, bolt, backward.data(), nullptr);
      return ((forward - backward) / (2.0 * h) - derivative).cwiseAbs().maxCoeff();
    };
    EXPECT_LE(error(1e-3), 1e-4);
    EXPECT_NEAR(error(2e-3) / error(1e-3), 4.0, 0.05);
  }
}

TEST(Manifold, neck_displacement_crosses_the_cut_and_is_antisymmetric) {
  const auto neck = make_manifold("s1xs3xs3");
  std::array<double, 9> a{0.01, 1, 0, 0, 0, 0, 1, 0, 0};
  std::array<double, 9> b{2.0 * pi - 0.02, 0.6, 0.8, 0, 0, 0, 0.8, 0.6, 0};
  std::array<double, dim> ab{};
  std::array<double, dim> ba{};
  neck->displacement(a.data(), b.data(), ab.data());
  neck->displacement(b.data(), a.data(), ba.data());
  EXPECT_NEAR(ab[0], -0.03, 1e-14);
  EXPECT_NEAR(ab[1], std::acos(0.6), 1e-14);
  for (int i = 0; i < dim; ++i) EXPECT_NEAR(ab[i], -ba[i], 1e-15);
}

TEST(Manifold, both_hemispheres_are_apart) {
  const auto neck = make_manifold("s1xs3xs3");
  std::array<double, 9> a{0, 0.8, 0.6, 0, 0, 1, 0, 0, 0};
  std::array<double, 9> b{0, -0.8, 0.6, 0, 0, 1, 0, 0, 0};
  std::array<double, dim> v{};
  neck->displacement(a.data(), b.data(), v.data());
  EXPECT_NEAR(std::abs(v[1]), 2.0 * std::atan2(0.8, 0.6), 1e-14);
}

TEST(Manifold, unknown_names_and_missing_samplers_are_told) {
  EXPECT_THROW(make_manifold("klein-bottle"), InputError);
  std::array<double, dim> x{};
  EXPECT_THROW(make_manifold("euclidean")->sample({0, Stream::samples, 0}, 0, x.data(), x.data()),
               InputError);
}

TEST(Manifold, every_name_makes_its_manifold) {
  for (const auto& name : manifold_names()) EXPECT_EQ(make_manifold(name)->name(), name);
}

TEST(Manifold, parameters_that_make_no_sense_are_told) {
  const double nan = std::nan("");
  const auto expect_error = [](const std::string& name, const ManifoldParameters& parameters,
                               const std::string& what) {
    try {
      make_manifold(name, parameters);
      ADD_FAILURE() << name << ": no error";
    } catch (const InputError& e) {
      const std::string text = e.what();
      EXPECT_NE(text.find(what), std::string::npos) << text;
      EXPECT_EQ(text.find('\n'), std::string::npos) << text;
    }
  };
  for (const double bad : {0.0, -1.0, nan, double(INFINITY)})
    for (std::size_t i = 0; i < 3; ++i) {
      ManifoldParameters parameters;
      parameters.radii[i] = bad;
      expect_error("s1xs3xs3", parameters, "radii");
    }
  using Ends = std::array<double, 2>;
  for (const Ends& bad : {Ends{1.0, 2.0}, Ends{0.5, 2.0}, Ends{2.0, 2.0}, Ends{2.0, 1.5}, Ends{nan, 2.0},
                          Ends{1.5, nan}, Ends{1.5, INFINITY}}) {
    ManifoldParameters parameters;
    parameters.interval = bad;
    expect_error("interval-s3xs3", parameters, "interval");
  }
  for (const double bad : {-1.0, nan, double(INFINITY)}) {
    ManifoldParameters parameters;
    parameters.periods = Periods{1.0, bad};
    expect_error("torus7", parameters, "period");
  }
}

}  // namespace
}  // namespace k7::geometry
