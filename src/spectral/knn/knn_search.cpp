// SPDX-License-Identifier: Apache-2.0
#include "spectral/knn/knn_search.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "k7/geometry/metric.hpp"
#include "spectral/knn/bound_kernels.hpp"
#include "spectral/knn/leaf_transform.hpp"

namespace k7::spectral {
namespace {

constexpr std::size_t leaf_size = LeafTree::leaf_size;
constexpr double infinity = std::numeric_limits<double>::infinity();
// Limits a little above the mean of the leaf before leave few queries short and cost little more.
constexpr double guess_factor = 1.15;
constexpr double guess_cap = 1.02;     // of the largest
constexpr double retry_factor = 1.35;  // for those that it left short, before they go without a limit

struct Candidate {
  double distance_sq;
  std::uint32_t place;
  float volume_factor;
};

struct Targets {
  const IndexedCloud* indexed;
  std::uint32_t first_place;
  bool is_own;
};

/// The queries of one leaf while they are searched. One per thread.
class LeafSearch {
 public:
  LeafSearch(const IndexedCloud& own, const SearchSpace& space, KnnGraph& graph, const IndexedCloud* halo)
      : own_(own), space_(space), graph_(graph), halo_(halo), k_(static_cast<std::size_t>(graph.k)) {
    pending_.positions.resize(leaf_size * Pending::capacity);
    pending_.counts.assign(leaf_size, 0);
  }

  void search_own(std::size_t leaf) {
    open(leaf);
    const Targets targets{&own_, 0, true};
    if (guess_ >= 0.0) {
      for (std::size_t q = 0; q < count_; ++q) set_limit(q, guess_);
      collect(targets, false);
    }
    if (guess_ >= 0.0 && restart_short_queries(retry_factor * guess_)) collect(targets, false);
    if (restart_short_queries(infinity)) collect(targets, true);
    close();
    update_guess();
  }

  void search_halo(std::size_t leaf, int n_found) {
    open(leaf);
    for (std::size_t q = 0; q < count_; ++q) load(q, static_cast<std::size_t>(n_found));
    collect({halo_, static_cast<std::uint32_t>(own_.cloud.size()), false}, true);
    close();
  }

 private:
  void open(std::size_t leaf) {
    leaf_ = leaf;
    first_ = leaf * leaf_size;
    count_ = static_cast<std::size_t>(own_.tree.count(leaf));
    limits_.fill(-1.0F);
    for (std::size_t q = 0; q < count_; ++q) candidates_[q].clear();
  }

  void set_limit(std::size_t q, double limit) {
    exact_limits_[q] = limit;
    limits_[q] = float_limit(limit);
  }

  /// Queries with fewer than k points start again with a new limit; the others stop. Returns whether there
  /// are any.
  bool restart_short_queries(double limit) {
    bool any = false;
    for (std::size_t q = 0; q < count_; ++q) {
      if (candidates_[q].size() >= k_) {
        limits_[q] = -1.0F;
        continue;
      }
      candidates_[q].clear();
      set_limit(q, limit);
      any = true;
    }
    return any;
  }

  float largest_limit() const { return *std::max_element(limits_.begin(), limits_.begin() + count_); }

  /// All points within the limits. The leaf itself comes first: it lowers limits that were too large, or
  /// none; with is_sorted the others follow nearest first.
  void collect(const Targets& targets, bool is_sorted) {
    const LeafTree& tree = targets.indexed->tree;
    const LeafFrame& frame = own_.tree.frame(leaf_);
    const QueryLeaf queries{&frame, own_.tree.columns(leaf_), own_.tree.stretches(leaf_), limits_.data(),
                            static_cast<int>(count_)};
    if (targets.is_own) {
      scan_leaf(queries, tree, leaf_, space_.slack, pending_);
      flush(targets, 0);
    }
    near_.clear();
    near_leaves(tree, frame, largest_limit(), space_.slack, near_);
    if (is_sorted)
      std::sort(near_.begin(), near_.end(),
                [](const LeafBound& a, const LeafBound& b) { return a.bound < b.bound; });
    for (const LeafBound& near : near_) {
      if (targets.is_own && near.leaf == leaf_) continue;
      const bool is_full = scan_leaf(queries, tree, near.leaf, space_.slack, pending_);
      // Limits are still falling while leaves come nearest first.
      if (is_sorted || is_full) flush(targets, is_sorted ? 0 : Pending::flush_size);
    }
    flush(targets, 0);
  }

