// SPDX-License-Identifier: Apache-2.0
#include "base/quote.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>

namespace k7 {
namespace {

/// Bytes of the UTF-8 character that begins at `at`; 0 where none does. Overlong forms, surrogates and the
/// control characters U+0080 ... U+009F, which terminals obey, count as none.
std::size_t character_length(const std::string& text, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : static_cast<unsigned char>(0);
  };
  const unsigned first = byte(at);
  if (first < 0x80) return first >= 0x20 && first != 0x7f ? 1 : 0;
  std::size_t length = 0;
  std::uint32_t point = 0;
  std::uint32_t least = 0;
  if (first >= 0xc0 && first < 0xe0) {
    length = 2;
    point = first & 0x1fU;
    least = 0xa0;
  } else if (first >= 0xe0 && first < 0xf0) {
    length = 3;
    point = first & 0x0fU;
    least = 0x800;
  } else if (first >= 0xf0 && first < 0xf8) {
    length = 4;
    point = first & 0x07U;
    least = 0x10000;
  } else {
    return 0;
  }
  for (std::size_t i = 1; i < length; ++i) {
    const unsigned next = byte(at + i);
    if ((next & 0xc0U) != 0x80U) return 0;
    point = (point << 6U) | (next & 0x3fU);
  }
  const bool surrogate = point >= 0xd800 && point < 0xe000;
  // U+2028 ... U+202E and U+2066 ... U+2069 break lines or turn the direction of what follows.
  const bool steering = (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
  return point >= least && point <= 0x10ffff && !surrogate && !steering ? length : 0;
}

/// Appends the character at `at`, as it is or as an escape, and returns how many bytes it took.
std::size_t append_character(std::string& out, const std::string& text, std::size_t at) {
  const std::size_t length = character_length(text, at);
  if (length > 0) {
    out.append(text, at, length);
    return length;
  }
  switch (text[at]) {
    case '\n':
      out += "\\n";
      break;
    case '\r':
      out += "\\r";
      break;
    case '\t':
      out += "\\t";
      break;
    default: {
      std::array<char, 8> code{};
      std::snprintf(code.data(), code.size(), "\\x%02x", static_cast<unsigned>(text[at]) & 0xffU);
      out += code.data();
    }
  }
  return 1;
}

}  // namespace

std::string escaped(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) at += append_character(out, text, at);
  return out;
}

std::string shortened(const std::string& text, std::size_t most) {
  std::string out;
  std::size_t at = 0;
  for (std::size_t n = 0; n < most && at < text.size(); ++n) at += append_character(out, text, at);
  return at < text.size() ? out + "..." : out;
}

std::string short_number(double value) {
  constexpr double longest = 1e6;
  constexpr double smallest = 1e-4;
  const double size = std::abs(value);
  std::array<char, 32> text{};
  const bool plain = size == 0.0 || (size >= smallest && size < longest);
  std::snprintf(text.data(), text.size(), plain ? "%.6f" : "%.6g", value);
  return text.data();
}

std::string quoted(const std::string& text, std::size_t most) {
  return "'" + shortened(text, most) + "'";
}

}  // namespace k7
