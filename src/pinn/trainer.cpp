// SPDX-License-Identifier: Apache-2.0
#include "k7/pinn/trainer.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <system_error>

#include "k7/error.hpp"
#include "k7/geometry/manifold.hpp"
#include "k7/io/atomic_file.hpp"
#include "k7/parallel/agree.hpp"
#include "k7/parallel/progress.hpp"
#include "k7/parallel/signals.hpp"
#include "pinn/adamw.hpp"
#include "pinn/checkpoint.hpp"
#include "pinn/device.hpp"
#include "pinn/notebook_loss.hpp"

namespace k7::pinn {
namespace fs = std::filesystem;
namespace {

/// What travels behind the gradients in their buffer: the loss terms and whether a rank was asked to stop.
constexpr std::int64_t gradient_tail = NotebookLoss::n_terms + 1;

std::vector<double> to_vector(const at::Tensor& t) {
  const at::Tensor host = t.cpu().contiguous();
  const auto* data = host.data_ptr<double>();
  return {data, data + host.numel()};
}

void from_vector(const at::Tensor& t, const std::vector<double>& values) {
  t.copy_(at::from_blob(const_cast<double*>(values.data()), {t.numel()}, at::kDouble));
}

class Trainer {
 public:
  Trainer(const TrainOptions& options, const parallel::Communicator& comm, io::Json record)
      : options_(options),
        comm_(comm),
        record_(std::move(record)),
        device_(choose_device(comm, options.device)),
        reducer_(choose_reducer(comm, options.comm, device_)),
        manifold_(geometry::make_manifold(options.manifold)),
        network_(options.network, device_, gradient_tail),
        best_parameters_(at::zeros_like(network_.parameters())),
        optimizer_(network_.parameters(), options.weight_decay),
        schedule_(options) {
    loss_.weights = options.weights;
  }

  void prepare_folder();
  void start_or_resume();
  TrainResult run();

 private:
  std::string path(const char* name) const { return (fs::path(options_.out) / name).string(); }
  at::Tensor sample_batch(int epoch) const;
  std::array<double, gradient_tail> loss_and_gradients(int epoch);
  void keep_best(double total);
  void step(const std::array<double, gradient_tail>& sums);
  void save();
  void load(const std::string& file);
  Checkpoint snapshot() const;
  void log_line(int first_epoch) const;
  TrainResult result(TrainResult::Stop stop) const;