  /// Turns pending points of the queries with more than `keep` of them into candidates.
  void flush(const Targets& targets, int keep) {
    for (std::size_t q = 0; q < count_; ++q)
      if (pending_.counts[q] > keep) flush_query(targets, q);
  }

  void flush_query(const Targets& targets, std::size_t q) {
    const PointCloud& cloud = targets.indexed->cloud;
    const auto self = static_cast<std::uint32_t>(first_ + q);
    const ExactQuery query{own_.cloud.point(self), own_.cloud.metric(self)};
    std::uint32_t* positions = pending_.positions.data() + q * Pending::capacity;
    int n = pending_.counts[q];
    pending_.counts[q] = 0;
    if (targets.is_own) n = static_cast<int>(std::remove(positions, positions + n, self) - positions);
    if (!space_.one_metric && limits_[q] < no_limit) {
      make_half_form(query.metric);
      n = keep_near(space_, query, half_form_.data(), cloud, targets.indexed->tree, limits_[q], positions, n);
    }
    exact_distances(space_, query, cloud, positions, n, distances_.data(), volume_factors_.data());
    auto& candidates = candidates_[q];
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i)
      if (distances_[i] <= exact_limits_[q])
        candidates.push_back({distances_[i], targets.first_place + positions[i], volume_factors_[i]});
    const bool first_limit = candidates.size() >= k_ && exact_limits_[q] == infinity;
    if (first_limit || candidates.size() >= 2 * k_ + 64) shorten(q);
  }

  /// 1/2 g, lowered, as keep_near() wants it.
  void make_half_form(const double* g) {
    double trace = 0.0;
    for (int a = 0, n = 0; a < geometry::dim; n += geometry::dim - a, ++a) trace += g[n];
    for (int a = 0, n = 0; a < geometry::dim; ++a)
      for (int b = a; b < geometry::dim; ++b, ++n)
        half_form_[static_cast<std::size_t>(n)] =
            static_cast<float>(a == b ? 0.5 * (g[n] - half_form_lowering * trace) : g[n]);
  }

  /// Keeps the k nearest; from now on none farther is looked for.
  void shorten(std::size_t q) {
    auto& candidates = candidates_[q];
    if (candidates.size() > k_) {
      std::nth_element(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(k_ - 1),
                       candidates.end(),
                       [this](const Candidate& a, const Candidate& b) { return is_nearer(a, b); });
      candidates.resize(k_);
    }
    if (candidates.size() == k_) set_limit(q, candidates[k_ - 1].distance_sq);
  }

  GlobalIndex id_of(std::uint32_t place) const {
    const std::size_t n_own = own_.cloud.size();
    return place < n_own ? own_.cloud.ids[place] : halo_->cloud.ids[place - n_own];
  }

  bool is_nearer(const Candidate& a, const Candidate& b) const {
    if (a.distance_sq != b.distance_sq) return a.distance_sq < b.distance_sq;
    return id_of(a.place) < id_of(b.place);
  }

  void load(std::size_t q, std::size_t n_found) {
    const std::size_t first = (first_ + q) * k_;
    for (std::size_t m = first; m < first + n_found; ++m)
      candidates_[q].push_back({graph_.distance_sq[m], graph_.places[m],
                                graph_.volume_factors.empty() ? 1.0F : graph_.volume_factors[m]});
    set_limit(q, n_found < k_ ? infinity : candidates_[q].back().distance_sq);
  }

  /// Writes the lists, nearest first, into the graph.
  void close() {
    for (std::size_t q = 0; q < count_; ++q) {
      shorten(q);
      auto& candidates = candidates_[q];
      std::sort(candidates.begin(), candidates.end(),
                [this](const Candidate& a, const Candidate& b) { return is_nearer(a, b); });
      const std::size_t first = (first_ + q) * k_;
      for (std::size_t m = 0; m < candidates.size(); ++m) {
        graph_.distance_sq[first + m] = candidates[m].distance_sq;
        graph_.places[first + m] = candidates[m].place;
        if (space_.has_volume_factors) graph_.volume_factors[first + m] = candidates[m].volume_factor;
      }
    }
  }

  void update_guess() {
    double sum = 0.0;
    double largest = 0.0;
    for (std::size_t q = 0; q < count_; ++q) {
      if (candidates_[q].size() < k_) return;
      sum += candidates_[q].back().distance_sq;
      largest = std::max(largest, candidates_[q].back().distance_sq);
    }
    guess_ = std::min(guess_factor * sum / static_cast<double>(count_), guess_cap * largest);
  }

