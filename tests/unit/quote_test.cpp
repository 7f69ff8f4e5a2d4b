// SPDX-License-Identifier: Apache-2.0
// Text from files in messages: nothing reaches a terminal that steers it, and nothing is long.
#include "base/quote.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace k7 {
namespace {

TEST(Quote, shows_what_does_not_print) {
  EXPECT_EQ(escaped("a\nb\rc\td"), "a\\nb\\rc\\td");
  EXPECT_EQ(escaped("\x1b[31mred"), "\\x1b[31mred");
  EXPECT_EQ(escaped(std::string("a\0b\x7f", 4)), "a\\x00b\\x7f");
  EXPECT_EQ(escaped("plain {} %s text"), "plain {} %s text");
}

TEST(Quote, keeps_letters_of_every_language_and_no_broken_ones) {
  EXPECT_EQ(escaped("Müller λ₁ 流形"), "Müller λ₁ 流形");
  EXPECT_EQ(escaped("\xff\xfe"), "\\xff\\xfe");
  EXPECT_EQ(escaped("\xc3"), "\\xc3");                    // ends too early
  EXPECT_EQ(escaped("\xc0\xaf"), "\\xc0\\xaf");           // an overlong '/'
  EXPECT_EQ(escaped("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // half of a surrogate pair
  EXPECT_EQ(escaped("\xc2\x9b[31m"), "\\xc2\\x9b[31m");   // one-byte CSI of some terminals
  EXPECT_EQ(escaped("\xe2\x80\xae"), "\\xe2\\x80\\xae");  // turns the direction of writing
}

TEST(Quote, every_byte_gives_something_that_prints) {
  for (int first = 0; first < 256; ++first)
    for (int second = 0; second < 256; ++second)
      for (const char c : escaped({static_cast<char>(first), static_cast<char>(second)}))
        ASSERT_TRUE(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) << first << " " << second;
}

TEST(Quote, cuts_between_characters) {
  EXPECT_EQ(quoted("short"), "'short'");
  EXPECT_EQ(quoted(std::string(80, 'x')), "'" + std::string(80, 'x') + "'");
  EXPECT_EQ(quoted(std::string(81, 'x')), "'" + std::string(80, 'x') + "...'");
  EXPECT_EQ(shortened("λλλλ", 3), "λλλ...");
  EXPECT_EQ(shortened("\n\n\n", 2), "\\n\\n...");
  EXPECT_LT(quoted(std::string(1 << 26, '\x1b')).size(), 400U);
}

TEST(Quote, numbers_are_short) {
  EXPECT_EQ(short_number(-1.0), "-1.000000");
  EXPECT_EQ(short_number(0.0), "0.000000");
  EXPECT_EQ(short_number(1e300), "1e+300");
  EXPECT_EQ(short_number(-2.5e-7), "-2.5e-07");
  EXPECT_EQ(short_number(std::nan("")), "nan");
}

}  // namespace
}  // namespace k7
