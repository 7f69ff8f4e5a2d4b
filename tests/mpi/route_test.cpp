// SPDX-License-Identifier: Apache-2.0
#include "parallel/route.hpp"

#include "test_data.hpp"

namespace k7::parallel {
namespace {

using test::world;

/// Item i of rank r goes to rank (r + i) mod P; some ranks have none.
std::vector<int> destinations(int n) {
  std::vector<int> ranks;
  for (int i = 0; i < n; ++i) ranks.push_back((world().rank() + i) % world().size());
  return ranks;
}

int items_of(int rank) {
  return rank % 3 == 1 ? 0 : 5 + 2 * rank;
}

TEST(Route, rows_arrive_in_the_order_of_their_origin) {
  const int n = items_of(world().rank());
  const Route route(destinations(n), world());
  std::vector<GlobalIndex> rows;
  for (int i = 0; i < n; ++i) {
    rows.push_back(world().rank());
    rows.push_back(i);
  }
  std::vector<GlobalIndex> expected;
  for (int origin = 0; origin < world().size(); ++origin)
    for (int i = 0; i < items_of(origin); ++i)
      if ((origin + i) % world().size() == world().rank()) {
        expected.push_back(origin);
        expected.push_back(i);
      }
  EXPECT_EQ(route.forth(rows, 2), expected);
  EXPECT_EQ(route.n_arrivals(), expected.size() / 2);
  EXPECT_EQ(route.bring(2, [&](std::size_t i, std::size_t c) { return rows[2 * i + c]; }), expected);
}

TEST(Route, what_goes_back_is_where_it_was) {
  const int n = items_of(world().rank());
  const Route route(destinations(n), world());
  std::vector<double> rows;
  for (int i = 0; i < 3 * n; ++i) rows.push_back(world().rank() + 0.01 * i);
  const auto there = route.forth(rows, 3);
  EXPECT_EQ(route.back(there, 3), rows);
  EXPECT_EQ(route.back(there, 3), rows) << "a route can be used again";
}

TEST(Route, nothing_at_all_is_fine) {
  const Route route({}, world());
  EXPECT_TRUE(route.forth(std::vector<double>{}).empty());
  EXPECT_EQ(route.n_arrivals(), 0U);
}

}  // namespace
}  // namespace k7::parallel