  const IndexedCloud& own_;
  const SearchSpace& space_;
  KnnGraph& graph_;
  const IndexedCloud* halo_;
  std::size_t k_;
  double guess_ = -1.0;

  std::size_t leaf_ = 0;
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  std::array<std::vector<Candidate>, leaf_size> candidates_;
  std::array<double, leaf_size> exact_limits_{};
  alignas(64) std::array<float, leaf_size> limits_{};
  Pending pending_;
  std::vector<LeafBound> near_;
  std::array<float, geometry::n_sym> half_form_{};
  std::array<double, Pending::capacity> distances_{};
  std::array<float, Pending::capacity> volume_factors_{};
};

}  // namespace

float float_limit(double distance_sq) {
  if (!(distance_sq < static_cast<double>(no_limit))) return no_limit;
  return static_cast<float>(distance_sq * (1.0 + 3.0 * relative_margin));
}

SearchSpace make_search_space(const PointCloud& cloud, const geometry::Manifold& manifold,
                              const geometry::Embedding& embedding, double radius_sq) {
  SearchSpace space;
  space.factors = embedding.factors();
  space.has_volume_factors = !manifold.has_uniform_displacements();
  space.one_metric = cloud.one_metric;
  space.slack = absolute_margin * radius_sq;
  const geometry::Matrix7& reference = embedding.reference();
  std::array<int, geometry::dim> stretch{};
  for (const auto& f : space.factors)
    for (int a = f.frame; a < f.frame + f.n_directions(); ++a)
      stretch[static_cast<std::size_t>(a)] = f.stretch;
  std::array<double, max_stretches> trace{};
  for (int a = 0; a < geometry::dim; ++a)
    trace[static_cast<std::size_t>(stretch[static_cast<std::size_t>(a)])] += reference(a, a);
  for (int a = 0; a < geometry::dim; ++a) {
    const int s = stretch[static_cast<std::size_t>(a)];
    for (int b = a; b < geometry::dim; ++b) {
      const double lowered =
          a == b ? 0.5 * (reference(a, a) - half_form_lowering * trace[static_cast<std::size_t>(s)])
                 : reference(a, b);
      if (lowered != 0.0) space.reference.push_back({a, b, s, static_cast<float>(lowered)});
    }
  }
  return space;
}

KnnSearch::KnnSearch(const IndexedCloud& own, const SearchSpace& space, KnnGraph& graph, int threads)
    : own_(own), space_(space), graph_(graph), threads_(threads) {
  const std::size_t n_entries = own.cloud.size() * static_cast<std::size_t>(graph.k);
  graph.places.resize(n_entries);
  graph.distance_sq.resize(n_entries);
  if (space.has_volume_factors) graph.volume_factors.resize(n_entries);
}

void KnnSearch::search_own() {
  const auto n_leaves = static_cast<std::int64_t>(own_.tree.n_leaves());
#pragma omp parallel num_threads(threads_)
  {
    LeafSearch search(own_, space_, graph_, nullptr);
#pragma omp for schedule(dynamic, 4)
    for (std::int64_t leaf = 0; leaf < n_leaves; ++leaf) search.search_own(static_cast<std::size_t>(leaf));
  }
  if (own_.cloud.size() > 0)
    n_found_ = static_cast<int>(std::min(own_.cloud.size() - 1, static_cast<std::size_t>(graph_.k)));
}

void KnnSearch::search_halo(const IndexedCloud& halo) {
  if (halo.tree.empty()) return;
  const auto n_leaves = static_cast<std::int64_t>(own_.tree.n_leaves());
#pragma omp parallel num_threads(threads_)
  {
    LeafSearch search(own_, space_, graph_, &halo);
#pragma omp for schedule(dynamic, 4)
    for (std::int64_t leaf = 0; leaf < n_leaves; ++leaf)
      search.search_halo(static_cast<std::size_t>(leaf), n_found_);
  }
}

float KnnSearch::limit(std::size_t leaf) const {
  const auto k = static_cast<std::size_t>(graph_.k);
  if (n_found_ < graph_.k) return no_limit;
  double largest = 0.0;
  const std::size_t first = leaf * leaf_size;
  for (std::size_t q = first; q < first + static_cast<std::size_t>(own_.tree.count(leaf)); ++q)
    largest = std::max(largest, graph_.distance_sq[q * k + k - 1]);
  return float_limit(largest);
}

}  // namespace k7::spectral
