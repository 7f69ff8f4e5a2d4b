// SPDX-License-Identifier: Apache-2.0
// G2-structures and their torsion against stored fields (80-bit jets of closed forms), against exact
// identities on random data, and against values worked out by hand.
#include "k7/geometry/g2_structure.hpp"

#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <cstdio>
#include <limits>
#include <random>

#include "k7/base/error.hpp"
#include "k7/geometry/exterior.hpp"
#include "test_data.hpp"

namespace k7::geometry {
namespace {

using Vector = std::vector<double>;
using Jet = std::array<double, dim * n_phi>;  ///< E_a phi_I

io::Hdf5File g2_fields() {
  return io::Hdf5File::open(std::string(K7_TEST_DATA) + "/g2_fields.h5");
}

template <std::size_t n>
Vector to_vector(const std::array<double, n>& a) {
  return {a.begin(), a.end()};
}

Vector to_vector(const Matrix7& m) {
  return {m.data(), m.data() + m.size()};
}

template <std::size_t n>
std::array<double, n> row_of(const Vector& data, std::size_t row) {
  std::array<double, n> result;
  std::copy_n(data.begin() + static_cast<std::ptrdiff_t>(row * n), n, result.begin());
  return result;
}

template <class T, class Range>
void append(std::vector<T>& all, const Range& part) {
  all.insert(all.end(), part.begin(), part.end());
}

/// |a - b| / max(1, |b|), largest norms.
double error_against(const Vector& a, const Vector& b) {
  double largest = 1.0;
  for (const double value : b) largest = std::max(largest, std::abs(value));
  return test::absolute(a, b) / largest;
}

Structure product_structure() {
  return row_of<343>(g2_fields().read("conventions/structure_product"), 0);
}

// ---- forms of any degree, written without the code under test where that is short ----

std::vector<int> members(IndexMask set) {
  std::vector<int> result;
  for (int i = 0; i < dim; ++i)
    if ((set >> i & 1U) != 0) result.push_back(i);
  return result;
}

/// The sign that sorts distinct indices, by counting exchanges; 0 when two agree.
int sorting_sign(const std::vector<int>& indices) {
  int sign = 1;
  for (std::size_t i = 0; i < indices.size(); ++i)
    for (std::size_t j = i + 1; j < indices.size(); ++j) {
      if (indices[i] == indices[j]) return 0;
      if (indices[i] > indices[j]) sign = -sign;
    }
  return sign;
}

std::size_t size_of(int p) {
  return form_masks(p).size();
}

Vector apply(const LinearMap& map, const Vector& from, std::size_t size) {
  Vector to(size, 0.0);
  for (const MapEntry& entry : map) to.at(entry.to) += entry.value * from.at(entry.from);
  return to;
}

Vector wedge(int p, const Vector& a, int q, const Vector& b) {
  Vector result(size_of(p + q), 0.0);
  for (const IndexMask i : form_masks(p))
    for (const IndexMask j : form_masks(q)) {
      auto indices = members(i);
      append(indices, members(j));
      const int sign = sorting_sign(indices);
      if (sign != 0) result[form_position(i | j)] += sign * a[form_position(i)] * b[form_position(j)];
    }
  return result;
}

/// The matrix of A^* on p-forms: (A^* a)_J = sum over I of det A[I, J] a_I.
Vector pullback_form(const Matrix7& a, int p, const Vector& form) {
  Vector result(size_of(p), 0.0);
  for (const IndexMask to : form_masks(p))
    for (const IndexMask from : form_masks(p)) {
      const Eigen::MatrixXd block = a(members(from), members(to));
      result[form_position(to)] += block.determinant() * form[form_position(from)];
    }
  return result;
}

/// (*a)_J = s sqrt(det g) sign(I, J) a^I.
Vector star(const G2Structure& s, int p, const Vector& form) {
  const Vector raised = pullback_form(s.g_inverse, p, form);
  Vector result(size_of(dim - p));
  for (const IndexMask i : form_masks(p)) {
    const IndexMask j = 127U & ~i;
    auto indices = members(i);
    append(indices, members(j));
    result[form_position(j)] =
        s.orientation * s.sqrt_det_g * sorting_sign(indices) * raised[form_position(i)];
  }
  return result;
}

Vector combination(double x, const Vector& a, double y, const Vector& b) {
  Vector result(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) result[i] = x * a[i] + y * b[i];
  return result;
}

Vector scaled(double x, const Vector& a) {
  return combination(x, a, 0.0, a);
}

double form_norm_sq(const G2Structure& s, int p, const Vector& form) {
  return norm_sq(s.g_inverse, p, form.data());
}

// ---- random data ----

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  double normal() { return normal_(engine_); }
  double uniform(double a, double b) { return std::uniform_real_distribution<double>(a, b)(engine_); }

  template <std::size_t n>
  std::array<double, n> normals(double scale = 1.0) {
    std::array<double, n> result;
    for (double& x : result) x = scale * normal();
    return result;
  }

