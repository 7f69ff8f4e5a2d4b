// SPDX-License-Identifier: Apache-2.0
// PETSc for a whole test program: include this and it lives as long as the tests.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "k7/spectral/session.hpp"
#include "test_data.hpp"

namespace k7::test {

class SessionEnvironment final : public testing::Environment {
 public:
  void SetUp() override {
    session_ = std::make_unique<spectral::Session>(world(), "test", std::vector<std::string>{});
  }
  void TearDown() override { session_.reset(); }

 private:
  std::unique_ptr<spectral::Session> session_;
};
[[maybe_unused]] static const auto* session_environment =
    testing::AddGlobalTestEnvironment(new SessionEnvironment);

}  // namespace k7::test
