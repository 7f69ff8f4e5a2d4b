// SPDX-License-Identifier: Apache-2.0
#include "base/log.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <string>

#include "base/quote.hpp"

namespace k7 {
namespace {

/// The message as it can be shown: text from a file must not reach the terminal raw.
class EscapedMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    const std::string text = escaped(std::string(message.payload.data(), message.payload.size()));
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<spdlog::custom_flag_formatter> clone() const override {
    return std::make_unique<EscapedMessage>();
  }
};

}  // namespace

void start_log(bool speaks, int verbosity) {
  auto logger = spdlog::get("k7");
  if (!logger) logger = spdlog::stderr_color_mt("k7");
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<EscapedMessage>('*').set_pattern("%^%L%$ %H:%M:%S %*");
  logger->set_formatter(std::move(formatter));
  // A log that nobody reads any more, or whose disk is full, must not end the work or fill the screen.
  logger->set_error_handler([](const std::string&) {});
  auto level = spdlog::level::info;
  if (verbosity < 0) level = spdlog::level::warn;
  if (verbosity > 0) level = spdlog::level::debug;
  logger->set_level(speaks ? level : spdlog::level::off);
  spdlog::set_default_logger(logger);
}

}  // namespace k7
