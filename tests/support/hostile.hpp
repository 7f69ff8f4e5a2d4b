// SPDX-License-Identifier: Apache-2.0
// Files that are damaged or lie: the corpus in tests/data/hostile, and mutations of its good files.
#pragma once

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <random>
#include <regex>
#include <string>
#include <vector>

#include "io/seal.hpp"

namespace k7::test {

inline std::string hostile_folder() {
  return std::string(K7_TEST_DATA) + "/hostile";
}

struct HostileCase {
  std::string file;
  std::string reader;
  std::vector<std::string> words;  ///< that the refusal holds; none: a good file
};

/// The cases for one kind of reader.
inline std::vector<HostileCase> hostile_cases(const std::string& reader) {
  std::ifstream in(hostile_folder() + "/cases.json");
  std::vector<HostileCase> cases;
  for (const auto& c : nlohmann::json::parse(in))
    if (c["reader"] == reader) cases.push_back({c["file"], reader, c["words"]});
  return cases;
}

inline std::string bytes_of_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Changes a few bytes of an HDF5 file, most of them in its bookkeeping: headers, trees, heaps.
class Mutator {
 public:
  explicit Mutator(std::string bytes, unsigned seed) : bytes_(std::move(bytes)), random_(seed) {
    static const std::regex mark("TREE|HEAP|SNOD|GCOL|OHDR|OCHK|FRHP|BTHD|BTLF|FADB|EADB");
    for (auto it = std::sregex_iterator(bytes_.begin(), bytes_.end(), mark); it != std::sregex_iterator();
         ++it)
      marks_.push_back(static_cast<std::size_t>(it->position()));
    // Object headers of version 1: version, 0, number of messages, number of references.
    for (std::size_t i = 0; i + 8 < bytes_.size(); ++i)
      if (bytes_[i] == 1 && bytes_[i + 1] == 0 && bytes_[i + 2] > 0 && bytes_[i + 2] < 48 &&
          bytes_[i + 3] == 0 && bytes_[i + 4] == 1 && bytes_[i + 5] == 0)
        marks_.push_back(i);
    if (marks_.empty()) marks_.push_back(0);
  }

  std::string next() {
    std::string b = bytes_;
    const std::array<int, 5> how_many{1, 1, 1, 2, 4};
    for (int n = how_many[random_() % how_many.size()]; n > 0; --n) change(b);
    return b;
  }

 private:
  double uniform() { return std::uniform_real_distribution<double>(0.0, 1.0)(random_); }
  std::size_t place(std::size_t size) {
    const double kind = uniform();
    if (kind < 0.75)
      return std::min(size - 9,
                      marks_[random_() % marks_.size()] +
                          static_cast<std::size_t>(std::exponential_distribution<double>(1 / 120.)(random_)));
    return random_() % (kind < 0.85 ? std::min<std::size_t>(96, size - 9) : size - 9);
  }
  void put(std::string& b, std::size_t at, std::uint64_t value, std::size_t width) {
    for (std::size_t i = 0; i < width; ++i) b[at + i] = static_cast<char>(value >> (8 * i) & 0xffU);
  }
  void change(std::string& b) {
    constexpr std::array<int, 9> bytes{0, 1, 2, 7, 8, 0x7f, 0x80, 0xff, 0xfe};
    const std::array<std::uint64_t, 11> numbers{0,
                                                1,
                                                1ULL << 31,
                                                1ULL << 32,
                                                1ULL << 40,
                                                1ULL << 62,
                                                1ULL << 63,
                                                ~0ULL,
                                                b.size(),
                                                b.size() - 8,
                                                marks_[random_() % marks_.size()]};
    const std::size_t at = place(b.size());
    const double kind = uniform();
    if (kind < 0.35)
      b[at] = static_cast<char>(b[at] ^ (1 << random_() % 8));
    else if (kind < 0.6)
      b[at] = static_cast<char>(bytes[random_() % bytes.size()]);
    else if (kind < 0.75)
      put(b, at, numbers[random_() % numbers.size()], 8);
    else if (kind < 0.85)
      put(b, at, random_() % 65536, 2);
    else if (kind < 0.92)
      put(b, at, random_(), 4);
    else
      std::fill_n(b.begin() + static_cast<std::ptrdiff_t>(at),
                  std::min<std::size_t>(std::size_t{4} << random_() % 8, b.size() - at), '\0');
  }

  std::string bytes_;
  std::mt19937 random_;
  std::vector<std::size_t> marks_;
};

/// Mutations per file: a few in every run, as many as K7_MUTATIONS says for a long one.
inline int n_mutations() {
  const char* wanted = std::getenv("K7_MUTATIONS");
  return wanted != nullptr ? std::atoi(wanted) : 40;
}

}  // namespace k7::test
