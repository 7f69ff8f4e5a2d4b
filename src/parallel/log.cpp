// SPDX-License-Identifier: Apache-2.0
#include "k7/parallel/log.hpp"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace k7::parallel {

void start_log(const Communicator& comm, int verbosity) {
  auto logger = spdlog::get("k7");
  if (!logger) logger = spdlog::stderr_color_mt("k7");
  logger->set_pattern("%^%L%$ %H:%M:%S %v");
  auto level = spdlog::level::info;
  if (verbosity < 0) level = spdlog::level::warn;
  if (verbosity > 0) level = spdlog::level::debug;
  logger->set_level(comm.is_root() ? level : spdlog::level::off);
  spdlog::set_default_logger(logger);
}

}  // namespace k7::parallel
