// SPDX-License-Identifier: Apache-2.0
// Tests that run on a device whose name is their parameter: on "cuda" where there is one, on "cpu" everywhere, so that
// their own code is proven without a GPU too.
#pragma once

#include <string>

#include "k7/base/device.hpp"
#include "test_data.hpp"

namespace k7::test {

/// The fixture; ranks agree, so that all of them skip or none.
class DeviceTest : public testing::TestWithParam<DeviceChoice> {
 protected:
  void SetUp() override {
    if (GetParam() == DeviceChoice::cuda && world().min(GlobalIndex{sees_cuda() ? 1 : 0}) == 0)
      GTEST_SKIP() << "no CUDA device";
  }
  /// Whether the library under test can compute on a GPU of this rank.
  virtual bool sees_cuda() const = 0;

  /// `tolerance` on a GPU, which adds up in another order; CPUs give the same bits.
  double on_gpu_only(double tolerance) const { return GetParam() == DeviceChoice::cuda ? tolerance : 0.0; }
};

inline std::string device_name(const testing::TestParamInfo<DeviceChoice>& info) {
  return name_of(info.param);
}

}  // namespace k7::test

/// The two instances of a suite: On/Suite.name/cuda and On/Suite.name/cpu.
#define K7_ON_EVERY_DEVICE(Suite)                                                                     \
  INSTANTIATE_TEST_SUITE_P(On, Suite, testing::Values(k7::DeviceChoice::cuda, k7::DeviceChoice::cpu), \
                           k7::test::device_name)
