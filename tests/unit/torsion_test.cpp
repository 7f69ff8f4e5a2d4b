// SPDX-License-Identifier: Apache-2.0
// Batched G2-structures and torsion: against golden fields, the plain reference, and finite differences.
#include <cmath>

#include "g2/coframe.hpp"
#include "g2/forms.hpp"
#include "g2/g2_structure.hpp"
#include "k7/geometry/g2_structure.hpp"
#include "k7/geometry/sampler.hpp"
#include "tensors.hpp"
#include "train/loss/torsion_loss.hpp"

namespace k7::train {
namespace {

using geometry::dim;
using geometry::n_phi;
using test::to_tensor;
using test::to_vector;

io::Hdf5File fields_file() {
  return io::Hdf5File::open(std::string(K7_TEST_DATA) + "/g2_fields.h5");
}

geometry::Structure read_structure(const io::Hdf5File& file, const std::string& name) {
  geometry::Structure structure{};
  const auto values = file.read(name);
  std::copy(values.begin(), values.end(), structure.begin());
  return structure;
}

/// |a - b| / max(1, max |b|).
double error(const at::Tensor& a, const std::vector<double>& b) {
  double largest = 1.0;
  for (const double x : b) largest = std::max(largest, std::abs(x));
  return test::absolute(to_vector(a.to(at::kDouble)), b) / largest;
}

/// Numbers in (-1, 1).
at::Tensor random_tensor(at::IntArrayRef shape, std::uint32_t step) {
  return test::random_tensor(shape, 7, step);
}

class Fields : public testing::TestWithParam<std::string> {};

TEST_P(Fields, are_reproduced_from_phi_and_its_frame_derivatives) {
  const auto file = fields_file();
  const std::string group = "/fields/" + GetParam() + "/";
  const auto read = [&](const std::string& name) { return file.read(group + name); };
  const at::Tensor phi = to_tensor(read("phi"), {-1, n_phi});
  const at::Tensor derivatives = to_tensor(read("E_phi"), {-1, dim, n_phi});
  const g2::ExteriorDerivative d(read_structure(file, group + "structure"));
  const double tolerance = GetParam() == "bryant_salamon_frame" ? 1e-10 : 1e-11;

  const g2::BatchedG2 s = g2::g2_structure(phi);
  const g2::BatchedTorsion t = torsion(s, derivatives, d);
  const g2::TorsionEnergy e = g2::torsion_energy(s, derivatives, d);

  EXPECT_TRUE(g2::is_definite(g2::hitchin_form(phi)).all().item<bool>());
  EXPECT_LE(error(s.g, read("g")), tolerance);
  EXPECT_LE(error(g2::metric_from_hitchin(g2::hitchin_form(phi)), read("g")), tolerance);
  EXPECT_LE(error(s.sqrt_det_g, read("sqrt_det_g")), tolerance);
  EXPECT_LE(error(s.orientation, read("orientation")), 0.0);
  EXPECT_LE(error(s.psi, read("psi")), tolerance);
  if (file.has(group + "E_psi")) {
    EXPECT_LE(error(g2::frame_derivatives_of_psi(s, derivatives), read("E_psi")), tolerance);
  }
  EXPECT_LE(error(t.dphi, read("dphi")), tolerance);
  EXPECT_LE(error(t.dpsi, read("dpsi")), tolerance);
  EXPECT_LE(error(t.norm2_dphi, read("norm2_dphi")), tolerance);
  EXPECT_LE(error(t.norm2_dpsi, read("norm2_dpsi")), tolerance);
  EXPECT_LE(error(e.closed, read("norm2_dphi")), tolerance);
  EXPECT_LE(error(e.coclosed, read("norm2_dpsi")), tolerance);
  EXPECT_LE(error(t.tau0, read("tau0")), tolerance);
  EXPECT_LE(error(t.tau1, read("tau1")), tolerance);
  EXPECT_LE(error(t.tau2, read("tau2")), tolerance);
  EXPECT_LE(error(t.tau3, read("tau3")), tolerance);
  EXPECT_LE(error(t.norm2_tau0, read("norm2_tau0")), tolerance);
  EXPECT_LE(error(t.norm2_tau1, read("norm2_tau1")), tolerance);
  EXPECT_LE(error(t.norm2_tau2, read("norm2_tau2")), tolerance);
  EXPECT_LE(error(t.norm2_tau3, read("norm2_tau3")), tolerance);
}

INSTANTIATE_TEST_SUITE_P(Golden, Fields, testing::ValuesIn(fields_file().list("/fields")));

TEST(Torsion, float32_agrees_to_its_precision) {
  const auto file = fields_file();
  const std::string group = "/fields/product_polynomial/";
  const at::Tensor phi = to_tensor(file.read(group + "phi"), {-1, n_phi}).to(at::kFloat);
  const at::Tensor derivatives = to_tensor(file.read(group + "E_phi"), {-1, dim, n_phi}).to(at::kFloat);
  const g2::ExteriorDerivative d(read_structure(file, group + "structure"));
  const g2::BatchedG2 s = g2::g2_structure(phi);
  const g2::BatchedTorsion t = torsion(s, derivatives, d);
  constexpr double tolerance = 1e-5;  // condition of g times the epsilon of float32
  EXPECT_EQ(t.tau3.scalar_type(), at::kFloat);
  EXPECT_LE(error(s.g, file.read(group + "g")), tolerance);
  EXPECT_LE(error(t.dpsi, file.read(group + "dpsi")), tolerance);
  EXPECT_LE(error(t.tau2, file.read(group + "tau2")), tolerance);
  EXPECT_LE(error(t.tau3, file.read(group + "tau3")), tolerance);
}

/// Random coframes with random derivatives, both signs of the determinant.
g2::Jet random_coframes(std::int64_t n, double spread) {
  at::Tensor a = at::eye(dim, at::kDouble) + spread * random_tensor({n, dim, dim}, 1);
  a.narrow(0, 0, n / 2).select(1, 0).neg_();
  return {a, random_tensor({n, dim, dim, dim}, 2)};
}

geometry::Structure product_structure() {
  return read_structure(fields_file(), "/conventions/structure_product");
}

TEST(Coframe, pullback_is_that_of_the_reference) {
  const g2::Jet a = random_coframes(6, 0.4);
  const g2::Jet phi = g2::pullback_jet(a);
  for (std::int64_t i = 0; i < 6; ++i) {
    const geometry::Matrix7 m =
        Eigen::Map<const geometry::Matrix7>(a.value[i].contiguous().data_ptr<double>());
    const auto reference = geometry::pullback(m, geometry::standard_form());
    EXPECT_LE(error(phi.value[i], {reference.begin(), reference.end()}), 1e-13);
    for (std::int64_t e = 0; e < dim; ++e) {  // central difference along E_e A, exact for a cubic up to h^2
      const double h = 1e-4;
      const geometry::Matrix7 da =
          Eigen::Map<const geometry::Matrix7>(a.derivatives[i][e].contiguous().data_ptr<double>());
      const auto plus = geometry::pullback(m + h * da, geometry::standard_form());
      const auto minus = geometry::pullback(m - h * da, geometry::standard_form());
      std::vector<double> difference;
      for (int c = 0; c < n_phi; ++c) difference.push_back((plus[c] - minus[c]) / (2.0 * h));
      EXPECT_LE(error(phi.derivatives[i][e], difference), 1e-7);
    }
  }
}

TEST(Coframe, torsion_is_that_of_the_form_it_pulls_back) {
  for (const double spread : {0.1, 0.4}) {
    const g2::Jet a = random_coframes(32, spread);
    const g2::Jet phi = g2::pullback_jet(a);
    const auto structure = product_structure();
    const g2::TorsionEnergy by_form =
        g2::torsion_energy(g2::g2_structure(phi.value), phi.derivatives, g2::ExteriorDerivative(structure));
    const g2::TorsionEnergy by_coframe = g2::CoframeTorsion(structure)(a);
    EXPECT_LE(test::relative(to_vector(by_coframe.closed), to_vector(by_form.closed)), 1e-11);
    EXPECT_LE(test::relative(to_vector(by_coframe.coclosed), to_vector(by_form.coclosed)), 1e-11);
  }
}

}  // namespace
}  // namespace k7::train