  Vector form(int p) {
    Vector result(size_of(p));
    for (double& x : result) x = normal();
    return result;
  }

  Matrix7 orthogonal() {
    const Matrix7 m = Eigen::Map<const Matrix7>(normals<dim * dim>().data());
    const Matrix7 q = Eigen::HouseholderQR<Matrix7>(m).householderQ();
    return q;
  }

  /// With condition number up to `condition` and a determinant of the given sign.
  Matrix7 matrix(int determinant_sign, double condition = 10.0) {
    Eigen::Matrix<double, dim, 1> stretch;
    for (double& x : stretch) x = std::pow(condition, uniform(-0.5, 0.5));
    const Matrix7 left = orthogonal();
    Matrix7 m = left * stretch.asDiagonal() * orthogonal();
    if (m.determinant() * determinant_sign < 0.0) m.row(0) *= -1.0;
    return m;
  }

  /// A positive form that is no pull-back we know: A^* of a perturbed phi_0, s = -sign det A.
  Form3 positive_form(int determinant_sign = 1) {
    Form3 phi;
    do {
      phi = standard_form();
      for (double& x : phi) x += 0.08 * normal();
    } while (!is_positive(phi));
    return pullback(matrix(determinant_sign), phi);
  }

  Structure structure() {
    Structure c{};
    for (int n = 0; n < dim; ++n)
      for (int a = 0; a < dim; ++a)
        for (int b = a + 1; b < dim; ++b) {
          c[(n * dim + a) * dim + b] = normal();
          c[(n * dim + b) * dim + a] = -c[(n * dim + a) * dim + b];
        }
    return c;
  }

