// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "k7/base/observer.hpp"
#include "k7/parallel/communicator.hpp"
#include "k7/train/train_options.hpp"

namespace k7::train {

/// Why training ended: all epochs done; nothing better to be found; asked to stop; the loss, or its gradient,
/// not finite again and again.
enum class Stop { finished, early, signal, not_finite };
constexpr NameTable<Stop, 4> names_of(Stop) {
  return {{{Stop::finished, "finished"},
           {Stop::early, "early"},
           {Stop::signal, "signal"},
           {Stop::not_finite, "not_finite"}}};
}

/// How a training run ended, with its part of the results tree.
struct TrainResult {
  Stop stop = Stop::finished;
  int epochs = 0;  ///< done, with those of earlier parts of the run
  double best_loss = 0.0;
  double seconds = 0.0;                                    ///< of all parts of the run
  std::string device;                                      ///< cpu or cuda
  std::string comm;                                        ///< mpi or nccl
  std::shared_ptr<const nlohmann::ordered_json> model;     ///< architecture, n_parameters, activation
  std::shared_ptr<const nlohmann::ordered_json> training;  ///< epochs, final_loss, best_loss, ...
  std::shared_ptr<const nlohmann::ordered_json> timing;
};

/// Trains the network: data-parallel over the ranks, with results that do not depend on their number, see
/// docs/guarantees.md. Writes last.h5, best.h5 and history.csv into options.out, which is made if it does not
/// exist. Stops after a checkpoint when the observer of any rank wants it. Each rank computes with the threads
/// of model::use_threads(). Collective.
/// @throws CollectiveError for options, checkpoints and folders that do not work
TrainResult train(const TrainOptions& options, const parallel::Communicator& comm, Observer& observer);

/// Writes options.out/train.json, which k7_report reads: what the run was, and how it ended. Collective.
/// @param program that trained, and `threads` of each rank
/// @param given all options by their names on the command line
void write_results(const TrainOptions& options, const TrainResult& result, const std::string& program,
                   int threads, const nlohmann::ordered_json& given, const parallel::Communicator& comm);

}  // namespace k7::train
