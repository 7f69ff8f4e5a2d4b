// SPDX-License-Identifier: Apache-2.0
// A sample file that is given up. A program of its own: HDF5 is not used again after that, see
// hdf5_abandoned().
#include "k7/io/sample_file.hpp"
#include "test_data.hpp"

namespace k7::io {
namespace {

using test::world;

TEST(AbandonedFile, nothing_appears_without_commit) {
  const test::TemporaryFolder folder;
  {
    const auto manifold = geometry::make_manifold("torus7");
    const SampleWriter writer(folder / "s.h5", world(), *manifold, {23, false, false, false});
  }
  world().barrier();
  EXPECT_TRUE(std::filesystem::is_empty(folder / ""));
  EXPECT_TRUE(hdf5_abandoned());
  world().barrier();
}

}  // namespace
}  // namespace k7::io