 private:
  std::mt19937_64 engine_;
  std::normal_distribution<double> normal_;
};

int alternating_sign(unsigned seed) {
  return seed % 2 == 0 ? 1 : -1;
}

constexpr unsigned n_cases = 24;

/// A G2-structure with its first derivatives in a coframe: everything that torsion depends on.
struct PointData {
  Form3 phi;
  Jet frame_derivatives;
  Structure structure;
};

PointData random_point(Random& random, int determinant_sign) {
  return {random.positive_form(determinant_sign), random.normals<dim * n_phi>(), random.structure()};
}

Torsion torsion_of(const PointData& point) {
  return torsion(g2_structure(point.phi), point.frame_derivatives.data(), point.structure);
}

/// C in the frame E'_i = A_ai E_a.
Structure change_frame(const Matrix7& a, const Structure& c) {
  const Matrix7 inverse = a.inverse();
  Structure result{};
  for (int n = 0; n < dim; ++n) {
    const Matrix7 lower = a.transpose() * Eigen::Map<const Matrix7>(c.data() + n * dim * dim) * a;
    for (int k = 0; k < dim; ++k) Eigen::Map<Matrix7>(result.data() + k * dim * dim) += inverse(k, n) * lower;
  }
  return result;
}

PointData change_frame(const Matrix7& a, const PointData& point) {
  PointData result{pullback(a, point.phi), {}, change_frame(a, point.structure)};
  for (int old = 0; old < dim; ++old) {
    const Form3 part = pullback(a, row_of<n_phi>(to_vector(point.frame_derivatives), old));
    for (int i = 0; i < dim; ++i)
      for (int n = 0; n < n_phi; ++n) result.frame_derivatives[i * n_phi + n] += a(old, i) * part[n];
  }
  return result;
}

// ---- conventions ----

TEST(Conventions, index_tables_are_the_files) {
  const auto file = g2_fields();
  for (const int p : {2, 3, 4, 5}) {
    std::vector<std::int64_t> table(size_of(p) * p);
    file.read_rows("conventions/index" + std::to_string(p), 0, size_of(p), table.data());
    std::vector<std::int64_t> ours;
    for (const IndexMask set : form_masks(p)) append(ours, members(set));
    EXPECT_EQ(ours, table) << p;
  }
}

TEST(Conventions, standard_forms_are_the_files) {
  const auto file = g2_fields();
  EXPECT_EQ(to_vector(standard_form()), file.read("conventions/phi0"));
  const G2Structure s = g2_structure(standard_form());
  EXPECT_EQ(s.orientation, -1);
  EXPECT_EQ(s.orientation, file.number_attribute("conventions", "orientation_of_phi0"));
  EXPECT_EQ(to_vector(hitchin_form(standard_form())), to_vector(Matrix7(-Matrix7::Identity())));
  EXPECT_LE(test::absolute(to_vector(s.psi), file.read("conventions/psi0")), 1e-15);
}

TEST(Conventions, structure_of_the_spheres) {
  const Structure c = product_structure();
  Structure expected{};
  const auto bracket = [&](int i, int j, int k) {
    expected[(k * dim + i) * dim + j] = 2.0;
    expected[(k * dim + j) * dim + i] = -2.0;
  };
  for (const int first : {1, 4})
    for (int n = 0; n < 3; ++n) bracket(first + n, first + (n + 1) % 3, first + (n + 2) % 3);
  EXPECT_EQ(c, expected);
}

// ---- exterior algebra ----

TEST(Exterior, positions_invert_the_tables) {
  for (int p = 0; p <= dim; ++p)
    for (std::size_t n = 0; n < size_of(p); ++n)
      EXPECT_EQ(form_position(form_masks(p)[n]), static_cast<int>(n));
  for (const Triple& t : three_form_indices())
    EXPECT_EQ(form_position(1U << t[0] | 1U << t[1] | 1U << t[2]), three_form_index(t[0], t[1], t[2]).index);
}

TEST(Exterior, wedge_sign_sorts_the_indices) {
  for (IndexMask i = 0; i < 128; ++i)
    for (IndexMask j = 0; j < 128; ++j) {
      auto indices = members(i);
      append(indices, members(j));
      ASSERT_EQ(wedge_sign(i, j), sorting_sign(indices)) << i << " " << j;
    }
}

TEST(Exterior, complement_is_the_star_of_an_orthonormal_coframe) {
  G2Structure flat{};
  flat.g_inverse = Matrix7::Identity();
  flat.sqrt_det_g = 1.0;
  flat.orientation = 1;
  Random random(1);
  for (int p = 0; p <= dim; ++p) {
    const Vector form = random.form(p);
    const Vector complement = apply(complement_map(p), form, size_of(dim - p));
    EXPECT_EQ(complement, star(flat, p, form));
    EXPECT_EQ(apply(complement_map(dim - p), complement, size_of(p)), form);
  }
  EXPECT_EQ(apply(complement_map(3), to_vector(standard_form()), n_phi),
            scaled(-1.0, g2_fields().read("conventions/psi0")));
}

TEST(Exterior, derivative_map_is_a_wedge_product) {
  Random random(2);
  for (int p = 0; p < dim; ++p) {
    const Vector direction = random.form(1);
    const Vector form = random.form(p);
    Vector products;
    for (const double x : direction) append(products, scaled(x, form));
    EXPECT_LE(
        test::absolute(apply(derivative_map(p), products, size_of(p + 1)), wedge(1, direction, p, form)),
        1e-14);
  }
  EXPECT_TRUE(derivative_map(dim).empty());
}

TEST(Exterior, structure_map_of_a_coframe) {
  const Structure c = Random(3).structure();
  for (int n = 0; n < dim; ++n) {
    Vector form(dim, 0.0);
    form[n] = 1.0;
    const Vector d = apply(structure_map(1, c.data()), form, n_two);
    for (int a = 0; a < dim; ++a)
      for (int b = a + 1; b < dim; ++b)
        EXPECT_DOUBLE_EQ(d[form_position(1U << a | 1U << b)], -c[(n * dim + a) * dim + b]);
  }
}

TEST(Exterior, structure_map_obeys_the_leibniz_rule) {
  Random random(4);
  const Structure c = random.structure();
  const auto d = [&](int p, const Vector& form) {
    return apply(structure_map(p, c.data()), form, size_of(p + 1));
  };
  for (int p = 0; p < dim; ++p)
    for (int q = 0; p + q < dim; ++q) {
      const Vector a = random.form(p);
      const Vector b = random.form(q);
      const Vector expected =
          combination(1.0, wedge(p + 1, d(p, a), q, b), p % 2 == 0 ? 1.0 : -1.0, wedge(p, a, q + 1, d(q, b)));
      EXPECT_LE(error_against(d(p + q, wedge(p, a, q, b)), expected), 1e-13) << p << " " << q;
    }
  EXPECT_TRUE(structure_map(dim, c.data()).empty());
}

TEST(Exterior, structure_map_names_every_component_once) {
  const Structure c = Random(5).structure();
  for (int p = 0; p < dim; ++p) {
    std::vector<std::pair<int, int>> entries;
    for (const MapEntry& entry : structure_map(p, c.data())) entries.emplace_back(entry.from, entry.to);
    EXPECT_TRUE(std::is_sorted(entries.begin(), entries.end()));
    EXPECT_EQ(std::adjacent_find(entries.begin(), entries.end()), entries.end());
  }
}

/// [E_0, E_i] = i E_i: solvable, with a trace, so d e^I gets several contributions to one component.
Structure solvable_structure() {
  Structure c{};
  for (int i = 1; i < dim; ++i) {
    c[(i * dim + 0) * dim + i] = i;
    c[(i * dim + i) * dim + 0] = -i;
  }
  return c;
}

std::vector<Structure> lie_algebras() {
  return {Structure{}, product_structure(), solvable_structure(),
          change_frame(Random(6).matrix(1), product_structure()),
          change_frame(Random(7).matrix(-1), solvable_structure())};
}

double jacobi_defect(const Structure& c) {
  const auto at = [&](int n, int a, int b) { return c[(n * dim + a) * dim + b]; };
  double largest = 0.0;
  for (int a = 0; a < dim; ++a)
    for (int b = 0; b < dim; ++b)
      for (int e = 0; e < dim; ++e)
        for (int n = 0; n < dim; ++n) {
          double sum = 0.0;
          for (int m = 0; m < dim; ++m)
            sum += at(n, m, a) * at(m, b, e) + at(n, m, b) * at(m, e, a) + at(n, m, e) * at(m, a, b);
          largest = std::max(largest, std::abs(sum));
        }
  return largest;
}

/// Largest component of d d a for a p-form of constant components.
double d_of_d(int p, const Structure& c) {
  double largest = 0.0;
  for (std::size_t n = 0; n < size_of(p); ++n) {
    Vector form(size_of(p), 0.0);
    form[n] = 1.0;
    const Vector d = apply(structure_map(p, c.data()), form, size_of(p + 1));
    for (const double x : apply(structure_map(p + 1, c.data()), d, size_of(p + 2)))
      largest = std::max(largest, std::abs(x));
  }
  return largest;
}

TEST(Exterior, d_of_d_vanishes_in_lie_algebras) {
  for (const Structure& c : lie_algebras()) {
    EXPECT_LE(jacobi_defect(c), 1e-11);
    for (int p = 0; p <= 5; ++p) EXPECT_LE(d_of_d(p, c), 1e-11) << p;
  }
  const Structure no_algebra = Random(8).structure();
  EXPECT_GE(jacobi_defect(no_algebra), 1.0);
  EXPECT_GE(d_of_d(1, no_algebra), 1.0);
}

/// Components that vary: a_I with first derivatives E_i a_I and second ones E_j E_i a_I, which commute up to
/// [E_j, E_i] = C^c_ji E_c. In coordinates these are quadratic polynomials.
TEST(Exterior, d_of_d_vanishes_for_varying_components) {
  Random random(9);
  for (const Structure& c : lie_algebras())
    for (int p = 0; p <= 5; ++p) {
      const auto derivative = derivative_map(p);
      const auto rotation = structure_map(p, c.data());
      const Vector form = random.form(p);
      std::array<Vector, dim> first;
      for (Vector& v : first) v = random.form(p);
      std::array<Vector, dim * dim> second;  // E_j E_i at j * dim + i
      for (int j = 0; j < dim; ++j)
        for (int i = 0; i <= j; ++i) {
          second[j * dim + i] = random.form(p);
          second[i * dim + j] = second[j * dim + i];
          for (int n = 0; n < dim && i != j; ++n)
            second[j * dim + i] = combination(1.0, second[j * dim + i], c[(n * dim + j) * dim + i], first[n]);
        }

      const auto d = [&](const Vector& components, const Vector* derivatives) {
        Vector all;
        for (int i = 0; i < dim; ++i) append(all, derivatives[i]);
        return combination(1.0, apply(derivative, all, size_of(p + 1)), 1.0,
                           apply(rotation, components, size_of(p + 1)));
      };
      const Vector da = d(form, first.data());
      Vector derivatives_of_da;
      for (int j = 0; j < dim; ++j) append(derivatives_of_da, d(first[j], second.data() + j * dim));
      const Vector dda = combination(1.0, apply(derivative_map(p + 1), derivatives_of_da, size_of(p + 2)),
                                     1.0, apply(structure_map(p + 1, c.data()), da, size_of(p + 2)));
      EXPECT_LE(test::absolute(dda, Vector(dda.size(), 0.0)), 1e-10) << p;
    }
}

// ---- stored fields ----

class G2Field : public testing::TestWithParam<std::string> {};

struct FieldResults {
  Vector g, sqrt_det_g, orientation, psi, E_psi, dphi, dpsi, norm2_dphi, norm2_dpsi, tau0, tau1, tau2, tau3,
      norm2_tau0, norm2_tau1, norm2_tau2, norm2_tau3;

