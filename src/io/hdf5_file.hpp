// SPDX-License-Identifier: Apache-2.0
//
// HDF5 with owned handles and errors that name file and dataset. hdf5.h stays out of this header.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "k7/parallel/communicator.hpp"

namespace k7::io {

/// What keeps `path` from being read: empty when nothing does, otherwise the reason. Pipes and devices are
/// refused without being opened.
std::string read_obstacle(const std::string& path);

/// An open HDF5 file, in this process. Made with a communicator, all ranks share it through MPI-IO: making,
/// closing, creating datasets and writing attributes are then collective, writing rows is not. Without one,
/// the file belongs to the calling rank alone. Every function throws Error naming file and item. Datasets
/// whose numbers lie in other files (external links, external storage, virtual datasets) are refused.
/// A damaged file can crash the HDF5 library: files that K7 has not just written are read with Hdf5Reader.
class Hdf5File {
 public:
  using Shape = std::vector<std::uint64_t>;
  enum class Type { float64, float32, int64 };

  /// For reading. @throws InputError where it is not a regular file or not HDF5
  static Hdf5File open(const std::string& path);
  /// Makes a new file; an existing one is overwritten (see AtomicFile for the safe way).
  /// @param name stands for the path in messages, if not empty
  static Hdf5File create(const std::string& path, const parallel::Communicator* comm = nullptr,
                         const std::string& name = {});
  /// A file that exists only in memory until image() is written somewhere; `path` is for messages. HDF5 1.10
  /// crashes when a disk fills up under an open file, so files of one rank are made this way.
  static Hdf5File create_in_memory(const std::string& path);
  ~Hdf5File();
  Hdf5File(Hdf5File&& other) noexcept;
  Hdf5File& operator=(Hdf5File&&) = delete;
  Hdf5File(const Hdf5File&) = delete;
  Hdf5File& operator=(const Hdf5File&) = delete;

  const std::string& path() const { return path_; }
  /// Flushes and closes; reports what the destructor has to swallow.
  void close();
  /// Brings everything to the file system; after success, closing has nothing left to write.
  void flush();
  /// Gives up a file whose writing failed, without closing it; see hdf5_abandoned().
  void abandon();
  /// The bytes of a file made by create_in_memory.
  std::string image() const;

  bool has(const std::string& name) const;
  Shape shape(const std::string& dataset) const;
  /// Bytes that the dataset takes in the file, 0 if nothing was ever written.
  std::uint64_t storage_size(const std::string& dataset) const;
  /// Bytes of each chunk of the dataset, decompressed; 0 where it has none.
  double chunk_size(const std::string& dataset) const;
  /// @throws InputError where the dataset declares far more numbers than its stored bytes can hold: memory
  /// would be taken on its word
  void require_data(const std::string& dataset) const;
  /// Names of the links of a group, sorted.
  std::vector<std::string> list(const std::string& group) const;
  void create_group(const std::string& name);

  /// Whole dataset; numbers of any type and width are converted.
  std::vector<double> read(const std::string& dataset) const;
  /// Rows [begin, begin + count) of the first axis, all of the others. Floating-point data of any width is
  /// converted to float64; other types are an error.
  void read_rows(const std::string& dataset, std::uint64_t begin, std::uint64_t count, double* out) const;
  void read_rows(const std::string& dataset, std::uint64_t begin, std::uint64_t count,
                 std::int64_t* out) const;

  /// @param chunk_rows rows per chunk, 0 = contiguous
  void create_dataset(const std::string& dataset, const Shape& shape, Type type,
                      std::uint64_t chunk_rows = 0);
  void write_rows(const std::string& dataset, std::uint64_t begin, std::uint64_t count, const double* data);
  void write_rows(const std::string& dataset, std::uint64_t begin, std::uint64_t count,
                  const std::int64_t* data);
  /// Creates and writes a float64 dataset in one go.
  void write(const std::string& dataset, const Shape& shape, const double* data);

  bool has_attribute(const std::string& object, const std::string& name) const;
  std::string string_attribute(const std::string& object, const std::string& name) const;
  double number_attribute(const std::string& object, const std::string& name) const;
  std::vector<double> numbers_attribute(const std::string& object, const std::string& name) const;
  void set_attribute(const std::string& object, const std::string& name, const std::string& value);
  void set_attribute(const std::string& object, const std::string& name, std::int64_t value);
  void set_attribute(const std::string& object, const std::string& name, double value);
  void set_attribute(const std::string& object, const std::string& name, const std::vector<double>& value);

 private:
  Hdf5File(std::string path, std::int64_t file);
  /// HDF5's handle of a dataset, which stays open: its cache of chunks is lost when it is closed.
  std::int64_t dataset(const std::string& name) const;
  void close_datasets() const;
  void require_stored(const std::string& dataset, double bytes, double stored, const std::string& what) const;
  void transfer(const std::string& dataset, std::uint64_t begin, std::uint64_t count,
                std::int64_t memory_type, void* out, const void* in) const;

  std::string path_;
  std::int64_t file_ = -1;
  mutable std::map<std::string, std::int64_t> datasets_;  ///< the open ones
  int born_ = 0;                                          ///< how many files had been abandoned before
};

/// A shape as Python writes it, e.g. "(100, 7)", for messages.
std::string shape_text(const Hdf5File::Shape& shape);

/// Whether a file was abandoned. HDF5 1.10 crashes or hangs when it closes a file that could not be written,
/// and it closes all files inside MPI_Finalize: a program must then end without MPI_Finalize.
bool hdf5_abandoned();

}  // namespace k7::io
