// SPDX-License-Identifier: Apache-2.0
#include "io/sealed_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "io/seal.hpp"
#include "k7/base/error.hpp"

namespace k7::io {
namespace {

/// The path of a file whose seal, if it has one, is right: what has been changed is not opened.
const std::string& unbroken(const std::string& path) {
  if (has_seal(path)) {
    const std::string defect = seal_defect(path);
    if (!defect.empty()) throw InputError(path + ": " + defect);
  }
  return path;
}

}  // namespace

SealedReader::SealedReader(const std::string& path, const std::string& format, int newest)
    : Hdf5Reader(unbroken(path)) {
  std::error_code gone;  // a file that has gone is noticed when it is read
  const std::uintmax_t bytes = std::filesystem::file_size(path, gone);
  room_ = gone ? 0.0 : static_cast<double>(bytes);
  // Where there is no seal, what else the file is tells more.
  read_header(format, newest);
  const std::string defect = seal_defect(path);
  if (!defect.empty()) throw InputError(path + ": " + defect);
}

void SealedReader::fail(const std::string& item, const std::string& what) const {
  throw InputError(path() + ": " + shortened(item) + ": " + what);
}

void SealedReader::read_header(const std::string& format, int newest) {
  const std::string found = has_attribute("/", "format") ? string_attribute("/", "format") : "absent";
  if (found != format) fail("attribute format", "is " + quoted(found) + "; '" + format + "' is needed");
  const double version = number_attribute("/", "version");
  if (!(version >= 1.0 && version <= newest) || version != std::floor(version))
    fail("attribute version",
         newest == 1 ? fmt::format("is {:g}; this program reads version 1", version)
                     : fmt::format("is {:g}; this program reads versions 1 to {}", version, newest));
  version_ = static_cast<int>(version);
}

double SealedReader::number(const std::string& object, const std::string& name, double low, double high,
                            const char* needed) const {
  const double value = number_attribute(object, name);
  if (!(value >= low && value <= high))
    fail("attribute " + name, fmt::format("is {:g}; {} is needed", value, needed));
  return value;
}

std::int64_t SealedReader::whole(const std::string& object, const std::string& name, std::int64_t low,
                                 std::int64_t high) const {
  const double value = number_attribute(object, name);
  if (!(value >= static_cast<double>(low) && value <= static_cast<double>(high)) ||
      value != std::floor(value))
    fail("attribute " + name,
         fmt::format("is {:g}; a whole number from {} to {} is needed", value, low, high));
  return static_cast<std::int64_t>(value);
}

int SealedReader::integer(const std::string& object, const std::string& name, int low, int high) const {
  return static_cast<int>(whole(object, name, low, high));
}

bool SealedReader::flag(const std::string& object, const std::string& name) const {
  return integer(object, name, 0, 1) == 1;
}

std::vector<double> SealedReader::read_finite(const std::string& dataset) const {
  take_room(dataset);
  auto values = read(dataset);
  if (!std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); }))
    fail(dataset, "holds a number that is not finite");
  return values;
}

void SealedReader::take_room(const std::string& dataset) const {
  double bytes = sizeof(double);
  for (const auto n : shape(dataset)) bytes *= static_cast<double>(n);
  room_ -= bytes;
  if (room_ < 0.0) fail(dataset, "has more numbers than the file has room for");
}

}  // namespace k7::io
