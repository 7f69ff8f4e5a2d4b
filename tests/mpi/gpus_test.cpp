// SPDX-License-Identifier: Apache-2.0
// What ranks agree on before they use GPUs, with GPUs that are only claimed to be there.
#include "parallel/gpus.hpp"

#include "k7/base/error.hpp"
#include "test_data.hpp"

namespace k7::parallel {
namespace {

using test::world;

/// The line of the error that all ranks throw; empty: none.
template <class F>
std::string refusal_of(const F& work) {
  try {
    work();
  } catch (const CollectiveError& e) {
    EXPECT_EQ(e.fault(), Fault::bad_input);
    return e.what();
  }
  return {};
}

TEST(Gpus, are_as_many_as_the_rank_with_the_fewest_sees) {
  EXPECT_EQ(gpus_per_rank(world(), 2 + world().rank(), DeviceChoice::automatic), 2);
  EXPECT_EQ(gpus_per_rank(world(), 3, DeviceChoice::cuda), 3);
  EXPECT_EQ(gpus_per_rank(world(), 3, DeviceChoice::cpu), 0);
}

TEST(Gpus, that_are_nowhere_are_refused_only_where_they_are_asked_for) {
  EXPECT_EQ(gpus_per_rank(world(), 0, DeviceChoice::automatic), 0);
  EXPECT_NE(refusal_of([] { gpus_per_rank(world(), 0, DeviceChoice::cuda); }).find("--device cpu"),
            std::string::npos);
}

TEST(Gpus, that_one_rank_lacks_are_refused_by_all_with_its_host) {
  if (world().size() == 1) return;
  const int last = world().size() - 1;
  const int here = world().rank() == last ? 0 : 4;
  const std::string host = hosts_of_ranks(world()).back();
  EXPECT_FALSE(host.empty());
  for (const DeviceChoice choice : {DeviceChoice::automatic, DeviceChoice::cuda}) {
    const std::string line = refusal_of([&] { gpus_per_rank(world(), here, choice); });
    EXPECT_NE(line.find("rank " + std::to_string(last) + " on " + host), std::string::npos) << line;
    EXPECT_NE(line.find("--device cpu"), std::string::npos) << line;
  }
  EXPECT_EQ(gpus_per_rank(world(), here, DeviceChoice::cpu), 0);
}

TEST(Gpus, may_have_the_same_address_on_other_hosts) {
  EXPECT_EQ(shared_gpu({{"a", "0000:01"}, {"a", "0000:02"}, {"b", "0000:01"}}), "");
}

TEST(Gpus, that_ranks_share_are_refused_with_a_number_that_works) {
  const std::string line = shared_gpu({{"a", "1"}, {"b", "1"}, {"b", "2"}, {"b", "1"}});
  EXPECT_EQ(line, "--comm nccl: 3 ranks on b share 2 GPUs; start at most 2 there, or use --comm mpi");
}

TEST(Gpus, are_compared_over_all_ranks) {
  const std::string own = "0000:0" + std::to_string(world().rank());
  EXPECT_EQ(refusal_of([&] { require_own_gpus(world(), own); }), "");
  if (world().size() == 1) return;
  EXPECT_NE(refusal_of([&] { require_own_gpus(world(), "0000:01"); }).find("share 1 GPU;"),
            std::string::npos);
}

}  // namespace
}  // namespace k7::parallel
