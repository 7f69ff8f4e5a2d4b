// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "io/json_file.hpp"
#include "k7/base/observer.hpp"
#include "k7/parallel/communicator.hpp"
#include "train/checkpoint.hpp"
#include "train/loss/torsion_loss.hpp"

namespace k7::train {

/// The best constant coefficients, where constants are homogeneous: what the network has to reach or beat. The
/// search takes seconds; a checkpoint keeps what it found.
class BestConstants {
 public:
  /// @param objective must outlive this
  BestConstants(const TrainOptions& options, const Objective& objective);

  /// Takes what a checkpoint knows, unless it was found for other weights of the loss, and tells of it.
  void take(const std::optional<StoredConstants>& stored, Observer& observer);
  /// Searches, where it is not known yet; rank 0 does the work. Collective.
  /// @param is_needed otherwise a stop that is asked for ends the search
  void find(const parallel::Communicator& comm, Observer& observer, bool is_needed);

  bool known() const { return stored_.has_value(); }
  /// For a checkpoint, which holds finite numbers only.
  std::optional<StoredConstants> to_store() const;
  /// (7, 7); zeros where nothing is known.
  std::vector<double> coframe() const;
  /// Loss, its terms, cond_g, the starts that reached it.
  io::Json json() const;

 private:
  std::map<std::string, double> weights() const;
  bool fits(const StoredConstants& stored) const;
  StoredConstants search(Observer& observer, bool is_needed) const;
  void share(const parallel::Communicator& comm, StoredConstants& found) const;
  void tell(Observer& observer) const;

  const TorsionLoss* loss_ = nullptr;  ///< null: there is nothing to compare with
  model::ModelSpec model_;
  std::uint64_t seed_;
  std::optional<StoredConstants> stored_;
};

}  // namespace k7::train
