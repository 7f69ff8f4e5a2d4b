// SPDX-License-Identifier: Apache-2.0
//
// The part of a checkpoint that says what a model is: the attributes of the 3-form and the network's parameters.
#pragma once

#include <string>
#include <vector>

#include "io/sealed_reader.hpp"
#include "k7/model/model_spec.hpp"

namespace k7::model {

constexpr const char* checkpoint_format = "k7-checkpoint";
constexpr int checkpoint_version = 2;  ///< what older files lack: see train::read_checkpoint

void write_spec(io::Hdf5File& file, const ModelSpec& spec);
ModelSpec read_spec(const io::SealedReader& file);

/// One dataset for each of parameter_slots(), `group`/network.0.weight and so on; flat: (n_parameters).
void write_parameters(io::Hdf5File& file, const std::string& group, const NetworkShape& shape,
                      const std::vector<double>& flat);
std::vector<double> read_parameters(const io::SealedReader& file, const std::string& group,
                                    const NetworkShape& shape);

/// A model as a checkpoint holds it.
struct StoredModel {
  ModelSpec spec;
  std::vector<double> parameters;  ///< flat, see Network::parameters
};
/// Reads /model of a checkpoint and nothing of its training. Not collective.
/// @throws InputError naming the file and what is wrong with it
StoredModel read_model(const std::string& path);

}  // namespace k7::model
