// SPDX-License-Identifier: Apache-2.0
// Two spectra side by side: which one counts, and what is said where they differ.
#include "spectral/limit/agreement.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace k7::spectral {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

struct Group {
  int count;
  double limit;
  double error;
};

/// A zero mode and multiplets whose members are wider than their mean by a half.
SpectrumLimit spectrum(const std::vector<Group>& groups, Source source) {
  SpectrumLimit result;
  result.values = {0.0};
  result.errors = {0.0};
  for (const auto& [count, limit, error] : groups) {
    const int first = static_cast<int>(result.values.size());
    result.multiplets.push_back({first, count, false, limit, limit, error, {}, source});
    result.values.insert(result.values.end(), static_cast<std::size_t>(count), limit);
    result.errors.insert(result.errors.end(), static_cast<std::size_t>(count), 1.5 * error);
  }
  return result;
}

Agreement agree(const std::vector<Group>& graph, const std::vector<Group>& ritz) {
  return agree_on(spectrum(graph, Source::graph), spectrum(ritz, Source::ritz));
}

TEST(Agreement, the_smaller_bar_counts_where_bars_overlap) {
  const auto both = agree({{2, 1.02, 0.03}, {4, 3.00, 0.01}}, {{2, 1.00, 0.01}, {4, 3.02, 0.05}});
  EXPECT_TRUE(both.disagreements.empty());
  ASSERT_EQ(both.limit.multiplets.size(), 2U);
  EXPECT_EQ(both.limit.multiplets[0].source, Source::ritz);
  EXPECT_EQ(both.limit.multiplets[1].source, Source::graph);
  EXPECT_EQ(both.limit.values, (std::vector<double>{0.0, 1.0, 1.0, 3.0, 3.0, 3.0, 3.0}));
  EXPECT_EQ(both.limit.errors[1], 0.015);
  EXPECT_EQ(both.limit.errors[3], 0.015);
}

/// Whatever two bars are, the result's bar holds what both could mean, or is one of theirs.
TEST(Agreement, a_disagreement_is_covered_and_told) {
  const auto both = agree({{2, 1.0, 0.1}, {1, 2.0, 0.1}}, {{2, 1.5, 0.2}, {1, 2.0, 0.2}});
  ASSERT_EQ(both.disagreements.size(), 1U);
  EXPECT_EQ(both.disagreements[0].graph.limit, 1.0);
  EXPECT_EQ(both.disagreements[0].ritz.limit, 1.5);
  const Multiplet& m = both.limit.multiplets[0];
  EXPECT_EQ(m.source, Source::both);
  EXPECT_NEAR(m.limit - m.error, 0.9, 1e-15);
  EXPECT_NEAR(m.limit + m.error, 1.7, 1e-15);
  for (const std::size_t i : {1, 2}) {
    EXPECT_LE(both.limit.values[i] - both.limit.errors[i], 1.0 - 0.15 + 1e-15);
    EXPECT_GE(both.limit.values[i] + both.limit.errors[i], 1.5 + 0.3 - 1e-15);
  }
  EXPECT_EQ(both.limit.multiplets[1].source, Source::graph);
}

/// One sees 2 + 4 eigenvalues where the other sees 3 + 3: six are compared, by their means.
TEST(Agreement, multiplets_that_end_elsewhere_are_compared_together) {
  const auto both =
      agree({{2, 1.0, 0.02}, {4, 2.5, 0.02}, {1, 5.0, 0.1}}, {{3, 1.5, 0.2}, {3, 2.5, 0.2}, {1, 5.0, 0.05}});
  EXPECT_TRUE(both.disagreements.empty());
  ASSERT_EQ(both.limit.multiplets.size(), 3U);
  EXPECT_EQ(both.limit.multiplets[0].count, 2);
  EXPECT_EQ(both.limit.multiplets[1].count, 4);
  EXPECT_EQ(both.limit.multiplets[2].source, Source::ritz);
}

TEST(Agreement, what_one_does_not_have_is_taken_from_the_other) {
  auto graph = spectrum({{2, 1.0, 0.1}, {3, 2.0, 0.1}}, Source::graph);
  for (const std::size_t i : {3, 4, 5}) graph.values[i] = nan;
  graph.multiplets[1].limit = graph.multiplets[1].error = nan;
  const auto both = agree_on(graph, spectrum({{2, 1.0, 0.2}, {3, 2.2, 0.3}, {2, 4.0, 0.5}}, Source::ritz));
  ASSERT_EQ(both.limit.multiplets.size(), 3U);
  EXPECT_EQ(both.limit.multiplets[0].source, Source::graph);
  EXPECT_EQ(both.limit.multiplets[1].limit, 2.2);
  EXPECT_EQ(both.limit.multiplets[2].limit, 4.0);
  EXPECT_EQ(both.limit.values.size(), 8U);
  EXPECT_EQ(both.limit.values[7], 4.0);
  const auto alone = agree_on(graph, {});
  EXPECT_EQ(alone.limit.values[1], 1.0);
  EXPECT_TRUE(std::isnan(alone.limit.values[3]));
  EXPECT_EQ(alone.limit.multiplets.size(), 2U);
}

}  // namespace
}  // namespace k7::spectral
