// SPDX-License-Identifier: Apache-2.0
#include "apps/train_command.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/choice.hpp"
#include "k7/base/error.hpp"
#include "k7/geometry/manifold.hpp"

namespace k7::apps {
namespace {

/// Exactly as many numbers as there are places for them.
template <std::size_t n>
void set_numbers(std::array<double, n>& to, const std::vector<double>& from, const char* option,
                 const char* names) {
  if (from.size() != n)
    throw CollectiveError(Fault::bad_input, fmt::format("{}: has {} numbers; {} are needed, {}", option,
                                                        from.size(), n, names));
  std::copy(from.begin(), from.end(), to.begin());
}

}  // namespace

void TrainCommand::declare(CLI::App& app) {
  cli::add_choice(app, "--preset", options_.preset,
                  "A full set of values for everything below; later options override");
  declare_model(app);
  declare_steps(app);
  declare_loss(app);
  declare_run(app);
}

void TrainCommand::declare_model(CLI::App& app) {
  auto& o = options_;
  app.add_option("--manifold", o.model.manifold, "Where points are drawn and in which coordinates")
      ->transform(cli::one_of(geometry::manifold_names(geometry::ManifoldUse::training)));
  cli::add_choice(app, "--objective", o.objective,
                  "torsion: |d phi|^2 + |d *phi|^2, exact derivatives; notebook: distance of phi to the "
                  "standard form");
  cli::add_choice(
      app, "--start", o.start,
      "background: the network starts at zero (phi = phi_0, or between the boundary values); random; "
      "left-invariant: at the best constant coframe");
  cli::add_choice(app, "--metric-map", o.model.metric_map,
                  "hitchin: the metric that phi defines; contraction: g ~ phi_ikl phi_jkl, rescaled to det "
                  "g = 65/32");
  cli::add_choice(app, "--ansatz", o.model.ansatz,
                  "coframe: phi = A^* phi_0, always a G2-structure; components: 35 free components of phi");
  radii_.assign(o.model.radii.begin(), o.model.radii.end());
  interval_.assign(o.model.interval.begin(), o.model.interval.end());
  app.add_option("--radii", radii_, "s1xs3xs3: scales of dtheta, sigma, Sigma in the learned coframe")
      ->delimiter(',')
      ->transform(cli::positive());
  app.add_option("--interval", interval_, "interval-s3xs3: the ends of r, in units of the bolt radius a = 1")
      ->delimiter(',')
      ->transform(cli::positive());
  app.add_flag("--impose-det,!--no-impose-det", o.model.impose_det,
               "coframe: det g = 65/32 exactly, everywhere");
  app.add_option("--condition-bound", o.model.condition_bound,
                 "coframe: largest cond(g) in the coframe, built in (implies --impose-det); 0 = none")
      ->transform(cli::non_negative());
  app.add_option("--hidden", o.model.network.hidden, "Widths of the hidden layers, e.g. 512,512,512,256")
      ->delimiter(',')
      ->transform(cli::whole(o.model.network.hidden, 1));
  cli::add_choice(app, "--activation", o.model.network.activation, "After every hidden layer");
}

void TrainCommand::declare_steps(CLI::App& app) {
  auto& o = options_;
  app.add_option("--epochs", o.epochs, "Steps, one fresh batch each")->transform(cli::whole(o.epochs, 1));
  app.add_option("--batch-size", o.batch_size, "Points per step over all ranks")
      ->transform(cli::whole(o.batch_size, 1));
  app.add_flag("--images,!--no-images", o.images,
               "Random points come with their images under the symmetries of the manifold (s1xs3xs3: 256, "
               "interval-s3xs3: 64): the same mean, far less noise");
  app.add_option("--lr", o.lr, "Learning rate at the start")->transform(cli::positive());
  app.add_option("--lr-min", o.lr_min, "Learning rate at the end (cosine, exponential)")
      ->transform(cli::non_negative());
  app.add_option("--weight-decay", o.weight_decay, "Decoupled weight decay")->transform(cli::non_negative());
  app.add_option("--warmup-epochs", o.warmup_epochs, "Epochs of linear warm-up")
      ->transform(cli::whole(o.warmup_epochs, 0));
  cli::add_choice(app, "--scheduler", o.scheduler, "Learning rate over the epochs");
  cli::add_choice(app, "--optimizer", o.optimizer,
                  "adamw, soap (Adam in Shampoo's eigenbasis): a fresh batch in every step; lbfgs: the same "
                  "points for 250 steps");
  app.add_option("--clip-norm", o.clip_norm, "Largest norm of the gradient")->transform(cli::positive());
  app.add_option("--patience", o.patience, "Epochs without a new best loss before stopping")
      ->transform(cli::whole(o.patience, 1));
  app.add_option("--min-delta", o.min_delta, "Smallest fall of the loss that counts as a new best")
      ->transform(cli::non_negative());
}

void TrainCommand::declare_loss(CLI::App& app) {
  for (const train::LossTermInfo& term : train::weighted_terms())
    app.add_option(std::string("--lambda-") + term.name, options_.weights[term.name], term.help)
        ->transform(cli::non_negative());
}

void TrainCommand::declare_run(CLI::App& app) {
  auto& o = options_;
  app.add_option("--seed", o.seed, "The same seed gives the same points and weights at any rank count")
      ->transform(cli::whole(o.seed, 0));
  cli::add_choice(app, "--dtype", o.dtype,
                  "float64; mixed: the network in float32, geometry and loss in float64; float32: both in "
                  "float32. Weights, optimiser and reports are float64 in each");
  cli::add_choice(app, "--device", o.device, "Where tensors live");
  cli::add_choice(app, "--comm", o.comm, "How gradients are summed");
  app.add_option("--threads", threads_, "Threads per rank, 0 = the rank's share of the node's cores")
      ->transform(cli::whole(threads_, 0));
  app.add_option("--out", o.out, "Run folder, made if it does not exist");
  app.add_option("--resume", o.resume, "auto (from DIR/last.h5 if there), never, or a checkpoint file");
  app.add_option("--checkpoint-every", o.checkpoint_every, "Epochs between checkpoints")
      ->transform(cli::whole(o.checkpoint_every, 1));
  app.add_option("--log-every", o.log_every, "Epochs between progress lines")
      ->transform(cli::whole(o.log_every, 1));
}

train::TrainOptions TrainCommand::options() const {
  train::TrainOptions options = options_;
  set_numbers(options.model.radii, radii_, "--radii", "R0,R1,R2");
  set_numbers(options.model.interval, interval_, "--interval", "r0,r1");
  return options;
}

}  // namespace k7::apps