  void add(const PointData& point) {
    const G2Structure s = g2_structure(point.phi);
    append(g, to_vector(s.g));
    sqrt_det_g.push_back(s.sqrt_det_g);
    orientation.push_back(s.orientation);
    append(psi, s.psi);
    append(E_psi, frame_derivatives_of_psi(s, point.frame_derivatives.data()));
    const Torsion t = torsion(s, point.frame_derivatives.data(), point.structure);
    append(dphi, t.dphi);
    append(dpsi, t.dpsi);
    append(tau1, t.tau1);
    append(tau2, t.tau2);
    append(tau3, t.tau3);
    tau0.push_back(t.tau0);
    norm2_dphi.push_back(t.norm2_dphi);
    norm2_dpsi.push_back(t.norm2_dpsi);
    norm2_tau0.push_back(t.norm2_tau0);
    norm2_tau1.push_back(t.norm2_tau1);
    norm2_tau2.push_back(t.norm2_tau2);
    norm2_tau3.push_back(t.norm2_tau3);
  }
};

TEST_P(G2Field, is_reproduced) {
  const auto file = g2_fields();
  const std::string group = "fields/" + GetParam() + "/";
  const auto phi = file.read(group + "phi");
  const auto derivatives = file.read(group + "E_phi");
  const auto structure = row_of<343>(file.read(group + "structure"), 0);
  FieldResults r;
  for (std::size_t m = 0; m < phi.size() / n_phi; ++m)
    r.add({row_of<n_phi>(phi, m), row_of<dim * n_phi>(derivatives, m), structure});

  // The Bryant-Salamon frame has components up to 1e2 and a metric of condition 135.
  const double tolerance = GetParam() == "bryant_salamon_frame" ? 1e-10 : 1e-11;
  double worst = 0.0;
  const auto compare = [&](const char* name, const Vector& ours) {
    const double error = error_against(ours, file.read(group + name));
    EXPECT_LE(error, tolerance) << name;
    worst = std::max(worst, error);
  };
  compare("g", r.g);
  compare("sqrt_det_g", r.sqrt_det_g);
  compare("orientation", r.orientation);
  compare("psi", r.psi);
  if (file.has(group + "E_psi")) compare("E_psi", r.E_psi);
  compare("dphi", r.dphi);
  compare("dpsi", r.dpsi);
  compare("norm2_dphi", r.norm2_dphi);
  compare("norm2_dpsi", r.norm2_dpsi);
  compare("tau0", r.tau0);
  compare("tau1", r.tau1);
  compare("tau2", r.tau2);
  compare("tau3", r.tau3);
  compare("norm2_tau0", r.norm2_tau0);
  compare("norm2_tau1", r.norm2_tau1);
  compare("norm2_tau2", r.norm2_tau2);
  compare("norm2_tau3", r.norm2_tau3);
  std::printf("%-22s largest error %.1e\n", GetParam().c_str(), worst);
}

const std::vector<std::string> field_names{
    "bryant_salamon_chart", "bryant_salamon_frame", "flat_gl7",    "flat_phi0",
    "product_adjoint",      "product_explicit",     "product_gl7", "product_nk",
    "product_phi0",         "product_polynomial",   "s7_round",    "torus_conformal",
    "torus_diffeo",         "torus_generic"};

INSTANTIATE_TEST_SUITE_P(Fields, G2Field, testing::ValuesIn(field_names),
                         [](const auto& name) { return name.param; });

TEST(G2Fields, none_is_left_out) {
  EXPECT_EQ(g2_fields().list("fields"), field_names);
}

TEST(G2Fields, left_invariant_energies) {
  const auto file = g2_fields();
  const std::string group = "left_invariant_energy/condition_bound/";
  const auto phi = file.read(group + "phi");
  const auto metric = file.read(group + "metric");
  const auto energy = file.read(group + "E_min");
  for (std::size_t n = 0; n < energy.size(); ++n) {
    const PointData point{row_of<n_phi>(phi, n), {}, product_structure()};
    EXPECT_LE(error_against(to_vector(g2_structure(point.phi).g), to_vector(row_of<49>(metric, n))), 1e-11);
    const Torsion t = torsion_of(point);
    EXPECT_NEAR(t.norm2_dphi + t.norm2_dpsi, energy[n], 1e-11 * energy[n]);
  }
}

// ---- closed forms ----

TEST(G2Structure, standard_form_on_the_product_of_spheres) {
  const Torsion t = torsion_of({standard_form(), {}, product_structure()});
  EXPECT_NEAR(t.norm2_dphi, 24.0, 1e-13);
  EXPECT_NEAR(t.norm2_dpsi, 24.0, 1e-13);
  EXPECT_NEAR(t.tau0, 0.0, 1e-14);
  EXPECT_LE(test::absolute(to_vector(t.tau1), {0.0, 0.0, 0.5, 0.0, 0.0, 0.0, 0.5}), 1e-14);
  EXPECT_NEAR(t.norm2_tau1, 0.5, 1e-14);
  EXPECT_NEAR(t.norm2_tau2, 0.0, 1e-14);
  EXPECT_NEAR(t.norm2_tau3, 6.0, 1e-13);
}

TEST(G2Structure, conformal_change_is_pure_tau1) {
  Random random(10);
  const auto du = random.normals<dim>();
  PointData point{standard_form(), {}, {}};  // e^{3u} phi_0 where u = 0
  for (int a = 0; a < dim; ++a)
    for (int n = 0; n < n_phi; ++n) point.frame_derivatives[a * n_phi + n] = 3.0 * du[a] * point.phi[n];
  const Torsion t = torsion_of(point);
  EXPECT_LE(test::absolute(to_vector(t.tau1), to_vector(du)), 1e-14);
  EXPECT_NEAR(t.norm2_tau0 + t.norm2_tau2 + t.norm2_tau3, 0.0, 1e-26);
}

// ---- forms that are no G2-structure ----

TEST(G2Structure, degenerate_forms_are_refused) {
  Form3 decomposable{};
  decomposable[0] = 1.0;  // e^012
  Form3 product{};        // e^0 ^ (e^12 + e^34 + e^56)
  for (const int i : {1, 3, 5}) product[three_form_index(0, i, i + 1).index] = 1.0;
  Form3 not_finite = standard_form();
  not_finite[3] = std::numeric_limits<double>::quiet_NaN();
  for (const Form3& phi : {Form3{}, decomposable, product, not_finite}) {
    EXPECT_FALSE(is_positive(phi));
    EXPECT_THROW(g2_structure(phi), InputError);
  }
}

TEST(G2Structure, the_split_form_is_refused) {
  // phi_0 with e^2, e^4, e^5, e^6 multiplied by i: each line other than 013 holds two of them.
  Form3 split = standard_form();
  for (double& x : split) x = -x;
  split[three_form_index(0, 1, 3).index] = 1.0;
  for (unsigned seed = 0; seed < n_cases; ++seed) {
    const Form3 phi = pullback(Random(seed).matrix(alternating_sign(seed)), split);
    const Eigen::SelfAdjointEigenSolver<Matrix7> eigen(hitchin_form(phi));
    const auto n_positive = (eigen.eigenvalues().array() > 0.0).count();
    EXPECT_TRUE(n_positive == 3 || n_positive == 4);
    EXPECT_FALSE(is_positive(phi));
    EXPECT_THROW(g2_structure(phi), InputError);
  }
}

// ---- identities ----

TEST(G2Structure, metric_and_psi_are_equivariant) {
  for (unsigned seed = 0; seed < n_cases; ++seed) {
    Random random(seed);
    const int sign = alternating_sign(seed);
    const G2Structure s = g2_structure(random.positive_form());
    const Matrix7 a = random.matrix(sign);
    const Vector pulled_back = pullback_form(a, 3, to_vector(s.phi));
    EXPECT_LE(error_against(to_vector(pullback(a, s.phi)), pulled_back), 1e-13);
    const G2Structure moved = g2_structure(pullback(a, s.phi));
    EXPECT_EQ(s.orientation, -1);
    EXPECT_EQ(moved.orientation, -sign);
    EXPECT_LE(error_against(to_vector(moved.g), to_vector(Matrix7(a.transpose() * s.g * a))), 1e-12);
    EXPECT_NEAR(moved.sqrt_det_g, std::abs(a.determinant()) * s.sqrt_det_g, 1e-12 * moved.sqrt_det_g);
    EXPECT_LE(error_against(to_vector(moved.psi), pullback_form(a, 4, to_vector(s.psi))), 1e-12);
  }
}

TEST(G2Structure, parts_fit_together) {
  for (unsigned seed = 0; seed < n_cases; ++seed) {
    const G2Structure s = g2_structure(Random(seed).positive_form(alternating_sign(seed)));
    const Vector phi = to_vector(s.phi);
    const Vector psi = to_vector(s.psi);
    EXPECT_NEAR(s.sqrt_det_g, std::sqrt(s.g.determinant()), 1e-12 * s.sqrt_det_g);
    EXPECT_LE(test::absolute(to_vector(Matrix7(s.g * s.g_inverse)), to_vector(Matrix7(Matrix7::Identity()))),
              1e-12);
    EXPECT_LE(error_against(psi, star(s, 3, phi)), 1e-12);
    EXPECT_LE(error_against(phi, star(s, 4, psi)), 1e-12);
    EXPECT_NEAR(form_norm_sq(s, 3, phi), 7.0, 1e-11);
    EXPECT_NEAR(form_norm_sq(s, 4, psi), 7.0, 1e-11);
    const double volume = s.orientation * s.sqrt_det_g;
    EXPECT_NEAR(wedge(3, phi, 4, psi)[0], 7.0 * volume, 1e-11 * s.sqrt_det_g);
  }
}

TEST(G2Structure, phi_phi_psi_identity) {
  const auto psi_at = [](const G2Structure& s, int i, int j, int a, int b) {
    const int sign = sorting_sign({i, j, a, b});
    return sign == 0 ? 0.0 : sign * s.psi[form_position(1U << i | 1U << j | 1U << a | 1U << b)];
  };
  for (unsigned seed = 0; seed < n_cases; ++seed) {
    const G2Structure s = g2_structure(Random(seed).positive_form(alternating_sign(seed)));
    const Tensor3 t = form_to_tensor(s.phi);
    const Eigen::Map<const Eigen::Matrix<double, dim * dim, dim, Eigen::RowMajor>> rows(t.data());
    const Eigen::MatrixXd left = rows * s.g_inverse * rows.transpose();
    const double scale = left.cwiseAbs().maxCoeff();
    for (int i = 0; i < dim; ++i)
      for (int j = 0; j < dim; ++j)
        for (int a = 0; a < dim; ++a)
          for (int b = 0; b < dim; ++b)
            ASSERT_NEAR(left(i * dim + j, a * dim + b),
                        s.g(i, a) * s.g(j, b) - s.g(i, b) * s.g(j, a) + psi_at(s, i, j, a, b), 1e-12 * scale);
  }
}

TEST(G2Structure, derivative_of_psi_along_gl7) {
  // Every change of phi is X.phi for some matrix X, the derivative of (1 + t X)^* phi; psi then changes by
  // X.psi.
  const auto derivation = [](const Matrix7& x, int p, const Vector& form) {
    Vector result(form.size(), 0.0);
    for (const IndexMask to : form_masks(p))
      for (const int i : members(to))
        for (int a = 0; a < dim; ++a) {
          auto indices = members(to);
          std::replace(indices.begin(), indices.end(), i, a);
          const int sign = sorting_sign(indices);
          const IndexMask from = (to & ~(1U << i)) | 1U << a;
          if (sign != 0) result[form_position(to)] += sign * x(a, i) * form[form_position(from)];
        }
    return result;
  };
  for (unsigned seed = 0; seed < n_cases; ++seed) {
    Random random(seed);
    const G2Structure s = g2_structure(random.positive_form(alternating_sign(seed)));
    Vector changes;
    Vector expected;
    for (int a = 0; a < dim; ++a) {
      const Matrix7 x = Eigen::Map<const Matrix7>(random.normals<dim * dim>().data());
      append(changes, derivation(x, 3, to_vector(s.phi)));
      append(expected, derivation(x, 4, to_vector(s.psi)));
    }
    EXPECT_LE(error_against(to_vector(frame_derivatives_of_psi(s, changes.data())), expected), 1e-11);
  }
}

TEST(G2Structure, norm_counts_each_component_once) {
  Random random(11);
  const Matrix7 a = random.matrix(1);
  const Matrix7 g_inverse = a * a.transpose();  // |b|^2 is the Euclidean norm of A^* b
  for (int p = 0; p <= dim; ++p) {
    const Vector form = random.form(p);
    double expected = 0.0;
    for (const double x : pullback_form(a, p, form)) expected += x * x;
    EXPECT_NEAR(norm_sq(g_inverse, p, form.data()), expected, 1e-12 * expected) << p;
  }
}

TEST(Torsion, scaling_phi) {
  // phi -> c^3 phi: g -> c^2 g, psi -> c^4 psi. A negative c keeps g and psi of |c| and turns the orientation
  // over.
  Random random(12);
  for (const double c : {2.0, 0.3, -1.0, -1.7}) {
    const PointData point = random_point(random, c > 1.0 ? 1 : -1);
    PointData large = point;
    for (double& x : large.phi) x *= c * c * c;
    for (double& x : large.frame_derivatives) x *= c * c * c;

    const G2Structure s = g2_structure(point.phi);
    const G2Structure l = g2_structure(large.phi);
    EXPECT_EQ(l.orientation, c > 0.0 ? s.orientation : -s.orientation);
    EXPECT_LE(error_against(to_vector(l.g), to_vector(Matrix7(c * c * s.g))), 1e-12);
    EXPECT_LE(error_against(to_vector(l.psi), scaled(std::pow(c, 4), to_vector(s.psi))), 1e-12);

    const Torsion t = torsion_of(point);
    const Torsion u = torsion_of(large);
    EXPECT_NEAR(u.norm2_dphi, t.norm2_dphi / (c * c), 1e-11 * u.norm2_dphi);
    EXPECT_NEAR(u.norm2_dpsi, t.norm2_dpsi / (c * c), 1e-11 * u.norm2_dpsi);
    EXPECT_NEAR(u.tau0, t.tau0 / c, 1e-11 * std::sqrt(u.norm2_dphi));
    EXPECT_LE(error_against(to_vector(u.tau1), to_vector(t.tau1)), 1e-11);
    EXPECT_LE(error_against(to_vector(u.tau2), scaled(c, to_vector(t.tau2))), 1e-11);
    EXPECT_LE(error_against(to_vector(u.tau3), scaled(c * c, to_vector(t.tau3))), 1e-11);
  }
}

TEST(G2Structure, units_do_not_matter) {
  const Form3 phi = Random(13).positive_form();
  const G2Structure s = g2_structure(phi);
  for (int power = -130; power <= 130; ++power) {
    const double c = std::pow(10.0, power / 3.0);
    Form3 large = phi;
    for (double& x : large) x *= std::pow(10.0, power);
    const G2Structure l = g2_structure(large);
    EXPECT_LE(test::relative_to_largest(to_vector(l.g), to_vector(Matrix7(c * c * s.g))), 1e-12) << power;
    EXPECT_LE(test::relative_to_largest(to_vector(l.g_inverse), to_vector(Matrix7(s.g_inverse / c / c))),
              1e-12);
    EXPECT_LE(test::relative_to_largest(to_vector(l.psi), scaled(std::pow(c, 4), to_vector(s.psi))), 1e-12);
    EXPECT_NEAR(l.sqrt_det_g / std::pow(c, 7), s.sqrt_det_g, 1e-12 * s.sqrt_det_g);
  }
  // Powers of 8 change no bit but exponents.
  for (int m = -140; m <= 140; m += 7)
    EXPECT_EQ(unit_exponent(in_units(phi, m).data()) - m, unit_exponent(phi.data()));
  EXPECT_EQ(g2_structure(in_units(phi, 50)).g, Matrix7(std::ldexp(1.0, 100) * s.g));
}

/// Forms follow the coframe and numbers stay, for rotations, reflections and any other constant matrix.
TEST(Torsion, does_not_depend_on_the_coframe) {
  for (unsigned seed = 0; seed < n_cases; ++seed) {
    Random random(seed);
    const PointData point = random_point(random, seed < n_cases / 2 ? 1 : -1);
    const double condition = seed % 4 < 2 ? 1.0 : 3.0;  // on top of that of phi
    const Matrix7 a = random.matrix(alternating_sign(seed), condition);
    const Torsion t = torsion_of(point);
    const Torsion u = torsion_of(change_frame(a, point));
    const double scale = 1e-11 * (t.norm2_dphi + t.norm2_dpsi);
    EXPECT_NEAR(u.norm2_dphi, t.norm2_dphi, scale);
    EXPECT_NEAR(u.norm2_dpsi, t.norm2_dpsi, scale);
    EXPECT_NEAR(u.norm2_tau0, t.norm2_tau0, scale);
    EXPECT_NEAR(u.norm2_tau1, t.norm2_tau1, scale);
    EXPECT_NEAR(u.norm2_tau2, t.norm2_tau2, scale);
    EXPECT_NEAR(u.norm2_tau3, t.norm2_tau3, scale);
    EXPECT_NEAR(u.tau0, t.tau0, 1e-11 * std::sqrt(t.norm2_dphi));
    EXPECT_LE(error_against(to_vector(u.tau1), pullback_form(a, 1, to_vector(t.tau1))), 1e-11);
    EXPECT_LE(error_against(to_vector(u.tau2), pullback_form(a, 2, to_vector(t.tau2))), 1e-11);
    EXPECT_LE(error_against(to_vector(u.tau3), pullback_form(a, 3, to_vector(t.tau3))), 1e-11);
    EXPECT_LE(error_against(to_vector(u.dphi), pullback_form(a, 4, to_vector(t.dphi))), 1e-11);
    EXPECT_LE(error_against(to_vector(u.dpsi), pullback_form(a, 5, to_vector(t.dpsi))), 1e-11);
  }
}

/// Bryant's decomposition: d phi and d psi share tau_1, and tau_2, tau_3 lie in their irreducible parts. It
/// holds for any first derivatives and any structure constants, since only the second derivatives know of
/// d d = 0.
TEST(Torsion, classes_decompose_the_derivatives) {
  for (unsigned seed = 0; seed < n_cases; ++seed) {
    Random random(seed);
    const PointData point = random_point(random, alternating_sign(seed));
    const G2Structure s = g2_structure(point.phi);
    const Torsion t = torsion_of(point);
    const Vector phi = to_vector(s.phi);
    const Vector psi = to_vector(s.psi);
    const Vector tau1 = to_vector(t.tau1);
    const Vector tau2 = to_vector(t.tau2);
    const Vector tau3 = to_vector(t.tau3);

    const Vector tau1_part = combination(t.tau0, psi, 3.0, wedge(1, tau1, 3, phi));
    EXPECT_LE(error_against(combination(1.0, tau1_part, 1.0, star(s, 3, tau3)), to_vector(t.dphi)), 1e-11);
    const Vector dpsi = combination(4.0, wedge(1, tau1, 4, psi), 1.0, wedge(2, tau2, 3, phi));
    EXPECT_LE(error_against(dpsi, to_vector(t.dpsi)), 1e-11);

    const double dphi_norm = 7.0 * t.norm2_tau0 + 36.0 * t.norm2_tau1 + t.norm2_tau3;
    EXPECT_NEAR(t.norm2_dphi, dphi_norm, 1e-11 * dphi_norm);
    const double dpsi_norm = 48.0 * t.norm2_tau1 + t.norm2_tau2;
    EXPECT_NEAR(t.norm2_dpsi, dpsi_norm, 1e-11 * dpsi_norm);

    EXPECT_LE(error_against(wedge(2, tau2, 3, phi), scaled(-1.0, star(s, 2, tau2))), 1e-11);
    const auto relative_norm = [&](int p, const Vector& form, double scale) {
      return std::sqrt(form_norm_sq(s, p, form) / scale);
    };
    EXPECT_LE(relative_norm(6, wedge(2, tau2, 4, psi), t.norm2_tau2), 1e-11);
    EXPECT_LE(relative_norm(6, wedge(3, tau3, 3, phi), t.norm2_tau3), 1e-11);
    EXPECT_LE(relative_norm(7, wedge(3, tau3, 4, psi), t.norm2_tau3), 1e-11);
  }
}

}  // namespace
}  // namespace k7::geometry
