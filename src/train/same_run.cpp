// SPDX-License-Identifier: Apache-2.0
#include "train/same_run.hpp"

#include "base/quote.hpp"
#include "k7/base/error.hpp"
#include "train/tensors.hpp"

namespace k7::train {
namespace {

class Comparison {
 public:
  explicit Comparison(const std::string& file) : file_(file) {}

  void require(bool same, const std::string& option, const std::string& there,
               const std::string& here) const {
    if (same) return;
    throw InputError(file_ + ": was made with " + option + " " + shortened(there) + ", this run has " + here +
                     "; use the same, --resume never, or another --out");
  }

 private:
  const std::string& file_;
};

void require_same_model(const model::ModelSpec& there, model::ModelSpec here, const std::string& file) {
  const Comparison compare(file);
  here.base = there.base;  // --start decides, and only at the start
  compare.require(there.manifold == here.manifold, "--manifold", there.manifold, here.manifold);
  compare.require(there.ansatz == here.ansatz, "--ansatz", name_of(there.ansatz), name_of(here.ansatz));
  const auto text = [](const model::NetworkShape& network) {
    return network.text() + " " + name_of(network.activation);
  };
  compare.require(there.network == here.network, "the network", text(there.network), text(here.network));
  if (there != here)
    throw InputError(
        file +
        ": was made with other --radii, --interval, --impose-det or --condition-bound than this run; "
        "use the same, --resume never, or another --out");
}

}  // namespace

void require_same_run(const Checkpoint& c, const std::string& file, const TrainOptions& options,
                      const Optimizer& optimizer) {
  const Comparison compare(file);
  require_same_model(c.model, options.model, file);
  compare.require(c.seed == options.seed, "--seed", std::to_string(c.seed), std::to_string(options.seed));
  compare.require(c.batch_size == options.batch_size, "--batch-size", std::to_string(c.batch_size),
                  std::to_string(options.batch_size));
  if (c.chunk_points > 0 && options.chunk_points > 0)
    compare.require(c.chunk_points == options.chunk_points, "chunks of", std::to_string(c.chunk_points),
                    std::to_string(options.chunk_points));
  const auto points = [](bool images) { return std::string(images ? "--images" : "--no-images"); };
  compare.require(c.images == options.images, "the option", points(c.images), points(options.images));
  const std::string missing = optimizer.missing_in(to_tensors(c.optimizer_arrays));
  if (!missing.empty())
    throw InputError(file + ": has no /optimizer/" + missing + " for --optimizer " +
                     name_of(options.optimizer) +
                     "; use the one it was made with, --resume never, or another --out");
}

}  // namespace k7::train
