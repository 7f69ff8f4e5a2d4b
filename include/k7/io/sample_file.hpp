// SPDX-License-Identifier: Apache-2.0
//
// Sample files (format "k7-samples", version 1): points, metrics and what else was sampled. See
// docs/files.md.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "k7/geometry/manifold.hpp"
#include "k7/parallel/communicator.hpp"

namespace k7::io {

class Hdf5Reader;
class SharedHdf5Output;

/// What is wrong with a row of a sample file: empty when nothing is. Of metrics, see geometry::metric_defect.
/// @param point manifold.point_size() numbers
std::string point_defect(const geometry::Manifold& manifold, const double* point);
std::string weight_defect(double weight);

/// Reads a sample file, each rank its own rows. A file with only /coords and /metric and no attributes is
/// valid: manifold "euclidean", not periodic, coordinate frame.
class SampleReader {
 public:
  /// Collective. Checks names, shapes, types and attributes; throws the same CollectiveError on every rank.
  SampleReader(const std::string& path, const parallel::Communicator& comm);
  ~SampleReader();
  SampleReader(const SampleReader&) = delete;
  SampleReader& operator=(const SampleReader&) = delete;

  GlobalIndex n_points() const { return n_points_; }
  const geometry::Manifold& manifold() const { return *manifold_; }
  bool has_weights() const { return has_weights_; }
  /// Whether the file says which coordinates are periodic, by the attribute periods or by its manifold;
  /// "euclidean" is what converters write for want of better, and does not.
  bool says_periods() const { return says_periods_; }
  const std::string& path() const;

  /// Rows [begin, begin + count): points (count, manifold().point_size()) and packed metrics (count, 28),
  /// checked for NaN, Inf, norm, symmetry and positive definiteness. Not collective.
  /// @throws InputError naming file, dataset and row
  void read(GlobalIndex begin, GlobalIndex count, double* points, double* metrics) const;
  /// Rows of /weight, the sampling density against the Riemannian volume; needs has_weights(). Not
  /// collective.
  /// @throws InputError naming file, dataset and row of the first number that is not positive
  void read_weights(GlobalIndex begin, GlobalIndex count, double* weights) const;

 private:
  void check_shapes();
  void read_attributes();

  std::unique_ptr<Hdf5Reader> file_;
  GlobalIndex n_points_ = 0;
  bool has_weights_ = false;
  bool says_periods_ = false;
  std::unique_ptr<geometry::Manifold> manifold_;
  std::string point_dataset_;
};

/// One block of rows to be written; empty vectors stand for datasets that the file does not have.
struct SampleBlock {
  std::vector<double> coords;  ///< (n, 7)
  std::vector<double> points;  ///< (n, manifold.point_size()) where that is not 7
  std::vector<double> metric;  ///< (n, 7, 7)
  std::vector<double> phi;     ///< (n, 35)
  std::vector<double> weight;  ///< (n)
};

/// Writes a sample file in parallel, each rank its own rows, chunked, atomically.
class SampleWriter {
 public:
  struct Contents {
    GlobalIndex n_points;
    bool points;
    bool phi;
    bool weight;
  };
  /// Collective.
  SampleWriter(const std::string& path, const parallel::Communicator& comm,
               const geometry::Manifold& manifold, const Contents& contents);
  ~SampleWriter();
  SampleWriter(const SampleWriter&) = delete;
  SampleWriter& operator=(const SampleWriter&) = delete;
  /// Writes rows from `begin` on. Not collective. @throws InputError when the disk is full
  void write(GlobalIndex begin, const SampleBlock& block);
  /// Collective; the file appears under its name when all ranks have succeeded.
  void commit();

 private:
  std::unique_ptr<SharedHdf5Output> output_;
};

}  // namespace k7::io
