// SPDX-License-Identifier: Apache-2.0
// The golden fields with derivatives made the way a network makes them: the manifold's features and their
// frame derivatives go into the field's formula, values and tangents come out of it together, and the
// production code does the rest. Nothing stored about phi is used but to compare with.
#include <functional>
#include <map>

#include "dual.hpp"
#include "g2/coframe.hpp"
#include "geometry/bryant_salamon.hpp"
#include "model/learned_form.hpp"
#include "tensors.hpp"

namespace k7::model {
namespace {

using namespace g2;

using geometry::dim;
using geometry::n_phi;
using test::Dual;
using test::DualForm;
using test::to_tensor;
using test::to_vector;
using test::wedge;

using Parameters = std::map<std::string, std::vector<double>>;
using DualCoframe = std::array<std::array<Dual, dim>, dim>;
using DualQuaternion = std::array<Dual, 4>;

/// What a field's formula gets to see of a point.
struct Point {
  std::vector<Dual> x;  ///< the manifold's features
  std::size_t row;      ///< its number in the file
  const Parameters& p;  ///< of the field

  double number(const std::string& name) const { return p.at(name).at(0); }
  double at(const std::string& name, std::size_t i) const { return p.at(name).at(i); }
  DualQuaternion quaternion(std::size_t first) const {
    return {x[first], x[first + 1], x[first + 2], x[first + 3]};
  }
};

// ---- building blocks

DualForm standard_form() {
  DualForm phi(3);
  for (int c = 0; c < n_phi; ++c) phi[c] = geometry::standard_form()[c];
  return phi;
}

/// A^* phi_0: phi_0 with the rows of A for its coframe.
DualForm pullback_of_standard_form(const DualCoframe& a) {
  DualForm phi(3);
  for (int c = 0; c < n_phi; ++c) {
    const auto [i, j, k] = geometry::three_form_indices()[c];
    if (geometry::standard_form()[c] != 0.0)
      phi = phi + Dual(geometry::standard_form()[c]) * wedge(DualForm(a[i]), DualForm(a[j]), DualForm(a[k]));
  }
  return phi;
}

/// The constant matrix that stands at `first` in a parameter.
DualCoframe constant_coframe(const std::vector<double>& values, std::size_t first) {
  DualCoframe a;
  for (std::size_t i = 0; i < dim * dim; ++i) a[i / dim][i % dim] = values.at(first + i);
  return a;
}

/// A B.
DualCoframe product(const DualCoframe& a, const DualCoframe& b) {
  DualCoframe c;
  for (int i = 0; i < dim; ++i)
    for (int j = 0; j < dim; ++j)
      for (int k = 0; k < dim; ++k) c[i][j] += a[i][k] * b[k][j];
  return c;
}

/// k[m] . x + phase[m] in coordinates.
Dual phase(const Point& point, const std::string& k, const std::string& offset, std::size_t m) {
  Dual sum(point.at(offset, m));
  for (std::size_t i = 0; i < dim; ++i) sum += point.at(k, m * dim + i) * point.x[i];
  return sum;
}

/// (cos, sin)(n theta) from (cos, sin)(theta) by products.
std::pair<Dual, Dual> multiple_angle(const Dual& cosine, const Dual& sine, int n) {
  std::pair<Dual, Dual> result{1.0, 0.0};
  for (int i = 0; i < n; ++i)
    result = {result.first * cosine - result.second * sine, result.first * sine + result.second * cosine};
  return result;
}

Dual power(const Dual& x, double exponent) {
  Dual result(1.0);
  for (int i = 0; i < static_cast<int>(exponent); ++i) result = result * x;
  return result;
}

Dual square_sum(const std::vector<Dual>& x, std::size_t begin, std::size_t end) {
  Dual sum;
  for (std::size_t i = begin; i < end; ++i) sum += x[i] * x[i];
  return sum;
}

/// R(q)_ab, component a of q i_b conj(q).
std::array<std::array<Dual, 3>, 3> adjoint(const DualQuaternion& q) {
  const auto times = [](const Dual& x, const Dual& y) { return x * y; };
  std::array<std::array<Dual, 3>, 3> r;
  for (int b = 0; b < 3; ++b) {
    DualQuaternion unit;
    unit[1 + b] = 1.0;
    const DualQuaternion conjugate{q[0], -q[1], -q[2], -q[3]};
    const auto image =
        test::multiply_quaternions(test::multiply_quaternions(q, unit, times), conjugate, times);
    for (int a = 0; a < 3; ++a) r[a][b] = image[1 + a];
  }
  return r;
}

// ---- fields by coordinates

DualCoframe torus_diffeo_jacobian(const Point& point) {
  DualCoframe j;
  for (int i = 0; i < dim; ++i) j[i][i] = 1.0;
  for (std::size_t m = 0; m < point.p.at("phase").size(); ++m) {
    const Dual cosine = cos(phase(point, "k", "phase", m));
    for (int a = 0; a < dim; ++a)
      for (int i = 0; i < dim; ++i)
        j[a][i] += point.at("alpha", m * dim + a) * point.at("k", m * dim + i) * cosine;
  }
  return product(constant_coframe(point.p.at("A"), 0), j);
}

DualForm torus_conformal(const Point& point) {
  Dual u;
  for (std::size_t m = 0; m < point.p.at("u_c").size(); ++m)
    u += point.at("u_c", m) * cos(phase(point, "u_k", "u_phase", m));
  return exp(3.0 * u) * standard_form();
}

DualForm torus_generic(const Point& point) {
  DualForm phi = standard_form();
  for (std::size_t m = 0; m < point.p.at("coef").size(); ++m)
    phi[static_cast<std::size_t>(point.at("comp", m))] +=
        point.at("coef", m) * cos(phase(point, "k", "phase", m));
  return phi;
}

/// Stereographic X = R (2 x, 1 - x.x) / (1 + x.x): dX^A as 1-forms.
std::vector<DualForm> sphere_differentials(const Point& point) {
  const Dual scale = 1.0 / (1.0 + square_sum(point.x, 0, dim));
  std::vector<DualForm> dx(dim + 1, DualForm(1));
  for (int i = 0; i < dim; ++i) {
    const Dual dscale = -2.0 * point.x[i] * scale * scale;
    for (int a = 0; a < dim; ++a) dx[a][i] = 2.0 * point.x[a] * dscale;
    dx[i][i] += 2.0 * scale;
    dx[dim][i] = 2.0 * dscale;  // (1 - x.x) / (1 + x.x) = 2 scale - 1
  }
  for (auto& form : dx) form = point.number("R") * form;
  return dx;
}

/// The contraction of a 4-form Phi of R^8 with the unit normal N, restricted to the sphere.
DualForm s7_round(const Point& point) {
  const auto dx = sphere_differentials(point);
  const Dual scale = 1.0 / (1.0 + square_sum(point.x, 0, dim));
  std::vector<Dual> normal;
  for (int a = 0; a < dim; ++a) normal.push_back(2.0 * point.x[a] * scale);
  normal.push_back(2.0 * scale - 1.0);
  const auto& terms = point.p.at("Phi");  // rows of four indices and a sign
  DualForm phi(3);
  for (std::size_t t = 0; t < terms.size(); t += 5) {
    std::array<int, 4> k{};
    for (int i = 0; i < 4; ++i) k[i] = static_cast<int>(terms[t + i]);
    const double sign = terms[t + 4];
    phi = phi + sign * normal[k[0]] * wedge(dx[k[1]], dx[k[2]], dx[k[3]]) -
          sign * normal[k[1]] * wedge(dx[k[0]], dx[k[2]], dx[k[3]]) +
          sign * normal[k[2]] * wedge(dx[k[0]], dx[k[1]], dx[k[3]]) -
          sign * normal[k[3]] * wedge(dx[k[0]], dx[k[1]], dx[k[2]]);
  }
  return phi;
}

/// p(u) on the unit 3-sphere by stereographic projection, and its differential.
std::pair<DualQuaternion, std::array<DualForm, 4>> chart_of_s3(const Point& point) {
  const Dual scale = 1.0 / (1.0 + square_sum(point.x, 0, 3));
  const DualQuaternion p{2.0 * scale - 1.0, 2.0 * point.x[0] * scale, 2.0 * point.x[1] * scale,
                         2.0 * point.x[2] * scale};
  std::array<DualForm, 4> dp{DualForm(1), DualForm(1), DualForm(1), DualForm(1)};
  for (int i = 0; i < 3; ++i) {
    const Dual dscale = -2.0 * point.x[i] * scale * scale;
    dp[0][i] = 2.0 * dscale;
    for (int a = 0; a < 3; ++a) dp[1 + a][i] = 2.0 * point.x[a] * dscale;
    dp[1 + i][i] += 2.0 * scale;
  }
  return {p, dp};
}

DualForm bryant_salamon_chart(const Point& point) {
  const auto times = [](const Dual& c, const DualForm& form) { return c * form; };
  const auto [p, dp] = chart_of_s3(point);
  const DualQuaternion conjugate{p[0], -p[1], -p[2], -p[3]};
  std::array<DualForm, 4> big_sigma = test::multiply_quaternions(conjugate, dp, times);
  big_sigma[0] = DualForm(1);
  std::array<DualForm, 4> v = test::multiply_quaternions(point.quaternion(3), big_sigma, times);
  for (int m = 0; m < 4; ++m) v[m] = DualForm::basis(3 + m) - 0.5 * v[m];

  const double a = point.number("a");
  const double c = point.number("c");
  DualForm phi =
      (a * a * a + c * square_sum(point.x, 3, 7)) * wedge(big_sigma[1], big_sigma[2], big_sigma[3]);
  for (int i = 0; i < 3; ++i) {
    const DualForm plane = wedge(v[0], v[1 + i]) - wedge(v[1 + (i + 1) % 3], v[1 + (i + 2) % 3]);
    phi = phi + 4.0 / 3.0 * c * wedge(big_sigma[1 + i], plane);
  }
  return 1.0 / (3.0 * std::sqrt(3.0)) * phi;
}

// ---- fields in the coframe

DualForm product_polynomial(const Point& point) {
  DualForm phi = standard_form();
  for (std::size_t t = 0; t < point.p.at("coef").size(); ++t) {
    const auto trig = multiple_angle(point.x[0], point.x[1], static_cast<int>(point.at("n", t)));
    Dual term = point.at("coef", t) * (point.at("is_sin", t) != 0.0 ? trig.second : trig.first);
    for (std::size_t m = 0; m < 4; ++m)
      term = term * power(point.x[2 + m], point.at("e1", 4 * t + m)) *
             power(point.x[6 + m], point.at("e2", 4 * t + m));
    phi[static_cast<std::size_t>(point.at("comp", t))] += term;
  }
  return phi;
}

/// The field that the description writes out.
DualForm product_explicit(const Point& point) {
  const auto& f = point.x;
  const Dual& sine = f[1];
  const Dual &w1 = f[2], &x1 = f[3], &y1 = f[4], &z1 = f[5], &w2 = f[6], &x2 = f[7], &y2 = f[8], &z2 = f[9];
  const auto at = [](int i, int j, int k) {
    return static_cast<std::size_t>(geometry::form_position((1U << i) | (1U << j) | (1U << k)));
  };
  DualForm phi(3);
  phi[at(0, 1, 3)] = 1.0 + 0.20 * sine * x2;
  phi[at(1, 2, 4)] = 1.0 + 0.15 * (w1 * w1 - x1 * x1);
  phi[at(2, 3, 5)] = 1.0 - 0.10 * y1 * z2;
  phi[at(3, 4, 6)] = 1.0 + 0.12 * multiple_angle(f[0], sine, 2).first;
  phi[at(0, 4, 5)] = 1.0 + 0.10 * x1 * x2;
  phi[at(1, 5, 6)] = 1.0;
  phi[at(0, 2, 6)] = 1.0 - 0.08 * sine * w2;
  phi[at(0, 1, 2)] = 0.10 * y1;
  phi[at(1, 2, 3)] = 0.07 * f[0] * z1;
  phi[at(4, 5, 6)] = -0.09 * y1 * w2;
  phi[at(0, 3, 4)] = 0.05;
  phi[at(1, 3, 6)] = 0.11 * x2 * y2;
  phi[at(2, 5, 6)] = 0.06 * multiple_angle(f[0], sine, 3).second * w1 * z1 * y2;
  return phi;
}

DualForm product_nk(const Point& point) {
  const auto s = [](int a) { return DualForm::basis(1 + a % 3); };
  const auto big_s = [](int a) { return DualForm::basis(4 + a % 3); };
  DualForm w(2);
  DualForm re(3);
  DualForm im = 2.0 * wedge(s(0), s(1), s(2)) + 2.0 * wedge(big_s(0), big_s(1), big_s(2));
  for (int a = 0; a < 3; ++a) {
    w = w + wedge(s(a), big_s(a));
    const DualForm first = wedge(s(a + 1), s(a + 2), big_s(a));
    const DualForm second = wedge(s(a), big_s(a + 1), big_s(a + 2));
    re = re + first - second;
    im = im - first - second;
  }
  const double root = std::sqrt(3.0);
  const double c = point.at("c", point.row);
  const double angle = point.at("al", point.row);
  return point.at("a", point.row) * c * c * 2.0 / (3.0 * root) * wedge(DualForm::basis(0), w) +
         c * c * c * std::cos(angle) * -4.0 / (9.0 * root) * re +
         c * c * c * std::sin(angle) * 4.0 / 27.0 * im;
}

DualCoframe product_adjoint_coframe(const Point& point) {
  DualCoframe d;
  for (int i = 0; i < dim; ++i) d[i][i] = 1.0;
  const auto r = adjoint(point.quaternion(2));
  for (int a = 0; a < 3; ++a)
    for (int b = 0; b < 3; ++b) d[1 + a][1 + b] = r[a][b];
  return product(constant_coframe(point.p.at("A"), 0), d);
}

constexpr std::array<double, 2> radial_interval{1.01, 4.5};  ///< holds the radii of bryant_salamon_frame

Dual radius(const Point& point) {
  const auto [begin, end] = radial_interval;
  return begin + 0.5 * (end - begin) * (point.x[0] + 1.0);
}

DualForm bryant_salamon_frame(const Point& point) {
  const auto big_s = [](int a) { return DualForm::basis(4 + a % 3); };
  const auto t = [&](int a) { return DualForm::basis(1 + a % 3) - 0.5 * big_s(a); };
  const Dual r = radius(point);
  const Dual r3 = r * r * r;
  DualForm phi = r3 * wedge(big_s(0), big_s(1), big_s(2));
  for (int a = 0; a < 3; ++a)
    phi = phi + 2.0 * r * r * wedge(big_s(a), DualForm::basis(0), t(a)) -
          4.0 / 3.0 * (r3 - std::pow(point.number("a"), 3)) * wedge(big_s(a), t(a + 1), t(a + 2));
  return 1.0 / (3.0 * std::sqrt(3.0)) * phi;
}

DualCoframe bryant_salamon_coframe_of(const Point& point) {
  std::array<double, dim * dim> a{};
  std::array<double, dim * dim> da{};
  const Dual r = radius(point);
  geometry::bryant_salamon_coframe(r.value, point.number("a"), a.data(), da.data());
  DualCoframe coframe;
  for (std::size_t i = 0; i < a.size(); ++i) coframe[i / dim][i % dim] = chain(r, a[i], da[i]);
  return coframe;
}

// ---- the table

/// How a field of the file is made: its 3-form, its coframe where it is a pull-back of phi_0, or both.
struct Recipe {
  std::string manifold;
  std::function<DualForm(const Point&)> form;
  std::function<DualCoframe(const Point&)> coframe;
};

const std::map<std::string, Recipe>& recipes() {
  const auto constant = [](const Point&) { return standard_form(); };
  const auto one_each = [](const Point& point) {
    return constant_coframe(point.p.at("A"), point.row * dim * dim);
  };
  const auto identity = [](const Point&) {
    DualCoframe a;
    for (int i = 0; i < dim; ++i) a[i][i] = 1.0;
    return a;
  };
  static const std::map<std::string, Recipe> table{
      {"flat_phi0", {"euclidean", constant, identity}},
      {"flat_gl7", {"euclidean", {}, one_each}},
      {"torus_diffeo", {"euclidean", {}, torus_diffeo_jacobian}},
      {"torus_conformal", {"euclidean", torus_conformal, {}}},
      {"torus_generic", {"euclidean", torus_generic, {}}},
      {"s7_round", {"euclidean", s7_round, {}}},
      {"bryant_salamon_chart", {"euclidean", bryant_salamon_chart, {}}},
      {"bryant_salamon_frame", {"interval-s3xs3", bryant_salamon_frame, bryant_salamon_coframe_of}},
      {"product_phi0", {"s1xs3xs3", constant, identity}},
      {"product_gl7", {"s1xs3xs3", {}, one_each}},
      {"product_nk", {"s1xs3xs3", product_nk, {}}},
      {"product_adjoint", {"s1xs3xs3", {}, product_adjoint_coframe}},
      {"product_polynomial", {"s1xs3xs3", product_polynomial, {}}},
      {"product_explicit", {"s1xs3xs3", product_explicit, {}}},
  };
  return table;
}

// ---- the comparison

/// One field of the file.
struct Field {
  explicit Field(const std::string& name)
      : group("/fields/" + name + "/"), tolerance(name == "bryant_salamon_frame" ? 1e-10 : 1e-11) {
    if (!file.has("/fields/" + name + "/params")) return;
    for (const auto& parameter : file.list(group + "params"))
      parameters[parameter] = file.read(group + "params/" + parameter);
  }
  std::vector<double> read(const std::string& dataset) const { return file.read(group + dataset); }

