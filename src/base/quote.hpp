// SPDX-License-Identifier: Apache-2.0
//
// Text that K7 did not write itself, made fit for a message. A file may hold escape sequences, which would
// steer the reader's terminal, or megabytes where a word is expected.
#pragma once

#include <cstddef>
#include <string>

namespace k7 {

/// The text with everything that does not print shown as an escape: \n, \r, \t, and \x1b for other control
/// characters and for bytes that are not UTF-8.
std::string escaped(const std::string& text);

/// The text in single quotes, escaped, and cut at `most` characters with "..." in their place.
std::string quoted(const std::string& text, std::size_t most = 80);

/// The text escaped and cut like quoted(), without the quotes.
std::string shortened(const std::string& text, std::size_t most = 80);

/// A number for a message: with a decimal point where that is short, else with an exponent.
std::string short_number(double value);

}  // namespace k7
