// SPDX-License-Identifier: Apache-2.0
#include "k7/version.hpp"

#include <gtest/gtest.h>

#include <string>

#include "k7/base/build_info.hpp"

namespace {

constexpr int major = K7_VERSION_MAJOR, minor = K7_VERSION_MINOR, patch = K7_VERSION_PATCH;

TEST(Version, NumbersAreThoseOfTheText) {
  const std::string text = std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
  EXPECT_EQ(text, K7_VERSION);
  EXPECT_EQ(text, k7::build_info().version);
}

TEST(Version, IsComparedNumberByNumber) {
  EXPECT_TRUE(K7_VERSION_GE(major, minor, patch));
  EXPECT_TRUE(K7_VERSION_GE(major, minor - 1, patch + 1));
  EXPECT_TRUE(K7_VERSION_GE(major - 1, minor + 1, patch + 1));
  EXPECT_FALSE(K7_VERSION_GE(major, minor, patch + 1));
  EXPECT_FALSE(K7_VERSION_GE(major, minor + 1, patch));
  EXPECT_FALSE(K7_VERSION_GE(major + 1, minor - 1, patch - 1));
}

TEST(Version, TheBuildSaysHowItWasMade) {
  const k7::BuildInfo info = k7::build_info();
  for (const std::string& part :
       {info.version, info.git, info.compiler, info.type, info.options, info.libraries}) {
    EXPECT_FALSE(part.empty());
    EXPECT_NE(k7::build_info_text().find(part), std::string::npos);
  }
}

}  // namespace
