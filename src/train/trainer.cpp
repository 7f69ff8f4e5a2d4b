// SPDX-License-Identifier: Apache-2.0
#include "k7/train/train.hpp"

#include <omp.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <filesystem>
#include <limits>
#include <numeric>
#include <system_error>

#include "base/blas.hpp"
#include "base/memory.hpp"
#include "base/progress.hpp"
#include "base/quote.hpp"
#include "base/stop_signals.hpp"
#include "io/atomic_file.hpp"
#include "io/folder_lock.hpp"
#include "io/seal.hpp"
#include "k7/base/error.hpp"
#include "k7/geometry/manifold.hpp"
#include "k7/parallel/agree.hpp"
#include "model/device.hpp"
#include "model/form_report.hpp"
#include "parallel/tree_sum.hpp"
#include "train/checkpoint.hpp"
#include "train/loss/left_invariant.hpp"
#include "train/loss/objective.hpp"
#include "train/optimizer/adamw.hpp"
#include "train/optimizer/lbfgs.hpp"

namespace k7::train {
namespace fs = std::filesystem;
namespace {

std::vector<double> to_vector(const at::Tensor& t) {
  const at::Tensor host = t.cpu().contiguous();
  const auto* data = host.data_ptr<double>();
  return {data, data + host.numel()};
}

Array to_array(const at::Tensor& t) {
  return {{t.sizes().begin(), t.sizes().end()}, to_vector(t)};
}

at::Tensor to_tensor(const Array& array) {
  return at::from_blob(const_cast<double*>(array.values.data()),
                       std::vector<std::int64_t>(array.shape.begin(), array.shape.end()), at::kDouble)
      .clone();
}

void from_vector(const at::Tensor& t, const std::vector<double>& values) {
  t.copy_(at::from_blob(const_cast<double*>(values.data()), {t.numel()}, at::kDouble));
}

double median(std::vector<double> values) {
  if (values.empty()) return 0.0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

constexpr int lbfgs_window = 250;        ///< epochs with the same points
constexpr int validation_interval = 25;  ///< epochs between looks at the validation points
constexpr int most_rollbacks = 3;
/// Points that keep a GPU busy; 1 GB of the default network's activations.
constexpr GlobalIndex cuda_chunk = 4096;

constexpr const char* last_name = "last.h5";
constexpr const char* previous_name = "previous.h5";  ///< the checkpoint before
constexpr const char* failed_name = "failed.h5";      ///< whose loss is not finite

class Trainer {
 public:
  Trainer(const TrainOptions& options, const parallel::Communicator& comm, io::Json record)
      : options_(options),
        comm_(comm),
        record_(std::move(record)),
        device_(model::choose_device(comm, options.device)),
        reducer_(model::choose_reducer(comm, options.comm, device_)),
        objective_(make_objective(options)),
        n_terms_(static_cast<std::int64_t>(objective_->terms().size())),
        form_(options.model, device_, n_terms_),
        n_workers_(device_.is_cuda() ? 1 : at::get_num_threads()),
        tree_(static_cast<std::size_t>(network().gradient_buffer().numel())),
        best_parameters_(at::zeros_like(network().parameters())),
        optimizer_(make_optimizer(options, network().parameters())),
        lbfgs_(network().parameters().numel()),
        schedule_(options) {
    history_.columns = history_columns();
  }

  void start_or_resume();
  TrainResult run();

 private:
  void claim_folder();
  void resume_or_start();
  std::string path(const char* name) const { return (fs::path(options_.out) / name).string(); }
  model::Network& network() { return form_.network(); }
  const model::Network& network() const { return form_.network(); }
  std::vector<std::string> history_columns() const;
  void start();
  GlobalIndex chunk_size() const;
  void accumulate(int epoch);
  std::vector<double> loss_and_gradients(int epoch);
  std::string not_finite(int epoch);
  bool roll_back();
  template <class Use, class Collect>
  void for_chunks(GlobalIndex n, GlobalIndex chunk, const Use& use, const Collect& collect) const;
  double validation_loss() const;
  void keep_best(double loss, int epochs);
  bool lbfgs_step(std::vector<double>& sums);
  void record(const std::vector<double>& sums, double gradient_norm);
  void save();
  void save_or_warn();
  std::string file_to_resume() const;
  void load(const std::string& file);
  void require_same_run(const Checkpoint& c, const std::string& file);
  Checkpoint state() const;
  void restore(const Checkpoint& c);
  Checkpoint snapshot() const;
  void log_line(int first_epoch) const;
  std::vector<double> compare_with_constants();
  void set_base(const std::vector<double>& base);
  io::Json report_on_best();
  TrainResult result(TrainResult::Stop stop);

  TrainOptions options_;
  const parallel::Communicator& comm_;
  io::Json record_;
  at::Device device_;
  std::unique_ptr<parallel::GradientReducer> reducer_;
  std::unique_ptr<Objective> objective_;
  std::int64_t n_terms_;
  model::LearnedForm form_;
  int n_workers_;           ///< threads that have chunks of their own
  parallel::TreeSum tree_;  ///< of gradients and terms; for a GPU there is reducer_
  at::Tensor best_parameters_;
  std::unique_ptr<Optimizer> optimizer_;
  Lbfgs lbfgs_;
  Schedule schedule_;
  io::Json left_invariant_;
  History history_;
  int epoch_ = 0;
  double judged_loss_ = std::numeric_limits<double>::quiet_NaN();  ///< of the last call of keep_best()
  double best_loss_ = std::numeric_limits<double>::infinity();
  int best_epoch_ = -1;
  int epochs_without_best_ = 0;
  Checkpoint good_;  ///< where a loss that is not finite leads back to; without history
  io::FolderLock lock_;
  bool last_is_intact_ = true;
  double seconds_ = 0.0;              ///< of earlier parts of this run
  std::vector<double> step_seconds_;  ///< of every step, without validation and checkpoints
  k7::Stopwatch watch_;
};

/// Makes the run folder this run's own. A folder that is there already is locked before anything is read from
/// it; a new one is made only when nothing can be refused any more.
void Trainer::start_or_resume() {
  parallel::agree_on_root(comm_, [&] {
    if (fs::is_directory(options_.out)) claim_folder();
  });
  resume_or_start();
  parallel::agree_on_root(comm_, [&] {
    std::error_code error;
    fs::create_directories(options_.out, error);
    if (!fs::is_directory(options_.out))
      throw InputError("--out " + options_.out + ": is not a folder and cannot be made one (" +
                       error.message() + ")");
    if (!lock_.held()) claim_folder();
  });
}

/// Root only.
void Trainer::claim_folder() {
  for (const char* name : {last_name, previous_name, "best.h5", failed_name, "history.csv", "train.json"}) {
    const std::string obstacle = io::write_obstacle(path(name));
    if (!obstacle.empty()) throw InputError(path(name) + ": " + obstacle);
  }
  lock_.take(options_.out);
}

/// The newest intact checkpoint of the run folder, or the file that was asked for. Empty: start anew.
/// Root only.
std::string Trainer::file_to_resume() const {
  if (options_.resume == "never") return {};
  if (options_.resume != "auto") return options_.resume;
  std::vector<std::pair<std::string, std::string>> defects;
  for (const char* name : {last_name, previous_name}) {
    if (!fs::exists(path(name))) continue;
    const std::string defect = io::seal_defect(path(name));
    if (defect.empty()) {
      for (const auto& [file, what] : defects)
        spdlog::warn("{}: {}; going on from {}", file, what, path(name));
      return path(name);
    }
    defects.emplace_back(path(name), defect);
  }
  return defects.empty() ? "" : defects.front().first;  // loading it tells what is wrong
}

void Trainer::resume_or_start() {
  std::string file;
  parallel::agree_on_root(comm_, [&] { file = file_to_resume(); });
  comm_.broadcast(file);
  if (file.empty()) {
    start();
    return;
  }
  parallel::agree(comm_, [&] { load(file); });
  last_is_intact_ = file != path(previous_name);
  compare_with_constants();
  spdlog::info("resumed {} after epoch {}, best loss {:.6g}", file, epoch_, best_loss_);
}

void Trainer::start() {
  // A random coframe must stay away from singular matrices, where the torsion is infinite: small outputs.
  constexpr double notebook_gain = 0.5;
  constexpr double hidden_bias = 0.5;
  const double output_gain = options_.start == "random" ? 0.25 : 0.0;
  if (options_.objective == "notebook")
    network().initialise(options_.seed, notebook_gain, notebook_gain);
  else
    network().initialise(options_.seed, 1.0, output_gain, hidden_bias);
  const std::vector<double> constants = compare_with_constants();
  if (options_.start == "left-invariant") set_base(constants);
  best_parameters_.copy_(network().parameters());
  spdlog::info("{} on {}: network {}, {}, {} parameters, on {} with {}", name_of(options_.model.ansatz),
               options_.model.manifold, options_.model.network.text(),
               name_of(options_.model.network.activation), options_.model.network.n_parameters(),
               device_.is_cuda() ? "cuda" : "cpu", reducer_->name());
}

std::vector<std::string> Trainer::history_columns() const {
  std::vector<std::string> columns = objective_->terms();
  columns.insert(columns.end(), {"lr", "grad_norm", "validation"});
  return columns;
}

void Trainer::load(const std::string& file) {
  const Checkpoint c = read_checkpoint(file);
  require_same_run(c, file);
  set_base(c.model.base);
  restore(c);
  try {
    history_ = c.history.arranged(history_columns());
  } catch (const InputError& e) {
    throw InputError(file + ": " + e.what() + "; was it made with another --objective?");
  }
  if (!history_.rows.empty()) judged_loss_ = history_.rows.back().back();
  seconds_ = c.seconds;
}

void Trainer::require_same_run(const Checkpoint& c, const std::string& file) {
  const auto differs = [&](const std::string& option, const std::string& there, const std::string& here) {
    throw InputError(file + ": was made with " + option + " " + shortened(there) + ", this run has " + here +
                     "; use the same, --resume never, or another --out");
  };
  model::ModelSpec here = options_.model;
  here.base = c.model.base;  // --start decides, and only at the start
  if (c.model.manifold != here.manifold) differs("--manifold", c.model.manifold, here.manifold);
  if (c.model.ansatz != here.ansatz) differs("--ansatz", name_of(c.model.ansatz), name_of(here.ansatz));
  if (c.model.network != here.network)
    differs("the network", c.model.network.text() + " " + name_of(c.model.network.activation),
            here.network.text() + " " + name_of(here.network.activation));
  if (c.model != here)
    throw InputError(
        file +
        ": was made with other --radii, --interval, --impose-det or --condition-bound than this run; "
        "use the same, --resume never, or another --out");
  if (c.seed != options_.seed) differs("--seed", std::to_string(c.seed), std::to_string(options_.seed));
  if (c.batch_size != options_.batch_size)
    differs("--batch-size", std::to_string(c.batch_size), std::to_string(options_.batch_size));
  const auto points = [](bool images) { return std::string(images ? "--images" : "--no-images"); };
  if (c.images != options_.images) differs("the option", points(c.images), points(options_.images));
  for (const auto& [name, tensor] : optimizer_->memory()) {
    const auto found = c.optimizer_arrays.find(name);
    const std::vector<std::uint64_t> shape(tensor.sizes().begin(), tensor.sizes().end());
    if (found == c.optimizer_arrays.end() || found->second.shape != shape)
      throw InputError(file + ": has no /optimizer/" + name + " for --optimizer " + options_.optimizer +
                       "; use the one it was made with, --resume never, or another --out");
  }
}

void Trainer::restore(const Checkpoint& c) {
  from_vector(network().parameters(), c.parameters);
  from_vector(best_parameters_, c.best_parameters);
  from_vector(optimizer_->exp_avg, c.exp_avg);
  from_vector(optimizer_->exp_avg_sq, c.exp_avg_sq);
  optimizer_->steps = c.optimizer_steps;
  for (const auto& [name, tensor] : optimizer_->memory())
    tensor.copy_(to_tensor(c.optimizer_arrays.at(name)));
  schedule_.state = c.schedule;
  lbfgs_.clear();
  if (c.optimizer_arrays.count(lbfgs_steps) > 0)
    lbfgs_.set_memory(to_tensor(c.optimizer_arrays.at(lbfgs_steps)),
                      to_tensor(c.optimizer_arrays.at(lbfgs_changes)));
  epoch_ = c.epoch;
  if (history_.rows.size() > static_cast<std::size_t>(epoch_))
    history_.rows.resize(static_cast<std::size_t>(epoch_));
  best_loss_ = c.best_loss;
  best_epoch_ = c.best_epoch;
  epochs_without_best_ = c.epochs_without_best;
}

/// Calls use(worker, begin, count) for this rank's share of the chunks of n points (or blocks of them), as
/// many at once as there are workers, and after each collect(worker, chunk), in the order of the chunks.
/// Chunks are cut from all n and dealt out whole, so that what they give does not depend on the ranks. They
/// keep the activations of a layer in the caches and memory independent of the batch. A thread that has a
/// chunk of its own is busy all the time, where threads that share each operation wait for each other
/// hundreds of times; and as sums follow the order of chunks, the number of threads changes no bit. Where one
/// chunk is all there is, all threads share its operations.
template <class Use, class Collect>
void Trainer::for_chunks(GlobalIndex n, GlobalIndex chunk, const Use& use, const Collect& collect) const {
  const auto chunks = parallel::even_rows((n + chunk - 1) / chunk, comm_.rank(), comm_.size());
  const int n_threads = chunks.count() > 1 ? n_workers_ : 1;
  const k7::SerialBlas blas(n_threads > 1);
  std::exception_ptr error;
#pragma omp parallel for ordered schedule(dynamic, 1) num_threads(n_threads)
  for (GlobalIndex c = chunks.begin; c < chunks.end; ++c) {
    const auto worker = static_cast<std::size_t>(omp_get_thread_num());
    const GlobalIndex begin = c * chunk;
    std::exception_ptr failure;  // must not leave the parallel region
    try {
      use(worker, begin, std::min(chunk, n - begin));
    } catch (...) {
      failure = std::current_exception();
    }
#pragma omp ordered
    {
      if (failure && !error) error = failure;
      if (!error) collect(worker, c);
    }
  }
  if (error) std::rethrow_exception(error);
}

/// Points of a chunk. A small batch gives several ranks work too; on CPUs the batch alone decides.
GlobalIndex Trainer::chunk_size() const {
  constexpr GlobalIndex least = 16;
  constexpr GlobalIndex few_chunks = 4;
  const auto part = [&](GlobalIndex parts) { return (options_.batch_size + parts - 1) / parts; };
  if (device_.is_cuda()) return std::min<GlobalIndex>(cuda_chunk, part(comm_.size()));
  return std::min(objective_->chunk_points(), std::max(least, part(few_chunks)));
}

/// This rank's share of the gradients and, behind them, the loss's terms: chunk by chunk in tree_, on a GPU
/// added up in the network's buffer.
void Trainer::accumulate(int epoch) {
  const at::ScalarType network_type = options_.dtype == "float64" ? at::kDouble : at::kFloat;
  const at::ScalarType geometry_type = options_.dtype == "float32" ? at::kFloat : at::kDouble;
  const at::Tensor& buffer = network().gradient_buffer();
  buffer.zero_();
  // L-BFGS wants the same points for a while.
  const int draw = options_.optimizer == "lbfgs" ? epoch / lbfgs_window : epoch;
  const geometry::DrawKey key{options_.seed, geometry::Stream::training, static_cast<std::uint32_t>(draw)};
  struct Share {
    std::vector<at::Tensor> gradients;
    at::Tensor terms;
  };
  std::vector<Share> shares(static_cast<std::size_t>(n_workers_));
  const auto compute = [&](std::size_t worker, GlobalIndex begin, GlobalIndex count) {
    const model::Batch points =
        options_.images ? form_.sample_images(key, begin, count) : form_.sample(key, begin, count);
    const model::Batch batch = points.in(network_type, geometry_type);
    const Objective::Value value = (*objective_)(form_, batch, options_.batch_size);
    shares[worker] = {network().gradients_of(value.loss), value.terms};
  };
  at::Tensor terms = buffer.narrow(0, network().parameters().numel(), n_terms_);
  const auto collect = [&](std::size_t worker, GlobalIndex chunk) {
    if (!device_.is_cuda()) buffer.zero_();
    network().add_gradients(shares[worker].gradients);
    terms.add_(shares[worker].terms);
    if (!device_.is_cuda()) tree_.add(chunk, to_vector(buffer));
  };
  for_chunks(options_.batch_size, chunk_size(), compute, collect);
}

/// Means over the whole batch of the loss's terms, and how many ranks were asked to stop.
std::vector<double> Trainer::loss_and_gradients(int epoch) {
  accumulate(epoch);
  const at::Tensor& buffer = network().gradient_buffer();
  if (device_.is_cuda())
    model::sum_over_ranks(*reducer_, buffer);
  else
    from_vector(buffer, tree_.finish(comm_));
  auto sums = to_vector(buffer.narrow(0, network().parameters().numel(), n_terms_));
  sums.push_back(comm_.sum(k7::stop_requested_here() ? 1.0 : 0.0));
  return sums;
}

/// What is not finite in a step, and on which rank; its numbers are computed again, without a sum over ranks.
std::string Trainer::not_finite(int epoch) {
  accumulate(epoch);
  if (!device_.is_cuda()) from_vector(network().gradient_buffer(), tree_.finish_here());
  const auto& names = objective_->terms();
  const std::int64_t n_parameters = network().parameters().numel();
  const auto terms = to_vector(network().gradient_buffer().narrow(0, n_parameters, n_terms_));
  // The loss, which comes first, is the sum of those that follow.
  std::size_t found = 1;
  while (found < names.size() && std::isfinite(terms[found])) ++found;
  if (found == names.size() && !std::isfinite(terms[Objective::loss])) found = Objective::loss;
  if (found == names.size() && std::isfinite(network().gradients().norm().item<double>())) ++found;
  const auto all = comm_.all_gather(found);
  for (std::size_t rank = 0; rank < all.size(); ++rank)
    if (all[rank] <= names.size())
      return fmt::format("{} of rank {}", all[rank] < names.size() ? names[all[rank]] : "the gradient", rank);
  return "the sum over the ranks";
}

/// Back to the last good state with half the learning rate; false where that cannot help.
bool Trainer::roll_back() {
  const std::string what = not_finite(epoch_);
  const int rollbacks = schedule_.state.rollbacks + 1;
  // Without a step since then, or with a line search instead of a rate, all would be the same again.
  const bool helps = rollbacks <= most_rollbacks && good_.epoch < epoch_ && options_.optimizer != "lbfgs";
  spdlog::warn("step {}: {} is not finite; {}", epoch_, what,
               helps ? fmt::format("back to step {} with half the learning rate, rollback {} of {}",
                                   good_.epoch, rollbacks, most_rollbacks)
                     : std::string("giving up"));
  if (!helps) return false;
  restore(good_);
  schedule_.state.rollbacks = rollbacks;
  return true;
}

/// The upper end of a 95 % interval of the loss, from points that training never sees, the same at every
/// call; in float64 whatever training computes in. They come in blocks of whole sets of images, whose means
/// have little noise and say how much: a form that is lower on these few blocks by chance is not taken for
/// better.
double Trainer::validation_loss() const {
  constexpr GlobalIndex least_block = 128;
  constexpr double two_sided_95 = 1.96;  // of the normal distribution; 16 blocks give 93 %
  const GlobalIndex images = form_.manifold().n_images();
  const GlobalIndex block = images * std::max<GlobalIndex>(1, least_block / images);
  const GlobalIndex least = std::max<GlobalIndex>(options_.batch_size, options_.validation_points);
  const GlobalIndex n_blocks = (least + block - 1) / block;
  const geometry::DrawKey key{options_.seed, geometry::Stream::validation, 1};
  std::vector<double> losses(static_cast<std::size_t>(n_blocks), 0.0);
  const auto compute = [&](std::size_t, GlobalIndex first, GlobalIndex) {
    const at::NoGradGuard no_gradient;
    const model::Batch batch = form_.sample_images(key, first * block, block);
    losses[static_cast<std::size_t>(first)] =
        (*objective_)(form_, batch, block).terms[Objective::loss].item<double>();
  };
  for_chunks(n_blocks, 1, compute, [](std::size_t, GlobalIndex) {});
  comm_.sum(losses.data(), losses.size());
  const auto n = static_cast<double>(n_blocks);
  const double mean = std::accumulate(losses.begin(), losses.end(), 0.0) / n;
  double squares = 0.0;
  for (const double x : losses) squares += (x - mean) * (x - mean);
  return mean + (n_blocks > 1 ? two_sided_95 * std::sqrt(squares / (n * (n - 1.0))) : 0.0);
}

/// The weights that are kept are those that the loss was computed with.
/// @param epochs since the last call
void Trainer::keep_best(double loss, int epochs) {
  judged_loss_ = loss;
  if (loss < best_loss_ - options_.min_delta) {
    best_loss_ = loss;
    best_epoch_ = epoch_;
    epochs_without_best_ = 0;
    best_parameters_.copy_(network().parameters());
  } else {
    epochs_without_best_ += epochs;
  }
}

/// Leaves the loss and gradients of the new parameters. Returns false when no lower loss can be found.
bool Trainer::lbfgs_step(std::vector<double>& sums) {
  double loss = sums[Objective::loss];
  const auto evaluate = [&] {
    sums = loss_and_gradients(epoch_);
    return sums[Objective::loss];
  };
  if (lbfgs_.step(network().parameters(), network().gradients(), loss, evaluate)) return true;
  if (lbfgs_.empty()) return false;
  lbfgs_.clear();  // once more, along the gradient
  loss = evaluate();
  return lbfgs_.step(network().parameters(), network().gradients(), loss, evaluate);
}

void Trainer::record(const std::vector<double>& sums, double gradient_norm) {
  schedule_.observe(sums[Objective::loss]);
  std::vector<double> row(sums.begin(), sums.end() - 1);
  row.push_back(schedule_.rate(epoch_ + 1));
  row.push_back(gradient_norm);
  row.push_back(judged_loss_);
  history_.rows.push_back(std::move(row));
  ++epoch_;
}

/// Everything that a step changes, but the history and what L-BFGS remembers: it never goes back.
Checkpoint Trainer::state() const {
  Checkpoint c;
  c.epoch = epoch_;
  c.best_loss = best_loss_;
  c.best_epoch = best_epoch_;
  c.epochs_without_best = epochs_without_best_;
  c.parameters = to_vector(network().parameters());
  c.optimizer_steps = optimizer_->steps;
  c.exp_avg = to_vector(optimizer_->exp_avg);
  c.exp_avg_sq = to_vector(optimizer_->exp_avg_sq);
  for (const auto& [name, tensor] : optimizer_->memory()) c.optimizer_arrays[name] = to_array(tensor);
  c.best_parameters = to_vector(best_parameters_);
  c.schedule = schedule_.state;
  return c;
}

Checkpoint Trainer::snapshot() const {
  Checkpoint c = state();
  c.model = options_.model;
  c.seed = options_.seed;
  c.batch_size = options_.batch_size;
  c.images = options_.images;
  c.seconds = seconds_ + watch_.seconds();
  c.history = history_;
  c.options = record_;
  if (!lbfgs_.empty()) {
    const auto [steps, changes] = lbfgs_.memory();
    c.optimizer_arrays[lbfgs_steps] = to_array(steps);
    c.optimizer_arrays[lbfgs_changes] = to_array(changes);
  }
  return c;
}

void Trainer::save() {
  parallel::agree_on_root(comm_, [&] {
    Checkpoint c = snapshot();
    write_checkpoint(path(last_name), c, last_is_intact_ ? path(previous_name) : "");
    last_is_intact_ = true;
    c.parameters = c.best_parameters;
    for (const char* name : {lbfgs_steps, lbfgs_changes})
      c.optimizer_arrays.erase(name);  // of other parameters
    write_checkpoint(path("best.h5"), c);
    io::write_text(path("history.csv"), history_.csv());
  });
}

/// A disk that is full now may have room later, and the work so far is still in memory.
void Trainer::save_or_warn() {
  try {
    save();
  } catch (const CollectiveError& e) {
    if (e.fault() != Fault::bad_input) throw;
    spdlog::warn("no checkpoint after epoch {}: {}; training goes on", epoch_, e.what());
  }
}

void Trainer::log_line(int first_epoch) const {
  const auto& row = history_.rows.back();
  const double per_epoch = watch_.seconds() / std::max(1, epoch_ - first_epoch);
  spdlog::info(
      "epoch {:5d}/{} | loss {:.3e} = torsion {:.2e}, det {:.1e}, norm {:.2e}, smooth {:.1e} | det g {:.4f} "
      "| "
      "lr {:.2e} | {} points/s | {} left",
      epoch_, options_.epochs, row[Objective::loss], row[Objective::torsion], row[Objective::det],
      row[Objective::norm], row[Objective::smooth], row[Objective::det_mean],
      row[static_cast<std::size_t>(n_terms_)],
      k7::human_count(static_cast<double>(options_.batch_size) / per_epoch),
      k7::human_time(per_epoch * (options_.epochs - epoch_)));
}

/// The best constant coefficients, where constants are homogeneous: what the network has to reach or beat.
/// Returns their coframe (7, 7).
std::vector<double> Trainer::compare_with_constants() {
  const auto* loss = dynamic_cast<const TorsionLoss*>(objective_.get());
  if (loss == nullptr || options_.model.manifold != "s1xs3xs3") return {};
  constexpr int starts = 16;
  std::vector<double> coframe(static_cast<std::size_t>(geometry::dim * geometry::dim));
  parallel::agree_on_root(comm_, [&] {
    // A stop need not wait for what is only to be compared with; run again, it is searched again.
    const bool is_needed = options_.start == "left-invariant" || epoch_ >= options_.epochs;
    const auto give_up = [&] { return !is_needed && k7::stop_requested_here(); };
    const LeftInvariant best = best_left_invariant(options_.model, *loss, options_.seed, starts, give_up);
    if (best.coframe.empty()) return;
    left_invariant_ = best.json;
    coframe = best.coframe;
    spdlog::info("best left-invariant form: loss {:.8g}, found by {} of {} starts", best.loss,
                 best.json.value("starts_that_reached_it", 0), starts);
  });
  comm_.broadcast(coframe.data(), coframe.size());
  return coframe;
}

void Trainer::set_base(const std::vector<double>& base) {
  options_.model.base = base;
  form_.set_base(base);
}

/// Leaves the best parameters in the network.
io::Json Trainer::report_on_best() {
  network().parameters().copy_(best_parameters_);
  const io::Json report = model::report_on(form_, options_.report_points, options_.seed, comm_);
  const auto number = [&](const char* group, const char* key) {
    return report.contains(group) ? report[group][key].get<double>() : std::nan("");
  };
  spdlog::info(
      "best form, {} fresh points: |d phi|^2 + |d *phi|^2 {:.6g} +- {:.1g}, largest {:.3g}; cond(g) up to "
      "{:.4g}; tr(g)/7 "
      "{:.4g}; G2-structure at {:.4g} % of the points",
      options_.report_points, number("torsion", "mean"), number("torsion", "std_error"),
      number("torsion", "max"), number("cond_g", "max"), number("trace_g_over_7", "mean"),
      100.0 * report["positive_fraction"].get<double>());
  if (report.contains("exact"))
    spdlog::info(
        "against the known solution: volume {:.1e}, length {:.1e}, metric {:.1e} (rms), {:.1e} (largest)",
        number("exact", "volume_error"), number("exact", "length_error"), number("exact", "metric_error_rms"),
        number("exact", "metric_error_max"));
  return report;
}

TrainResult Trainer::result(TrainResult::Stop stop) {
  constexpr std::array<const char*, 4> names{"finished", "early", "signal", "not_finite"};
  const auto last = [&](Objective::Term c) {
    return history_.rows.empty() ? io::Json(nullptr) : io::Json(history_.rows.back()[c]);
  };
  TrainResult r{stop, {}, {}, {}, device_.is_cuda() ? "cuda" : "cpu", reducer_->name()};
  r.model = {{"architecture", options_.model.network.text()},
             {"n_parameters", options_.model.network.n_parameters()},
             {"activation", name_of(options_.model.network.activation)}};
  r.training = {{"epochs", epoch_},
                {"final_loss", last(Objective::loss)},
                {"best_loss", best_loss_},
                {"best_epoch", best_epoch_},
                {"final_torsion", last(Objective::torsion)},
                {"rollbacks", schedule_.state.rollbacks},
                {"stopped", names[static_cast<std::size_t>(stop)]}};
  if (options_.objective == "torsion") {
    const std::size_t first = Objective::n_common;
    r.training["torsion_closed"] =
        history_.rows.empty() ? io::Json(nullptr) : io::Json(history_.rows.back()[first]);
    r.training["torsion_coclosed"] =
        history_.rows.empty() ? io::Json(nullptr) : io::Json(history_.rows.back()[first + 1]);
    if (!left_invariant_.is_null()) r.training["left_invariant"] = left_invariant_;
    if (stop != TrainResult::Stop::signal) r.training["best_form"] = report_on_best();
  }
  const double seconds = seconds_ + watch_.seconds();
  const double per_epoch = epoch_ > 0 ? seconds / epoch_ : 0.0;
  r.timing = {{"train_s", seconds},
              {"seconds_per_epoch", per_epoch},
              {"step_s", median(step_seconds_)},
              {"points_per_s", per_epoch > 0.0 ? static_cast<double>(options_.batch_size) / per_epoch : 0.0}};
  return r;
}

/// A stop that was asked for before shows after the first step, as one that comes later does after its step.
TrainResult Trainer::run() {
  watch_ = k7::Stopwatch();
  const int first_epoch = epoch_;
  auto stop = TrainResult::Stop::finished;
  k7::ProgressBar bar("training", options_.epochs - first_epoch, comm_.is_root());
  const bool lbfgs = options_.optimizer == "lbfgs";
  const bool notebook = options_.objective == "notebook";
  std::vector<double> sums;  // of the parameters as they are; empty: not known
  good_ = state();
  while (epoch_ < options_.epochs) {
    if (epochs_without_best_ >= options_.patience) {
      stop = TrainResult::Stop::early;
      break;
    }
    if (lbfgs && epoch_ % lbfgs_window == 0) {
      lbfgs_.clear();
      sums.clear();
    }
    k7::Stopwatch step;
    if (sums.empty()) sums = loss_and_gradients(epoch_);
    const double norm = lbfgs ? network().gradients().norm().item<double>()
                              : clip_gradient_norm(network().gradients(), options_.clip_norm);
    if (!std::isfinite(sums[Objective::loss]) || !std::isfinite(norm)) {
      bar.clear();
      if (roll_back()) {
        sums.clear();
        continue;
      }
      parallel::agree_on_root(comm_, [&] { write_checkpoint(path(failed_name), snapshot()); });
      restore(good_);
      stop = TrainResult::Stop::not_finite;
      break;
    }
    const double gradient_seconds = step.seconds();
    if (epoch_ % validation_interval == 0) good_ = state();
    // The notebook judges by the batch's loss, which is an estimate that varies with the points; and a loss
    // on points that are used again and again can be brought below what is true.
    if (notebook)
      keep_best(sums[Objective::loss], 1);
    else if (epoch_ % validation_interval == 0)
      keep_best(validation_loss(), validation_interval);
    const std::vector<double> before = sums;
    bool moved = true;
    step = k7::Stopwatch();
    if (lbfgs) {
      moved = lbfgs_step(sums);
    } else {
      optimizer_->step(network().parameters(), network().gradients(), schedule_.rate(epoch_));
      sums.clear();
    }
    step_seconds_.push_back(gradient_seconds + step.seconds());
    record(before, norm);
    if (!moved) {
      stop = TrainResult::Stop::early;
      break;
    }
    bar.update(epoch_ - first_epoch, fmt::format("loss {:.3e}", history_.rows.back()[Objective::loss]));
    if (epoch_ % options_.log_every == 0 || epoch_ == options_.epochs || epoch_ == first_epoch + 1) {
      bar.clear();
      log_line(first_epoch);
    }
    if ((lbfgs ? sums : before).back() > 0.0) {
      stop = TrainResult::Stop::signal;
      break;
    }
    if (epoch_ % options_.checkpoint_every == 0 && epoch_ < options_.epochs) save_or_warn();
  }
  if (!notebook && (stop == TrainResult::Stop::finished || stop == TrainResult::Stop::early))
    keep_best(validation_loss(), 0);
  save();
  return result(stop);
}

}  // namespace

TrainResult train(const TrainOptions& options, const parallel::Communicator& comm, int threads,
                  const io::Json& record) {
  at::set_num_threads(threads);
  k7::keep_freed_memory();
  TrainOptions completed = options;
  parallel::agree(comm, [&] { complete(completed); });
  Trainer trainer(completed, comm, record);
  trainer.start_or_resume();
  return trainer.run();
}

}  // namespace k7::train
