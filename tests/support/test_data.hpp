// SPDX-License-Identifier: Apache-2.0
// What tests share: golden files, temporary folders, comparisons with a stated tolerance.
#pragma once

#include <gtest/gtest.h>
#include <mpi.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "io/hdf5_file.hpp"
#include "k7/parallel/communicator.hpp"

namespace k7::test {

inline io::Hdf5File notebook_reference() {
  return io::Hdf5File::open(std::string(K7_TEST_DATA) + "/notebook_small.h5");
}

/// G2-structures with their torsion, and spectra of left-invariant metrics.
inline io::Hdf5File g2_fields() {
  return io::Hdf5File::open(std::string(K7_TEST_DATA) + "/g2_fields.h5");
}

/// The communicator of all ranks of the test.
inline const parallel::Communicator& world() {
  static const auto* comm =
      new parallel::Communicator(MPI_COMM_WORLD);  // never freed: MPI ends before statics
  return *comm;
}

/// Largest |a - b| divided by the largest |b|.
inline double relative_to_largest(const std::vector<double>& a, const std::vector<double>& b) {
  EXPECT_EQ(a.size(), b.size());
  double difference = 0.0;
  double largest = 0.0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    if (!std::isfinite(a[i])) return INFINITY;
    difference = std::max(difference, std::abs(a[i] - b[i]));
    largest = std::max(largest, std::abs(b[i]));
  }
  return difference / largest;
}

/// Largest |a - b|.
inline double absolute(const std::vector<double>& a, const std::vector<double>& b) {
  EXPECT_EQ(a.size(), b.size());
  double difference = 0.0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    if (!std::isfinite(a[i])) return INFINITY;
    difference = std::max(difference, std::abs(a[i] - b[i]));
  }
  return difference;
}

/// Largest |a - b| / |b|, element by element.
inline double relative(const std::vector<double>& a, const std::vector<double>& b) {
  EXPECT_EQ(a.size(), b.size());
  double worst = 0.0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    if (!std::isfinite(a[i])) return INFINITY;
    if (a[i] != b[i]) worst = std::max(worst, std::abs(a[i] - b[i]) / std::abs(b[i]));
  }
  return worst;
}

/// A folder of this test run, the same on all ranks, removed at the end by rank 0. Collective.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    if (world().is_root()) {
      std::string name = (std::filesystem::temp_directory_path() / "k7-test-XXXXXX").string();
      path_ = mkdtemp(name.data());
    }
    world().broadcast(path_);
  }
  ~TemporaryFolder() {
    world().barrier();
    std::error_code ignored;
    if (world().is_root()) std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace k7::test
