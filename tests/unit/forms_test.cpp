// SPDX-License-Identifier: Apache-2.0
// Index tables, constants, contraction metric and Eguchi-Hanson components against the notebook's own
// numbers.
#include "geometry/eguchi_hanson.hpp"
#include "k7/base/error.hpp"
#include "k7/geometry/metric.hpp"
#include "k7/geometry/three_form.hpp"
#include "test_data.hpp"

namespace k7::geometry {
namespace {

using test::notebook_reference;

Form3 form_at(const std::vector<double>& flat, std::size_t row) {
  Form3 phi{};
  std::copy_n(flat.begin() + static_cast<std::ptrdiff_t>(row * n_phi), n_phi, phi.begin());
  return phi;
}

TEST(Forms, index_table_is_the_notebooks) {
  const auto table = notebook_reference().read("structure/index_table");
  for (int n = 0; n < n_phi; ++n)
    for (int i = 0; i < 3; ++i) EXPECT_EQ(three_form_indices()[n][i], table[n * 3 + i]);
}

TEST(Forms, standard_form_is_the_notebooks) {
  const auto file = notebook_reference();
  const auto flat = file.read("structure/phi_std_flat");
  EXPECT_EQ(std::vector<double>(standard_form().begin(), standard_form().end()), flat);
  const Tensor3 t = form_to_tensor(standard_form());
  EXPECT_EQ(std::vector<double>(t.begin(), t.end()), file.read("structure/epsilon"));
}

TEST(Forms, index_of_a_permuted_triple_carries_the_sign) {
  for (int n = 0; n < n_phi; ++n) {
    const auto [i, j, k] = three_form_indices()[n];
    for (const auto& s : {three_form_index(i, j, k), three_form_index(j, k, i), three_form_index(k, i, j)}) {
      EXPECT_EQ(s.index, n);
      EXPECT_EQ(s.sign, 1);
    }
    for (const auto& s : {three_form_index(j, i, k), three_form_index(i, k, j), three_form_index(k, j, i)}) {
      EXPECT_EQ(s.index, n);
      EXPECT_EQ(s.sign, -1);
    }
    EXPECT_EQ(three_form_index(i, i, k).sign, 0);
  }
}

TEST(Forms, constants_are_the_notebooks) {
  const auto file = notebook_reference();
  const auto is = [&](const char* name, double value) {
    const double reference = file.number_attribute("constants", name);
    EXPECT_NEAR(value, reference, 1e-15 * reference) << name;
  };
  is("DIM", dim);
  is("N_PHI_COMPONENTS", n_phi);
  is("DIM_G2", Constants::dim_g2);
  is("DIM_E8", Constants::dim_e8);
  is("RANK_E8", Constants::rank_e8);
  is("B2", Constants::b2);
  is("B3", Constants::b3);
  is("H_STAR", Constants::h_star);
  is("DET_G", Constants::det_g);
  is("LAMBDA1_TARGET", Constants::lambda1_target);
  is("LAMBDA1_HSTAR", Constants::lambda1_h_star);
  is("TCS_RATIO", Constants::tcs_ratio);
  is("PHI_NORM", Constants::phi_norm);
}

TEST(Forms, tensor_is_the_notebooks) {
  const auto file = notebook_reference();
  const auto flat = file.read("metric_from_phi/phi_flat");
  const auto tensors = file.read("metric_from_phi/phi_tensor");
  for (std::size_t row = 0; row < 2; ++row) {
    const Tensor3 t = form_to_tensor(form_at(flat, row));
    EXPECT_TRUE(
        std::equal(t.begin(), t.end(), tensors.begin() + static_cast<std::ptrdiff_t>(row * t.size())));
  }
}

TEST(Forms, contraction_metric_is_the_notebooks) {
  const auto file = notebook_reference();
  const auto flat = file.read("metric_from_phi/phi_flat");
  const auto g = file.read("metric_from_phi/g");
  const auto det = file.read("metric_from_phi/det");
  for (std::size_t row = 0; row < det.size(); ++row) {
    const Matrix7 m = contraction_metric(form_at(flat, row));
    const auto first = g.begin() + static_cast<std::ptrdiff_t>(row * dim * dim);
    EXPECT_LE(test::relative_to_largest({m.data(), m.data() + dim * dim}, {first, first + dim * dim}), 1e-12);
    EXPECT_NEAR(determinant(pack(m.data()).data()), det[row], 1e-12 * det[row]);
  }
}

/// In units s times as small the volume of the unit cube is s^7 times as large, also where its square, the
/// determinant, is no double.
TEST(Forms, inverse_volume_is_right_where_the_determinant_is_no_double) {
  Matrix7 g = Matrix7::Identity();
  for (int i = 0; i < dim; ++i) {
    g(i, i) = 1.0 + i;
    for (int j = 0; j < i; ++j) g(i, j) = g(j, i) = 0.3 / (i + j);
  }
  const double volume = std::sqrt(determinant(pack(g.data()).data()));
  for (const int power : {0, 1, -3, 100, -100, 140, -140}) {
    const Matrix7 scaled = g * std::ldexp(1.0, 2 * power);
    const double expected = std::ldexp(1.0 / volume, -7 * power);
    EXPECT_NEAR(inverse_volume(pack(scaled.data()).data()) / expected, 1.0, 1e-14) << power;
  }
  // Nor need the products of some directions be.
  for (int i = 0; i < dim; ++i)
    for (int j = 0; j < dim; ++j) g(i, j) = std::ldexp(g(i, j), (i < 3 ? 400 : -300) + (j < 3 ? 400 : -300));
  EXPECT_NEAR(inverse_volume(pack(g.data()).data()) * volume, 1.0, 1e-14);
}

TEST(Forms, a_degenerate_form_has_no_metric) {
  Form3 phi{};
  phi[0] = 1.0;
  EXPECT_THROW(contraction_metric(phi), InputError);
}

TEST(Forms, eguchi_hanson_is_the_notebooks) {
  const auto file = notebook_reference();
  for (const std::string group : {"eguchi_hanson/case0", "eguchi_hanson/case1"}) {
    const double a = file.number_attribute(group, "a");
    const auto r = file.read(group + "/r");
    const auto column = [&](const char* name) { return file.read(group + "/" + name); };
    const auto rr = column("g_rr");
    const auto tt = column("g_theta_theta");
    const auto pp = column("g_phi_phi");
    const auto ss = column("g_psi_psi");
    const auto det = column("det_g_4d");
    for (std::size_t i = 0; i < r.size(); ++i) {
      const EguchiHanson m = eguchi_hanson_metric(r[i], a);
      // At the bolt 1 - (a/r)^4 cancels: 1e-6 there, as the file's README states; 1e-13 elsewhere.
      const double cancelling = r[i] < a + 1e-10 ? 1e-6 : 1e-13;
      EXPECT_NEAR(m.g_rr, rr[i], cancelling * rr[i]);
      EXPECT_NEAR(m.g_theta_theta, tt[i], 1e-13 * tt[i]);
      EXPECT_NEAR(m.g_phi_phi, pp[i], 1e-13 * pp[i]);
      EXPECT_NEAR(m.g_psi_psi, ss[i], cancelling * ss[i]);
      EXPECT_NEAR(m.det_g_4d, det[i], 1e-13 * det[i]);
    }
  }
}

TEST(Metric, packing_and_quadratic_form) {
  const auto g = notebook_reference().read("metric_from_phi/g");
  const Matrix7 m = Eigen::Map<const Matrix7>(g.data());
  const SymMetric packed = pack(m.data());
  EXPECT_EQ(unpack(packed.data()), m);
  const Eigen::Matrix<double, dim, 1> v = Eigen::Matrix<double, dim, 1>::LinSpaced(-1.0, 2.0);
  EXPECT_NEAR(quadratic_form(packed.data(), v.data()), v.dot(m * v), 1e-13 * v.dot(m * v));
}

TEST(Metric, defects_are_named) {
  Matrix7 g = Matrix7::Identity();
  EXPECT_EQ(metric_defect(g.data()), "");
  g(2, 3) = 0.1;
  EXPECT_NE(metric_defect(g.data()).find("[2,3]"), std::string::npos);
  g(3, 2) = 0.1;
  EXPECT_EQ(metric_defect(g.data()), "");
  g(5, 5) = -1.0;
  EXPECT_NE(metric_defect(g.data()).find("positive definite"), std::string::npos);
  g(6, 1) = std::nan("");
  EXPECT_NE(metric_defect(g.data()).find("[6,1]"), std::string::npos);
}

}  // namespace
}  // namespace k7::geometry
