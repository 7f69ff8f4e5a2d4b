// SPDX-License-Identifier: Apache-2.0
// What a program shows of the library's work.
#include "cli/console.hpp"

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <csignal>
#include <sstream>

#include "base/stop_signals.hpp"

namespace k7::cli {
namespace {

TEST(Console, hands_lines_to_the_log) {
  std::ostringstream text;
  auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(text);
  sink->set_pattern("%L %v");
  spdlog::set_default_logger(std::make_shared<spdlog::logger>("test", sink));
  Console console(true);
  console.info("100 % of {}");  // no format
  console.progress("work", 1, 2, "half");
  console.warn("careful");
  EXPECT_EQ(text.str(), "I 100 % of {}\nW careful\n");
}

TEST(Console, hears_signals) {
  catch_stop_signals();
  Console console(false);
  EXPECT_FALSE(console.stop_requested());
  std::raise(SIGUSR1);
  EXPECT_TRUE(console.stop_requested());
}

}  // namespace
}  // namespace k7::cli
