// SPDX-License-Identifier: Apache-2.0
// Eigenpairs with the matrix on a device and the points on all ranks, against one rank on the CPU.
#include <algorithm>

#include "device_test.hpp"
#include "k7/spectral/compute_spectrum.hpp"
#include "petsc_device.hpp"
#include "petsc_session.hpp"
#include "point_clouds.hpp"
#include "spectral/solve/petsc.hpp"

namespace k7::spectral {
namespace {

using test::AllPoints;
using test::world;

constexpr std::size_t n_points = 1500;  // more than LAPACK gets
constexpr double negligible = 1e-3;     // the notebook's matrix has eigenvalues near zero, which are rounding

class GpuSpectrum : public test::DeviceTest {
 protected:
  bool sees_cuda() const override { return test::petsc_sees_cuda(); }
};

SpectrumReport solve(const AllPoints& all, Method method, DeviceChoice device, int threads,
                     const parallel::Communicator& comm) {
  SpectrumOptions options;
  options.method = method;
  options.limits = Limits::none;
  options.neighbors = 16;
  options.eigenvalues = 8;
  options.device = device;
  options.threads = threads;
  options.keep_functions = true;
  Observer silent;
  return compute_spectrum(test::slab(all, comm), *all.manifold, options, comm, silent);
}

/// All eigenfunctions in the order of the input, (n_points, count) on every rank. Collective on comm.
std::vector<double> functions_in_order(const SpectrumReport& report, const parallel::Communicator& comm) {
  const std::size_t count = report.pairs.values.size();
  std::vector<double> all(n_points * count, 0.0);
  for (std::size_t i = 0; i < report.ids.size(); ++i)
    std::copy_n(report.pairs.functions.data() + i * count, count,
                all.data() + static_cast<std::size_t>(report.ids[i]) * count);
  comm.sum(all.data(), all.size());
  return all;
}

/// Cosine of the angle between function c of two results.
double cosine(const std::vector<double>& f, const std::vector<double>& g, std::size_t count, std::size_t c) {
  double ff = 0.0;
  double gg = 0.0;
  double fg = 0.0;
  for (std::size_t i = c; i < f.size(); i += count) {
    ff += f[i] * f[i];
    gg += g[i] * g[i];
    fg += f[i] * g[i];
  }
  return std::abs(fg) / std::sqrt(ff * gg);
}

/// The solver stops at residuals of 1e-9 of an eigenvalue; errors of eigenvalues, and of cosines, are their squares
/// over gaps.
TEST_P(GpuSpectrum, has_the_eigenpairs_of_the_cpu) {
  const AllPoints all = test::random_points("s1xs3xs3", n_points, 3.0);
  const parallel::Communicator alone(MPI_COMM_SELF);
  for (const Method method : {Method::graph, Method::notebook}) {
    SCOPED_TRACE(name_of(method));
    const SpectrumReport found = solve(all, method, GetParam(), 2, world());
    const SpectrumReport expected = solve(all, method, DeviceChoice::cpu, 1, alone);
    EXPECT_EQ(found.on_gpu, GetParam() == DeviceChoice::cuda);
    EXPECT_FALSE(expected.on_gpu);
    ASSERT_EQ(found.pairs.values.size(), 8U);
    EXPECT_EQ(found.pairs.zero_modes, expected.pairs.zero_modes);
    const auto f = functions_in_order(found, world());
    const auto g = functions_in_order(expected, alone);
    for (std::size_t c = static_cast<std::size_t>(expected.pairs.zero_modes); c < 8; ++c) {
      const double value = expected.pairs.values[c];
      const double scale = std::max(value, negligible * expected.pairs.values.back());
      EXPECT_NEAR(found.pairs.values[c], value, 1e-10 * scale) << c;
      EXPECT_LT(found.pairs.residuals[c], 2e-9 * scale) << c;
      EXPECT_NEAR(cosine(f, g, 8, c), 1.0, 1e-10) << c;
    }
  }
}

/// How often an event of PETSc's log has happened so far, in all stages of a spectrum.
int count(const char* event) {
  PetscLogEvent id = -1;
  petsc_check(PetscLogEventGetId(event, &id), "PetscLogEventGetId");
  int total = 0;
  for (const char* name : {"Main Stage", "K7 assemble", "K7 eigensolve"}) {
    PetscLogStage stage = -1;
    petsc_check(PetscLogStageGetId(name, &stage), "PetscLogStageGetId");
    PetscEventPerfInfo info{};
    if (stage >= 0) petsc_check(PetscLogEventGetPerfInfo(stage, id, &info), "PetscLogEventGetPerfInfo");
    total += info.count;
  }
  return total;
}

int count_all(const std::vector<const char*>& events) {
  int total = 0;
  for (const char* event : events) total += count(event);
  return total;
}

/// What PETSc and SLEPc are asked for is the same on every device. On a GPU a number that the host needs is a wait for
/// it, and everything that is asked for is a launch or two. A second round of Gram-Schmidt, now and then, adds to both.
TEST_P(GpuSpectrum, waits_once_and_launches_six_times_per_product) {
  const std::vector<const char*> numbers{"VecDot", "VecTDot",  "VecMDot", "VecNorm",
                                         "BVDot",  "BVDotVec", "BVNorm",  "BVNormVec"};
  const std::vector<const char*> others{"MatMult",  "VecAXPY",   "VecCopy",  "VecSet",
                                        "VecScale", "BVMultVec", "BVMult",   "BVMultInPlace",
                                        "BVCopy",   "BVScale",   "BVMatMult"};
  petsc_check(PetscLogDefaultBegin(), "PetscLogDefaultBegin");
  const AllPoints all = test::random_points("s1xs3xs3", n_points, 3.0);
  const int products_before = count("BVMatMultVec");
  const int waits_before = count_all(numbers);
  const int launches_before = waits_before + count_all(others);
  const int assemblies_before = count("MatAssemblyEnd");
  const SpectrumReport report = solve(all, Method::graph, GetParam(), 1, world());
  const int products = count("BVMatMultVec") - products_before;
  const int waits = count_all(numbers) - waits_before;
  const int launches = waits + count_all(others) - launches_before + waits_before;
  RecordProperty("products", products);
  RecordProperty("waits", waits);
  RecordProperty("launches", launches);
  ASSERT_GT(products, 50);
  const int pairs = static_cast<int>(report.pairs.values.size());
  EXPECT_LE(waits, 1.25 * products + 4 * pairs);
  EXPECT_LE(launches, 6.0 * products + 12 * pairs);
  EXPECT_EQ(count("MatAssemblyEnd") - assemblies_before, 1);  // the matrix stays as it went to the device
}

K7_ON_EVERY_DEVICE(GpuSpectrum);

}  // namespace
}  // namespace k7::spectral
