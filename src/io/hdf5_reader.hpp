// SPDX-License-Identifier: Apache-2.0
//
// HDF5 files from anywhere, read without trusting them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "io/hdf5_file.hpp"

namespace k7::io {

class ReaderProcess;

/// A file that nobody vouches for. The HDF5 library believes what a file says of its own structure and of
/// compressed data, and writes beyond its memory, crashes or never ends where that is wrong. So the library
/// opens the file in a process of its own, which hands over names, shapes and numbers; when that process
/// crashes or takes 5 s of processor time for what takes milliseconds, the file is damaged, and nothing else
/// has happened. The functions are those of Hdf5File and throw the same errors. Not collective: each rank has
/// a process of its own, which reads through the file system, not through MPI.
class Hdf5Reader {
 public:
  using Shape = Hdf5File::Shape;

  /// @throws InputError naming the file: not there, no regular file, not HDF5, damaged
  explicit Hdf5Reader(const std::string& path);
  ~Hdf5Reader();
  Hdf5Reader(Hdf5Reader&& other) noexcept;
  Hdf5Reader& operator=(Hdf5Reader&&) = delete;
  Hdf5Reader(const Hdf5Reader&) = delete;
  Hdf5Reader& operator=(const Hdf5Reader&) = delete;

  const std::string& path() const { return path_; }
  bool has(const std::string& name) const;
  Shape shape(const std::string& dataset) const;
  std::uint64_t storage_size(const std::string& dataset) const;
  void require_data(const std::string& dataset) const;
  std::vector<std::string> list(const std::string& group) const;
  std::vector<double> read(const std::string& dataset) const;
  void read_rows(const std::string& dataset, std::uint64_t begin, std::uint64_t count, double* out) const;
  bool has_attribute(const std::string& object, const std::string& name) const;
  std::string string_attribute(const std::string& object, const std::string& name) const;
  double number_attribute(const std::string& object, const std::string& name) const;
  std::vector<double> numbers_attribute(const std::string& object, const std::string& name) const;

 private:
  struct Request;
  std::string ask(const Request& request, std::size_t most) const;
  std::string ask_exactly(const Request& request, std::size_t bytes) const;

  std::string path_;
  std::unique_ptr<ReaderProcess> process_;
  mutable std::map<std::string, Shape> shapes_;  ///< those asked for
};

/// The file on every rank. Collective. @throws CollectiveError where one rank cannot open it
Hdf5Reader open_on_all_ranks(const std::string& path, const parallel::Communicator& comm);

}  // namespace k7::io
