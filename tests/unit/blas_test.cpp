// SPDX-License-Identifier: Apache-2.0
#include "base/blas.hpp"

#include <thread>

#include "base/progress.hpp"
#include "parallel/threads.hpp"
#include "test_data.hpp"

namespace k7::parallel {
namespace {

TEST(Blas, threads_do_not_exceed_the_machine) {
  const int threads = threads_per_rank(test::world());
  EXPECT_GE(threads, 1);
  EXPECT_LE(threads, static_cast<int>(std::thread::hardware_concurrency()));
}

TEST(Progress, times_and_counts_are_readable) {
  EXPECT_EQ(human_time(4.24), "4.2 s");
  EXPECT_EQ(human_time(187.0), "3m 07s");
  EXPECT_EQ(human_time(3725.0), "1h 02m");
  EXPECT_EQ(human_count(340.0), "340");
  EXPECT_EQ(human_count(12345.0), "12.3 k");
  EXPECT_EQ(human_count(1.5e6), "1.5 M");
}

}  // namespace
}  // namespace k7::parallel
