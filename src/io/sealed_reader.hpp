// SPDX-License-Identifier: Apache-2.0
//
// Sealed HDF5 files of K7's own formats, read without trusting them: a checksum is no proof of who made a file.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "base/quote.hpp"
#include "io/hdf5_reader.hpp"
#include "k7/base/names.hpp"

namespace k7::io {

constexpr int most_int = std::numeric_limits<int>::max();
constexpr std::int64_t most_whole = std::int64_t{1} << 53;  ///< beyond it not every whole number is a double

/// A sealed file with the attributes format and version. Its numbers come out checked; all of them together
/// take no more than its bytes, so that it takes no more memory, whatever it declares, and however many names
/// one dataset has. Every function throws InputError naming file and item. Not collective.
class SealedReader : public Hdf5Reader {
 public:
  /// @param newest the last version that can be read, 1 the first
  SealedReader(const std::string& path, const std::string& format, int newest);

  int version() const { return version_; }
  [[noreturn]] void fail(const std::string& item, const std::string& what) const;

  /// An attribute that is one number from `low` to `high`.
  double number(const std::string& object, const std::string& name, double low, double high,
                const char* needed) const;
  std::int64_t whole(const std::string& object, const std::string& name, std::int64_t low,
                     std::int64_t high) const;
  int integer(const std::string& object, const std::string& name, int low, int high = most_int) const;
  bool flag(const std::string& object, const std::string& name) const;
  /// An attribute that is one of the names of an enumeration.
  template <class E>
  E choice(const std::string& object, const std::string& name) const {
    const std::string text = string_attribute(object, name);
    const auto value = value_of<E>(text);
    if (!value) fail("attribute " + name, quoted(text) + " is none of " + joined(all_names<E>()));
    return *value;
  }
  /// An attribute of exactly n numbers.
  template <std::size_t n>
  std::array<double, n> numbers(const std::string& object, const std::string& name) const {
    const auto values = numbers_attribute(object, name);
    if (values.size() != n)
      fail("attribute " + name,
           "has " + std::to_string(values.size()) + " numbers; " + std::to_string(n) + " are needed");
    std::array<double, n> result{};
    for (std::size_t i = 0; i < n; ++i) result[i] = values[i];
    return result;
  }
  /// All numbers of a dataset, which must be finite.
  std::vector<double> read_finite(const std::string& dataset) const;
  /// To be called once for each dataset before it is read in another way.
  void take_room(const std::string& dataset) const;

 private:
  void read_header(const std::string& format, int newest);

  int version_ = 0;
  mutable double room_ = 0.0;  ///< bytes
};

}  // namespace k7::io