  io::Hdf5File file = test::g2_fields();
  std::string group;
  double tolerance;
  Parameters parameters;
};

std::unique_ptr<geometry::Manifold> manifold_of_recipe(const std::string& name,
                                                       const std::array<double, 3>& radii = {1.0, 1.0, 1.0}) {
  geometry::ManifoldParameters parameters;
  parameters.radii = radii;
  parameters.interval = radial_interval;
  return geometry::make_manifold(name, parameters);
}

/// The field's points as the manifold describes them to a network.
std::vector<Point> points_of(const Field& field, const geometry::Manifold& manifold) {
  const auto coordinates = field.read("points");
  const auto size = static_cast<std::size_t>(manifold.point_size());
  const auto n_features = static_cast<std::size_t>(manifold.n_features());
  std::vector<double> f(n_features);
  std::vector<double> df(dim * n_features);
  std::vector<Point> points;
  for (std::size_t row = 0; row < coordinates.size() / size; ++row) {
    manifold.features(coordinates.data() + row * size, f.data(), df.data());
    std::vector<Dual> x(f.begin(), f.end());
    for (std::size_t i = 0; i < n_features; ++i)
      for (std::size_t a = 0; a < dim; ++a) x[i].d[a] = df[a * n_features + i];
    points.push_back({std::move(x), row, field.parameters});
  }
  return points;
}

/// (n, size) numbers with their tangents, as forward_jet returns them.
Jet to_jet(const std::vector<std::vector<Dual>>& rows) {
  const auto n = static_cast<std::int64_t>(rows.size());
  const auto size = static_cast<std::int64_t>(rows.front().size());
  Jet jet{at::empty({n, size}, at::kDouble), at::empty({n, dim, size}, at::kDouble)};
  auto value = jet.value.accessor<double, 2>();
  auto derivatives = jet.derivatives.accessor<double, 3>();
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t c = 0; c < size; ++c) {
      value[i][c] = rows[i][c].value;
      for (int a = 0; a < dim; ++a) derivatives[i][a][c] = rows[i][c].d[a];
    }
  return jet;
}

Jet form_jet(const std::vector<Point>& points, const std::function<DualForm(const Point&)>& form) {
  std::vector<std::vector<Dual>> rows;
  for (const auto& point : points) {
    const DualForm phi = form(point);
    rows.emplace_back();
    for (std::size_t c = 0; c < phi.size(); ++c) rows.back().push_back(phi[c]);
  }
  return to_jet(rows);
}

Jet as_coframes(const Jet& x) {
  const std::int64_t n = x.value.size(0);
  return {x.value.reshape({n, dim, dim}), x.derivatives.reshape({n, dim, dim, dim})};
}

Jet coframe_jet(const std::vector<Point>& points, const std::function<DualCoframe(const Point&)>& coframe) {
  std::vector<std::vector<Dual>> rows;
  for (const auto& point : points) {
    rows.emplace_back();
    for (const auto& row : coframe(point)) rows.back().insert(rows.back().end(), row.begin(), row.end());
  }
  return as_coframes(to_jet(rows));
}

/// |a - b| / max(1, max |b|).
double error(const at::Tensor& a, const std::vector<double>& b) {
  double largest = 1.0;
  for (const double x : b) largest = std::max(largest, std::abs(x));
  return test::absolute(to_vector(a), b) / largest;
}

/// Everything that the file says about phi.
void expect_reproduced(const Field& field, const Jet& phi, const geometry::Structure& structure) {
  const BatchedG2 s = g2_structure(phi.value);
  const ExteriorDerivative d(structure);
  const BatchedTorsion t = torsion(s, phi.derivatives, d);
  const TorsionEnergy e = torsion_energy(s, phi.derivatives, d);
  EXPECT_LE(error(s.orientation, field.read("orientation")), 0.0);
  if (field.file.has(field.group + "E_psi")) {
    EXPECT_LE(error(frame_derivatives_of_psi(s, phi.derivatives), field.read("E_psi")), field.tolerance);
  }
  const std::vector<std::pair<std::string, at::Tensor>> quantities{{"phi", phi.value},
                                                                   {"E_phi", phi.derivatives},
                                                                   {"g", s.g},
                                                                   {"sqrt_det_g", s.sqrt_det_g},
                                                                   {"psi", s.psi},
                                                                   {"dphi", t.dphi},
                                                                   {"dpsi", t.dpsi},
                                                                   {"norm2_dphi", t.norm2_dphi},
                                                                   {"norm2_dpsi", t.norm2_dpsi},
                                                                   {"norm2_dphi", e.closed},
                                                                   {"norm2_dpsi", e.coclosed},
                                                                   {"tau0", t.tau0},
                                                                   {"tau1", t.tau1},
                                                                   {"tau2", t.tau2},
                                                                   {"tau3", t.tau3},
                                                                   {"norm2_tau0", t.norm2_tau0},
                                                                   {"norm2_tau1", t.norm2_tau1},
                                                                   {"norm2_tau2", t.norm2_tau2},
                                                                   {"norm2_tau3", t.norm2_tau3}};
  for (const auto& [name, value] : quantities)
    EXPECT_LE(error(value, field.read(name)), field.tolerance) << name;
}

/// The metric and the energies that a coframe gives without its 3-form.
void expect_energies(const Field& field, const Jet& coframe, const geometry::Structure& structure) {
  const TorsionEnergy e = CoframeTorsion(structure)(coframe);
  EXPECT_LE(error(at::bmm(coframe.value.transpose(1, 2), coframe.value), field.read("g")), field.tolerance);
  EXPECT_LE(error(e.closed, field.read("norm2_dphi")), field.tolerance);
  EXPECT_LE(error(e.coclosed, field.read("norm2_dpsi")), field.tolerance);
}

TEST(AnalyticFields, leave_no_field_of_the_file_out) {
  std::vector<std::string> names;
  for (const auto& [name, recipe] : recipes()) {
    names.push_back(name);
    EXPECT_TRUE(recipe.form || recipe.coframe) << name;
  }
  EXPECT_EQ(names, test::g2_fields().list("/fields"));
}

class AnalyticField : public testing::TestWithParam<std::string> {};

TEST_P(AnalyticField, is_reproduced_from_the_features_of_its_points) {
  const auto found = recipes().find(GetParam());
  ASSERT_NE(found, recipes().end()) << "no formula for this field";
  const Recipe& recipe = found->second;
  const Field field(GetParam());
  const auto manifold = manifold_of_recipe(recipe.manifold);
  const auto structure = manifold->structure();
  EXPECT_EQ(std::vector<double>(structure.begin(), structure.end()), field.read("structure"));
  const auto points = points_of(field, *manifold);

  const auto by_wedges = [&](const Point& point) { return pullback_of_standard_form(recipe.coframe(point)); };
  for (const auto& form : {recipe.form, recipe.coframe ? by_wedges : std::function<DualForm(const Point&)>{}})
    if (form) expect_reproduced(field, form_jet(points, form), structure);
  if (!recipe.coframe) return;
  const Jet coframe = coframe_jet(points, recipe.coframe);
  expect_reproduced(field, pullback_jet(coframe), structure);
  expect_energies(field, coframe, structure);
}

INSTANTIATE_TEST_SUITE_P(Golden, AnalyticField, testing::ValuesIn(test::g2_fields().list("/fields")),
                         [](const auto& test) { return test.param; });

/// phi -> components in the coframe s_i e^i.
Jet rescaled(const Jet& phi, const geometry::Form1& scale) {
  at::Tensor factors = at::empty({n_phi}, at::kDouble);
  for (int c = 0; c < n_phi; ++c) {
    const auto [i, j, k] = geometry::three_form_indices()[c];
    factors.data_ptr<double>()[c] = 1.0 / (scale[i] * scale[j] * scale[k]);
  }
  return {phi.value * factors, phi.derivatives * factors};
}

TEST(AnalyticFields, have_the_same_invariants_in_a_coframe_with_radii) {
  for (const std::string name : {"product_polynomial", "product_explicit", "product_adjoint", "product_nk"}) {
    const Field field(name);
    const auto manifold = manifold_of_recipe("s1xs3xs3", {1.7, 0.6, 1.3});
    const Recipe& recipe = recipes().at(name);
    const auto points = points_of(field, *manifold);
    const auto by_wedges = [&](const Point& point) {
      return pullback_of_standard_form(recipe.coframe(point));
    };
    const Jet phi = rescaled(form_jet(points, recipe.form ? recipe.form : by_wedges), manifold->scale());
    const BatchedTorsion t =
        torsion(g2_structure(phi.value), phi.derivatives, ExteriorDerivative(manifold->structure()));
    EXPECT_LE(error(t.norm2_dphi, field.read("norm2_dphi")), field.tolerance) << name;
    EXPECT_LE(error(t.norm2_dpsi, field.read("norm2_dpsi")), field.tolerance) << name;
    EXPECT_LE(error(t.tau0, field.read("tau0")), field.tolerance) << name;
    EXPECT_LE(error(t.norm2_tau1, field.read("norm2_tau1")), field.tolerance) << name;
    EXPECT_LE(error(t.norm2_tau2, field.read("norm2_tau2")), field.tolerance) << name;
    EXPECT_LE(error(t.norm2_tau3, field.read("norm2_tau3")), field.tolerance) << name;
  }
}

// ---- fields that are networks

/// A network of coordinates with one hidden layer of sines, sin(k.x + phase + pi/2) = cos(k.x + phase), and
/// zeros in its output layer.
ModelSpec cosine_layer(const Field& field, int outputs) {
  ModelSpec spec;
  spec.manifold = "euclidean";
  spec.radii = {1.0, 1.0, 1.0};
  spec.ansatz = Ansatz::components;
  spec.network = {dim, {static_cast<int>(field.parameters.at("phase").size())}, outputs, Activation::sine};
  return spec;
}

at::Tensor slot(const Network& network, std::size_t index) {
  const ParameterSlot s = parameter_slots(network.shape()).at(index);
  return network.parameters().narrow(0, s.offset, s.count).view(s.shape);
}

void set_cosines(const Network& network, const Field& field) {
  const auto& phases = field.parameters.at("phase");
  slot(network, 0).copy_(to_tensor(field.parameters.at("k"), {-1, dim}));
  slot(network, 1).copy_(to_tensor(phases, {-1}) + 0.5 * geometry::pi);
}

TEST(AnalyticFields, torus_generic_is_a_learned_form) {
  const Field field("torus_generic");
  const LearnedForm form(cosine_layer(field, n_phi), at::kCPU);
  const Network& network = form.network();
  const Batch batch = form.at(field.read("points"));
  set_cosines(network, field);
  const auto& coefficients = field.parameters.at("coef");
  for (std::size_t m = 0; m < coefficients.size(); ++m)
    slot(network,
         2)[static_cast<std::int64_t>(field.parameters.at("comp")[m])][static_cast<std::int64_t>(m)] =
        coefficients[m];
  expect_reproduced(field, form.jet(batch).phi, form.manifold().structure());  // phi_0 is the background
  EXPECT_LE(error(form.values(batch).phi, field.read("phi")), field.tolerance);
  EXPECT_LE(error(form.values(batch).g, field.read("g")), field.tolerance);

  const auto& phi_0 = geometry::standard_form();
  slot(network, 3).copy_(to_tensor({phi_0.begin(), phi_0.end()}, {-1}));  // phi_0 is the output's bias
  const Jet alone = network.forward_jet(batch.features);
  expect_reproduced(field, {alone.value.detach(), alone.derivatives.detach()}, form.manifold().structure());
}

TEST(AnalyticFields, the_coframe_of_torus_diffeo_is_a_network) {
  const Field field("torus_diffeo");
  const LearnedForm form(cosine_layer(field, dim * dim), at::kCPU);
  const Network& network = form.network();
  set_cosines(network, field);
  const at::Tensor a = to_tensor(field.parameters.at("A"), {dim, dim});
  const at::Tensor alpha = to_tensor(field.parameters.at("alpha"), {-1, dim});
  const at::Tensor k = to_tensor(field.parameters.at("k"), {-1, dim});
  slot(network, 2).copy_(at::einsum("ab,mb,mi->aim", {a, alpha, k}).reshape({dim * dim, -1}));
  slot(network, 3).copy_(a.reshape({-1}));
  const Jet coframe = as_coframes(network.forward_jet(form.at(field.read("points")).features));
  expect_reproduced(field, pullback_jet(coframe), form.manifold().structure());
  expect_energies(field, {coframe.value.detach(), coframe.derivatives.detach()}, form.manifold().structure());
}

}  // namespace
}  // namespace k7::model