  TrainOptions options_;
  const parallel::Communicator& comm_;
  io::Json record_;
  at::Device device_;
  std::unique_ptr<parallel::GradientReducer> reducer_;
  std::unique_ptr<geometry::Manifold> manifold_;
  Network network_;
  at::Tensor best_parameters_;
  AdamW optimizer_;
  Schedule schedule_;
  NotebookLoss loss_;
  History history_;
  int epoch_ = 0;
  double best_loss_ = std::numeric_limits<double>::infinity();
  int best_epoch_ = -1;
  int epochs_without_best_ = 0;
  double seconds_ = 0.0;  ///< of earlier parts of this run
  parallel::Stopwatch watch_;
};

void Trainer::prepare_folder() {
  parallel::agree_on_root(comm_, [&] {
    std::error_code error;
    fs::create_directories(options_.out, error);
    if (!fs::is_directory(options_.out))
      throw InputError("--out " + options_.out + ": is not a folder and cannot be made one (" +
                       error.message() + ")");
    for (const char* name : {"last.h5", "best.h5", "history.csv", "train.json"}) {
      const std::string obstacle = io::write_obstacle(path(name));
      if (!obstacle.empty()) throw InputError(path(name) + ": " + obstacle);
    }
  });
}

void Trainer::start_or_resume() {
  std::string file = options_.resume == "auto" ? path("last.h5") : options_.resume;
  GlobalIndex resume = 0;
  parallel::agree_on_root(comm_, [&] {
    resume = options_.resume == "never" ? 0 : options_.resume == "auto" ? (fs::exists(file) ? 1 : 0) : 1;
  });
  comm_.broadcast(&resume, 1);
  if (resume == 0) {
    constexpr double notebook_gain = 0.5;
    network_.initialise(options_.seed, notebook_gain);
    best_parameters_.copy_(network_.parameters());
    spdlog::info("network {}, {}, {} parameters, on {} with {}", options_.network.text(),
                 options_.network.activation, options_.network.n_parameters(),
                 device_.is_cuda() ? "cuda" : "cpu", reducer_->name());
    return;
  }
  parallel::agree(comm_, [&] { load(file); });
  spdlog::info("resumed {} after epoch {}, best loss {:.6g}", file, epoch_, best_loss_);
}

void Trainer::load(const std::string& file) {
  const Checkpoint c = read_checkpoint(file);
  const auto differs = [&](const std::string& option, const std::string& there, const std::string& here) {
    throw InputError(file + ": was made with " + option + " " + there + ", this run has " + here +
                     "; use the same, --resume never, or another --out");
  };
  if (c.network != options_.network)
    differs("the network", c.network.text() + " " + c.network.activation,
            options_.network.text() + " " + options_.network.activation);
  if (c.seed != options_.seed) differs("--seed", std::to_string(c.seed), std::to_string(options_.seed));
  if (c.batch_size != options_.batch_size)
    differs("--batch-size", std::to_string(c.batch_size), std::to_string(options_.batch_size));
  from_vector(network_.parameters(), c.parameters);
  from_vector(best_parameters_, c.best_parameters);
  from_vector(optimizer_.exp_avg, c.exp_avg);
  from_vector(optimizer_.exp_avg_sq, c.exp_avg_sq);
  optimizer_.steps = c.optimizer_steps;
  schedule_.state = c.schedule;
  history_ = c.history;
  epoch_ = c.epoch;
  best_loss_ = c.best_loss;
  best_epoch_ = c.best_epoch;
  epochs_without_best_ = c.epochs_without_best;
  seconds_ = c.seconds;
}

at::Tensor Trainer::sample_batch(int epoch) const {
  const auto rows = parallel::even_rows(options_.batch_size, comm_.rank(), comm_.size());
  at::Tensor x = at::empty({rows.count(), geometry::dim}, at::kDouble);
  auto* out = x.data_ptr<double>();
  const geometry::DrawKey key{options_.seed, geometry::Stream::training, static_cast<std::uint32_t>(epoch)};
  at::parallel_for(0, rows.count(), 256, [&](std::int64_t begin, std::int64_t end) {
    std::array<double, geometry::point_size_neck> point{};
    for (std::int64_t i = begin; i < end; ++i)
      manifold_->sample(key, static_cast<std::uint64_t>(rows.begin + i), point.data(),
                        out + i * geometry::dim);
  });
  return x.to(device_);
}

std::array<double, gradient_tail> Trainer::loss_and_gradients(int epoch) {
  const at::Tensor& buffer = network_.gradient_buffer();
  buffer.zero_();
  const at::Tensor x = sample_batch(epoch);
  if (x.size(0) > 0) {
    const NotebookLoss::Value value = loss_(network_, x, options_.batch_size);
    value.loss.backward();
    buffer.narrow(0, network_.parameters().numel(), NotebookLoss::n_terms).copy_(value.terms);
  }
  buffer[-1] = parallel::stop_requested_here() ? 1.0 : 0.0;
  sum_over_ranks(*reducer_, buffer);
  const at::Tensor tail = buffer.narrow(0, network_.parameters().numel(), gradient_tail).cpu();
  std::array<double, gradient_tail> sums{};
  std::copy_n(tail.data_ptr<double>(), gradient_tail, sums.begin());
  return sums;
}

/// The weights that are kept are those that the loss was computed with: call before the step.
void Trainer::keep_best(double total) {
  if (total < best_loss_ - options_.min_delta) {
    best_loss_ = total;
    best_epoch_ = epoch_;
    epochs_without_best_ = 0;
    best_parameters_.copy_(network_.parameters());
  } else {
    ++epochs_without_best_;
  }
}

void Trainer::step(const std::array<double, gradient_tail>& sums) {
  const double norm = clip_gradient_norm(network_.gradients(), options_.clip_norm);
  optimizer_.step(network_.parameters(), network_.gradients(), schedule_.rate(epoch_));
  schedule_.observe(sums[NotebookLoss::total]);
  history_.rows.push_back({sums[NotebookLoss::total], sums[NotebookLoss::torsion], sums[NotebookLoss::det],
                           sums[NotebookLoss::norm], sums[NotebookLoss::smooth], sums[NotebookLoss::det_mean],
                           schedule_.rate(epoch_ + 1), norm});
  ++epoch_;
}

Checkpoint Trainer::snapshot() const {
  Checkpoint c;
  c.network = options_.network;
  c.manifold = options_.manifold;
  c.metric_map = options_.metric_map;
  c.seed = options_.seed;
  c.batch_size = options_.batch_size;
  c.epoch = epoch_;
  c.seconds = seconds_ + watch_.seconds();
  c.best_loss = best_loss_;
  c.best_epoch = best_epoch_;
  c.epochs_without_best = epochs_without_best_;
  c.parameters = to_vector(network_.parameters());
  c.optimizer_steps = optimizer_.steps;
  c.exp_avg = to_vector(optimizer_.exp_avg);
  c.exp_avg_sq = to_vector(optimizer_.exp_avg_sq);
  c.best_parameters = to_vector(best_parameters_);
  c.schedule = schedule_.state;
  c.history = history_;
  c.options = record_;
  return c;
}

void Trainer::save() {
  parallel::agree_on_root(comm_, [&] {
    Checkpoint c = snapshot();
    write_checkpoint(path("last.h5"), c);
    c.parameters = c.best_parameters;
    write_checkpoint(path("best.h5"), c);
    io::write_text(path("history.csv"), history_.csv());
  });
}

void Trainer::log_line(int first_epoch) const {
  const auto& row = history_.rows.back();
  const double per_epoch = watch_.seconds() / std::max(1, epoch_ - first_epoch);
  spdlog::info(
      "epoch {:5d}/{} | loss {:.3e} = torsion {:.2e}, det {:.1e}, norm {:.2e}, smooth {:.1e} | det g {:.4f} "
      "| "
      "lr {:.2e} | {} points/s | {} left",
      epoch_, options_.epochs, row[History::loss], row[History::torsion], row[History::det],
      row[History::norm], row[History::smooth], row[History::det_mean], row[History::lr],
      parallel::human_count(static_cast<double>(options_.batch_size) / per_epoch),
      parallel::human_time(per_epoch * (options_.epochs - epoch_)));
}

TrainResult Trainer::result(TrainResult::Stop stop) const {
  constexpr std::array<const char*, 4> names{"finished", "early", "signal", "not_finite"};
  const auto last = [&](History::Column c) {
    return history_.rows.empty() ? io::Json(nullptr) : io::Json(history_.rows.back()[c]);
  };
  TrainResult r{stop, {}, {}, {}, device_.is_cuda() ? "cuda" : "cpu", reducer_->name()};
  r.model = {{"architecture", options_.network.text()},
             {"n_parameters", options_.network.n_parameters()},
             {"activation", options_.network.activation}};
  r.training = {{"epochs", epoch_},
                {"final_loss", last(History::loss)},
                {"best_loss", best_loss_},
                {"best_epoch", best_epoch_},
                {"final_torsion", last(History::torsion)},
                {"stopped", names[static_cast<std::size_t>(stop)]}};
  const double seconds = seconds_ + watch_.seconds();
  const double per_epoch = epoch_ > 0 ? seconds / epoch_ : 0.0;
  r.timing = {{"train_s", seconds},
              {"seconds_per_epoch", per_epoch},
              {"points_per_s", per_epoch > 0.0 ? static_cast<double>(options_.batch_size) / per_epoch : 0.0}};
  return r;
}

TrainResult Trainer::run() {
  parallel::catch_stop_signals();
  watch_ = parallel::Stopwatch();
  const int first_epoch = epoch_;
  auto stop = TrainResult::Stop::finished;
  parallel::ProgressBar bar(comm_, "training", options_.epochs - first_epoch);
  while (epoch_ < options_.epochs) {
    if (epochs_without_best_ >= options_.patience) {
      stop = TrainResult::Stop::early;
      break;
    }
    const auto sums = loss_and_gradients(epoch_);
    if (!std::isfinite(sums[NotebookLoss::total])) {
      stop = TrainResult::Stop::not_finite;
      break;
    }
    keep_best(sums[NotebookLoss::total]);
    step(sums);
    bar.update(epoch_ - first_epoch, fmt::format("loss {:.3e}", history_.rows.back()[History::loss]));
    if (epoch_ % options_.log_every == 0 || epoch_ == options_.epochs || epoch_ == first_epoch + 1) {
      bar.clear();
      log_line(first_epoch);
    }
    if (sums.back() > 0.0) {
      stop = TrainResult::Stop::signal;
      break;
    }
    if (epoch_ % options_.checkpoint_every == 0 && epoch_ < options_.epochs) save();
  }
  save();
  return result(stop);
}

}  // namespace

TrainResult train(const TrainOptions& options, const parallel::Communicator& comm, int threads,
                  const io::Json& record) {
  at::set_num_threads(threads);
  Trainer trainer(options, comm, record);
  trainer.start_or_resume();  // first: a refused checkpoint leaves no folder behind
  trainer.prepare_folder();
  return trainer.run();
}

}  // namespace k7::pinn
