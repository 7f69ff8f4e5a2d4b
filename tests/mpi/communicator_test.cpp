// SPDX-License-Identifier: Apache-2.0
// Collectives against what one process would compute, uneven and empty parts included.
#include "k7/parallel/communicator.hpp"

#include <cmath>
#include <numeric>

#include "k7/base/error.hpp"
#include "k7/parallel/agree.hpp"
#include "parallel/gradient_reducer.hpp"
#include "parallel/tree_sum.hpp"
#include "test_data.hpp"

namespace k7::parallel {
namespace {

using test::world;

TEST(Communicator, reductions) {
  const int p = world().size();
  const int r = world().rank();
  EXPECT_EQ(world().sum(GlobalIndex{r + 1}), p * (p + 1) / 2);
  EXPECT_EQ(world().sum(0.5), 0.5 * p);
  EXPECT_EQ(world().max(GlobalIndex{r}), p - 1);
  EXPECT_EQ(world().min(static_cast<double>(r)), 0.0);
  EXPECT_EQ(world().exclusive_scan(r + 1), r * (r + 1) / 2);
}

TEST(Communicator, gather_and_broadcast) {
  const auto all = world().all_gather(world().rank() * 10);
  for (int r = 0; r < world().size(); ++r) EXPECT_EQ(all[r], r * 10);
  std::string text = world().rank() == world().size() - 1 ? "from the last" : "";
  world().broadcast(text, world().size() - 1);
  EXPECT_EQ(text, "from the last");
}

TEST(Communicator, exchange_moves_uneven_parts) {
  // Rank r sends r + 2 s elements to rank s; element values tell where they come from.
  const int p = world().size();
  const int r = world().rank();
  struct Item {
    int from, to, number;
  };
  std::vector<Item> send;
  std::vector<std::size_t> counts;
  for (int s = 0; s < p; ++s) {
    counts.push_back(static_cast<std::size_t>(r + 2 * s));
    for (int n = 0; n < r + 2 * s; ++n) send.push_back({r, s, n});
  }
  std::vector<std::size_t> received;
  const auto got = world().exchange(send, counts, received);
  std::size_t position = 0;
  for (int s = 0; s < p; ++s) {
    EXPECT_EQ(received[s], static_cast<std::size_t>(s + 2 * r));
    for (int n = 0; n < s + 2 * r; ++n, ++position) {
      EXPECT_EQ(got[position].from, s);
      EXPECT_EQ(got[position].to, r);
      EXPECT_EQ(got[position].number, n);
    }
  }
  EXPECT_EQ(position, got.size());
}

TEST(Communicator, rows_are_dealt_out_once) {
  for (const GlobalIndex n : {0, 1, 3, 4, 17, 1000}) {
    for (int p = 1; p <= 7; ++p) {
      GlobalIndex next = 0;
      for (int r = 0; r < p; ++r) {
        const auto rows = even_rows(n, r, p);
        EXPECT_EQ(rows.begin, next);
        EXPECT_LE(rows.count(), n / p + 1);
        for (GlobalIndex row = rows.begin; row < rows.end; ++row) EXPECT_EQ(even_owner(row, n, p), r);
        next = rows.end;
      }
      EXPECT_EQ(next, n);
    }
  }
}

TEST(Agree, one_failing_rank_is_everybodys_error) {
  const int last = world().size() - 1;
  try {
    agree(world(), [&] {
      if (world().rank() == last) throw InputError("row 7 is wrong");
    });
    ADD_FAILURE() << "no error";
  } catch (const CollectiveError& e) {
    EXPECT_STREQ(e.what(), "row 7 is wrong");
    EXPECT_EQ(e.fault(), Fault::bad_input);
  }
}

TEST(Agree, the_lowest_failing_rank_speaks) {
  try {
    agree(world(), [&] { throw InputError("rank " + std::to_string(world().rank())); });
    ADD_FAILURE() << "no error";
  } catch (const CollectiveError& e) {
    EXPECT_STREQ(e.what(), "rank 0");
  }
  EXPECT_NO_THROW(agree(world(), [] {}));
}

TEST(GradientReducer, sums_doubles_and_floats) {
  const auto reducer = make_mpi_reducer(world());
  const int p = world().size();
  std::vector<double> d(1001);
  std::vector<float> f(1001);
  for (std::size_t i = 0; i < d.size(); ++i) {
    d[i] = static_cast<double>(i) * (world().rank() + 1);
    f[i] = static_cast<float>(world().rank());
  }
  reducer->sum(d.data(), d.size(), ScalarType::float64);
  reducer->sum(f.data(), f.size(), ScalarType::float32);
  for (std::size_t i = 0; i < d.size(); ++i) {
    EXPECT_DOUBLE_EQ(d[i], static_cast<double>(i) * p * (p + 1) / 2);
    EXPECT_FLOAT_EQ(f[i], static_cast<float>(p * (p - 1) / 2));
  }
}

TEST(GradientReducer, every_rank_gets_the_same_bits) {
  std::vector<double> d(5003);
  for (std::size_t i = 0; i < d.size(); ++i) d[i] = std::sin(static_cast<double>(i) + 0.37 * world().rank());
  make_mpi_reducer(world())->sum(d.data(), d.size(), ScalarType::float64);
  std::vector<double> root = d;
  world().broadcast(root);
  EXPECT_EQ(d, root);
}

/// Terms of very different size, whose sum depends on the order.
std::vector<double> term(GlobalIndex item, std::size_t size) {
  std::vector<double> values(size);
  for (std::size_t i = 0; i < size; ++i)
    values[i] = std::sin(static_cast<double>(item + 1) * static_cast<double>(i + 1)) *
                std::pow(10.0, static_cast<double>((item * 7 + static_cast<GlobalIndex>(i)) % 17));
  return values;
}

/// The sum by its definition: the left half of the next larger power of two, and the rest.
std::vector<double> sum_of_tree(GlobalIndex first, GlobalIndex last, std::size_t size) {
  if (last - first == 1) return term(first, size);
  GlobalIndex half = 1;
  while (2 * half < last - first) half *= 2;
  auto left = sum_of_tree(first, first + half, size);
  const auto right = sum_of_tree(first + half, last, size);
  for (std::size_t i = 0; i < size; ++i) left[i] += right[i];
  return left;
}

TEST(TreeSum, bits_do_not_depend_on_ranks) {
  for (const GlobalIndex n : {1, 2, 3, 5, 8, 13, 32, 100})
    for (const std::size_t size : {1U, 2U, 257U}) {
      TreeSum tree(size);
      const RowRange mine = even_rows(n, world().rank(), world().size());
      for (GlobalIndex item = mine.begin; item < mine.end; ++item) tree.add(item, term(item, size));
      EXPECT_EQ(tree.finish(world()), sum_of_tree(0, n, size)) << n << " items of " << size;
      EXPECT_EQ(tree.finish(world()), std::vector<double>(size, 0.0)) << "empty again";
    }
}

TEST(TreeSum, of_one_rank_alone) {
  TreeSum tree(3);
  for (GlobalIndex item = 4; item < 9; ++item) tree.add(item, {1.0, 2.0, static_cast<double>(item)});
  EXPECT_EQ(tree.finish_here(), (std::vector<double>{5.0, 10.0, 30.0}));
  EXPECT_EQ(tree.finish_here(), std::vector<double>(3, 0.0));
}

}  // namespace
}  // namespace k7::parallel
