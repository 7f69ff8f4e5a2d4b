// SPDX-License-Identifier: Apache-2.0
#include "k7/spectral/knn_graph.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <utility>

#include "k7/geometry/metric.hpp"
#include "k7/spectral/partition.hpp"

// One binary runs on machines with and without wide vectors.
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define K7_TARGET_CLONES __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define K7_TARGET_CLONES
#endif

namespace k7::spectral {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// Rounding. A bound is compared with r^2 (1 + relative_margin), which covers the relative errors of both
// sides and that of mu: about 1e-15 times the condition number of the metric against the reference. Each
// embedded point is off by at most delta = 1e-14 R, R the largest |e|, from eps R in each coordinate; the
// squared distance s of two points, or boxes, then satisfies s <= (sqrt(s_true) + 2 delta)^2 <= s_true (1 +
// margin) + 4 delta^2 (1 + 1/margin). So 4 delta^2 / margin = 4e-21 R^2 is subtracted from s before it is
// used. Both cost nothing measurable.
constexpr double relative_margin = 1e-7;
constexpr double absolute_margin = 4e-21;  // in units of R^2

/// bounds[p] = 1/2 (mu_query + mu[p]) (|e_query - e_p|^2 - slack) for the `count` points of a leaf.
/// @param leaf (size, count)
K7_TARGET_CLONES
void lower_bounds(const double* query, double mu_query, const double* leaf, const double* mu, int size,
                  int count, double slack, double* bounds) {
  for (int p = 0; p < count; ++p) bounds[p] = -slack;
  for (int d = 0; d < size; ++d) {
    const double q = query[d];
    const double* x = leaf + d * count;
    for (int p = 0; p < count; ++p) bounds[p] += (x[p] - q) * (x[p] - q);
  }
  for (int p = 0; p < count; ++p) bounds[p] *= 0.5 * (mu_query + mu[p]);
}

/// The k best candidates of one query so far, a heap whose top is the worst of them.
class Best {
 public:
  Best(Neighbor* heap, int& found, int k) : heap_(heap), found_(found), k_(k) {}

  /// Bounds above this cannot lead to a better neighbour.
  double limit() const { return found_ < k_ ? infinity : heap_[0].distance_sq * (1.0 + relative_margin); }

  void offer(const Neighbor& candidate) {
    if (found_ == k_) {
      if (!(candidate < heap_[0])) return;
      std::pop_heap(heap_, heap_ + found_--);
    }
    heap_[found_++] = candidate;
    std::push_heap(heap_, heap_ + found_);
  }

 private:
  Neighbor* heap_;
  int& found_;
  int k_;
};

/// Lower bound of d^2 between the points of two boxes.
double box_bound(const Box& a, const Box& b, int size, double slack) {
  return 0.5 * (a.mu + b.mu) * (distance_sq(a, b, size) - slack);
}

/// A query leaf as other ranks see it.
struct BoxQuery {
  Box box;
  double limit;
};

/// The state of all local queries, improved by one pass over each set of target points.
class Search {
 public:
  Search(const IndexedCloud& queries, const geometry::Manifold& manifold, int k, double slack)
      : queries_(queries),
        manifold_(manifold),
        k_(k),
        slack_(slack),
        neighbors_(queries.cloud.size() * static_cast<std::size_t>(k)),
        found_(queries.cloud.size(), 0) {}

  /// Looks for neighbours among `targets`, which may be the queries themselves.
  void pass(const IndexedCloud& targets, int threads) {
    if (targets.tree.empty()) return;
    const auto& leaves = queries_.tree.leaves();
    const auto n_leaves = static_cast<std::int64_t>(leaves.size());
#pragma omp parallel num_threads(threads)
    {
      Scratch scratch;
#pragma omp for schedule(dynamic, 4)
      for (std::int64_t l = 0; l < n_leaves; ++l)
        visit(leaves[static_cast<std::size_t>(l)], targets, scratch);
    }
  }

  /// One box per query leaf.
  std::vector<BoxQuery> boxes() {
    std::vector<BoxQuery> result;
    for (const std::int32_t index : queries_.tree.leaves()) {
      const auto& leaf = queries_.tree.nodes()[static_cast<std::size_t>(index)];
      result.push_back({leaf.box, leaf_limit(leaf)});
    }
    return result;
  }

  std::vector<Neighbor> take_sorted(int threads) {
    const auto n = static_cast<std::int64_t>(found_.size());
#pragma omp parallel for num_threads(threads)
    for (std::int64_t i = 0; i < n; ++i)
      std::sort_heap(neighbors_.data() + i * k_, neighbors_.data() + (i + 1) * k_);
    return std::move(neighbors_);
  }

 private:
  using QueueItem = std::pair<double, std::int32_t>;  // bound, node

  struct Scratch {
    std::vector<QueueItem> queue;
    std::array<double, max_embedding_size * LeafTree::leaf_size> queries{};
    std::array<double, LeafTree::leaf_size> bounds{};
  };

  Best best(std::uint32_t query) {
    return {neighbors_.data() + std::size_t{query} * static_cast<std::size_t>(k_), found_[query], k_};
  }

  double leaf_limit(const LeafTree::Node& leaf) {
    double limit = 0.0;
    for (std::uint32_t q = leaf.begin; q < leaf.end; ++q) limit = std::max(limit, best(q).limit());
    return limit;
  }

  /// Best-first over the target tree: nearer nodes first, until no node can hold a neighbour of the leaf's
  /// queries.
  void visit(std::int32_t query_leaf, const IndexedCloud& targets, Scratch& scratch) {
    const LeafTree& tree = targets.tree;
    const int size = tree.embedding_size();
    const LeafTree::Node& leaf = queries_.tree.nodes()[static_cast<std::size_t>(query_leaf)];
    load_queries(leaf, scratch);
    const bool is_self = &targets == &queries_;
    if (is_self) scan(leaf, leaf, targets, scratch);
    double limit = leaf_limit(leaf);
    auto& queue = scratch.queue;
    queue.assign(1, {box_bound(leaf.box, tree.nodes()[0].box, size, slack_), 0});
    while (!queue.empty() && queue.front().first <= limit) {
      const auto& node = tree.nodes()[static_cast<std::size_t>(queue.front().second)];
      std::pop_heap(queue.begin(), queue.end(), std::greater<>());
      queue.pop_back();
      if (!node.is_leaf()) {
        for (const std::int32_t child : {node.left, node.right}) {
          const double bound =
              box_bound(leaf.box, tree.nodes()[static_cast<std::size_t>(child)].box, size, slack_);
          if (bound > limit) continue;
          queue.emplace_back(bound, child);
          std::push_heap(queue.begin(), queue.end(), std::greater<>());
        }
      } else if (!is_self || node.begin != leaf.begin) {
        scan(leaf, node, targets, scratch);
        limit = leaf_limit(leaf);
      }
    }
  }

  /// Query points one after another: (count, size).
  void load_queries(const LeafTree::Node& leaf, Scratch& scratch) const {
    const int size = queries_.tree.embedding_size();
    const double* coordinates = queries_.tree.leaf_coordinates(leaf);
    for (std::uint32_t q = 0; q < leaf.count(); ++q)
      for (int d = 0; d < size; ++d)
        scratch.queries[q * static_cast<std::size_t>(size) + static_cast<std::size_t>(d)] =
            coordinates[static_cast<std::size_t>(d) * leaf.count() + q];
  }

  void scan(const LeafTree::Node& leaf, const LeafTree::Node& target, const IndexedCloud& targets,
            Scratch& scratch) {
    const int size = targets.tree.embedding_size();
    const double* coordinates = targets.tree.leaf_coordinates(target);
    for (std::uint32_t q = leaf.begin; q < leaf.end; ++q) {
      const double* e = scratch.queries.data() + std::size_t{q - leaf.begin} * static_cast<std::size_t>(size);
      const double mu = queries_.tree.mu()[q];
      Best nearest = best(q);
      if (0.5 * (mu + target.box.mu) * (distance_sq(e, target.box, size) - slack_) > nearest.limit())
        continue;
      lower_bounds(e, mu, coordinates, targets.tree.mu().data() + target.begin, size,
                   static_cast<int>(target.count()), slack_, scratch.bounds.data());
      double limit = nearest.limit();
      for (std::uint32_t p = 0; p < target.count(); ++p) {
        if (scratch.bounds[p] > limit) continue;
        const std::uint32_t t = target.begin + p;
        if (targets.rows[t] == queries_.rows[q]) continue;
        nearest.offer({exact_distance_sq(q, targets.cloud, t), targets.cloud.ids[t], targets.rows[t]});
        limit = nearest.limit();
      }
    }
  }

  double exact_distance_sq(std::uint32_t q, const PointCloud& targets, std::uint32_t t) const {
    std::array<double, geometry::dim> v{};
    manifold_.displacement(queries_.cloud.point(q), targets.point(t), v.data());
    return 0.5 * (geometry::quadratic_form(queries_.cloud.metric(q), v.data()) +
                  geometry::quadratic_form(targets.metric(t), v.data()));
  }

  const IndexedCloud& queries_;
  const geometry::Manifold& manifold_;
  int k_;
  double slack_;
  std::vector<Neighbor> neighbors_;
  std::vector<int> found_;
};

/// Sends query boxes to the ranks that may own neighbours; returns the queries that arrived here, in rank
/// order.
std::vector<BoxQuery> exchange_queries(const std::vector<BoxQuery>& boxes, const LeafTree& tree, double slack,
                                       const parallel::Communicator& comm,
                                       std::vector<std::size_t>& received) {
  struct RankBox {
    Box box;
    std::int64_t n_nodes;
  };
  const RankBox own{tree.empty() ? empty_box() : tree.nodes()[0].box,
                    static_cast<std::int64_t>(tree.nodes().size())};
  const auto ranks = comm.all_gather(own);
  std::vector<BoxQuery> send;
  std::vector<std::size_t> counts(ranks.size(), 0);
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    if (static_cast<int>(r) == comm.rank() || ranks[r].n_nodes == 0) continue;
    for (const BoxQuery& query : boxes) {
      if (box_bound(query.box, ranks[r].box, tree.embedding_size(), slack) > query.limit) continue;
      send.push_back(query);
      ++counts[r];
    }
  }
  return comm.exchange(send, counts, received);
}

/// Collects the points of this rank that may be neighbours of another rank's queries.
class HaloSelection {
 public:
  HaloSelection(const LeafTree& tree, double slack)
      : tree_(tree), slack_(slack), marked_(tree.mu().size(), 0), unmarked_(tree.nodes().size()) {
    for (std::size_t i = 0; i < unmarked_.size(); ++i) unmarked_[i] = tree.nodes()[i].count();
  }

  void add(const BoxQuery& query) {
    if (tree_.empty()) return;
    stack_.assign(1, 0);
    while (!stack_.empty()) {
      const auto index = static_cast<std::size_t>(stack_.back());
      stack_.pop_back();
      const auto& node = tree_.nodes()[index];
      if (unmarked_[index] == 0) continue;
      if (box_bound(query.box, node.box, tree_.embedding_size(), slack_) > query.limit) continue;
      if (node.is_leaf()) {
        mark_points(query, node, unmarked_[index]);
      } else {
        stack_.push_back(node.left);
        stack_.push_back(node.right);
      }
    }
  }

  /// Appends the positions of the collected points.
  std::size_t append_to(std::vector<std::uint32_t>& positions) const {
    const std::size_t before = positions.size();
    for (std::uint32_t p = 0; p < marked_.size(); ++p)
      if (marked_[p]) positions.push_back(p);
    return positions.size() - before;
  }

 private:
  void mark_points(const BoxQuery& query, const LeafTree::Node& leaf, std::uint32_t& unmarked) {
    const auto size = static_cast<std::size_t>(tree_.embedding_size());
    const double* coordinates = tree_.leaf_coordinates(leaf);
    std::array<double, max_embedding_size> e{};
    for (std::uint32_t p = 0; p < leaf.count(); ++p) {
      if (marked_[leaf.begin + p]) continue;
      for (std::size_t d = 0; d < size; ++d) e[d] = coordinates[d * leaf.count() + p];
      const double square = distance_sq(e.data(), query.box, tree_.embedding_size()) - slack_;
      if (0.5 * (query.box.mu + tree_.mu()[leaf.begin + p]) * square > query.limit) continue;
      marked_[leaf.begin + p] = 1;
      --unmarked;
    }
  }

  const LeafTree& tree_;
  double slack_;
  std::vector<char> marked_;
  std::vector<std::uint32_t> unmarked_;  // per leaf
  std::vector<std::int32_t> stack_;
};

/// Positions of the points that each rank needs, one rank after another.
std::vector<std::uint32_t> select_halo(const std::vector<BoxQuery>& queries,
                                       const std::vector<std::size_t>& received, const LeafTree& tree,
                                       double slack, std::vector<std::size_t>& counts) {
  std::vector<std::uint32_t> positions;
  std::size_t next = 0;
  counts.assign(received.size(), 0);
  for (std::size_t r = 0; r < received.size(); ++r) {
    if (received[r] == 0) continue;
    HaloSelection selection(tree, slack);
    for (std::size_t q = 0; q < received[r]; ++q) selection.add(queries[next++]);
    counts[r] = selection.append_to(positions);
  }
  return positions;
}

/// Sends rows of `width` numbers.
template <class T>
std::vector<T> send_rows(const T* data, std::size_t width, const std::vector<std::uint32_t>& positions,
                         std::vector<std::size_t> counts, const parallel::Communicator& comm) {
  std::vector<T> send;
  send.reserve(positions.size() * width);
  for (const std::size_t p : positions) send.insert(send.end(), data + p * width, data + (p + 1) * width);
  for (std::size_t& c : counts) c *= width;
  std::vector<std::size_t> received;
  return comm.exchange(send, counts, received);
}

/// Reorders rows of `width` numbers: row i of the result is row order[i].
template <class T>
void permute_rows(std::vector<T>& data, const std::vector<std::uint32_t>& order, std::size_t width) {
  std::vector<T> result(data.size());
  for (std::size_t i = 0; i < order.size(); ++i)
    std::copy_n(data.data() + order[i] * width, width, result.data() + i * width);
  data = std::move(result);
}

/// Builds the tree and brings points, metrics, ids and, if there are any, rows into its order.
void build_tree(IndexedCloud& indexed, const geometry::Embedding& embedding, const std::vector<double>& mu) {
  PointCloud& cloud = indexed.cloud;
  indexed.tree = LeafTree(embed(cloud, embedding), mu, embedding.size());
  const auto& order = indexed.tree.order();
  permute_rows(cloud.ids, order, 1);
  permute_rows(cloud.points, order, static_cast<std::size_t>(cloud.point_size));
  permute_rows(cloud.metrics, order, geometry::n_sym);
  if (!indexed.rows.empty()) permute_rows(indexed.rows, order, 1);
}

/// The points of other ranks that the queries still need.
IndexedCloud fetch_halo(const std::vector<BoxQuery>& boxes, const IndexedCloud& own,
                        const geometry::Embedding& embedding, double slack,
                        const parallel::Communicator& comm) {
  std::vector<std::size_t> received;
  const auto queries = exchange_queries(boxes, own.tree, slack, comm, received);
  std::vector<std::size_t> counts;
  const auto positions = select_halo(queries, received, own.tree, slack, counts);
  IndexedCloud halo;
  halo.cloud.n_global = own.cloud.n_global;
  halo.cloud.point_size = own.cloud.point_size;
  halo.cloud.ids = send_rows(own.cloud.ids.data(), 1, positions, counts, comm);
  halo.rows = send_rows(own.rows.data(), 1, positions, counts, comm);
  halo.cloud.points = send_rows(own.cloud.points.data(), static_cast<std::size_t>(own.cloud.point_size),
                                positions, counts, comm);
  halo.cloud.metrics = send_rows(own.cloud.metrics.data(), geometry::n_sym, positions, counts, comm);
  const auto mu = send_rows(own.tree.mu().data(), 1, positions, counts, comm);
  build_tree(halo, embedding, mu);
  return halo;
}

/// mu of every point; equal metrics in a row are solved once.
std::vector<double> stretches(const PointCloud& cloud, const geometry::Embedding& embedding, int threads) {
  const auto n = static_cast<std::int64_t>(cloud.size());
  std::vector<double> mu(cloud.size());
#pragma omp parallel num_threads(threads)
  {
    const double* last = nullptr;
    double last_mu = 0.0;
#pragma omp for schedule(static)
    for (std::int64_t i = 0; i < n; ++i) {
      const double* g = cloud.metric(static_cast<std::size_t>(i));
      // NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): the same bits give the same stretch
      if (last == nullptr || std::memcmp(g, last, geometry::n_sym * sizeof(double)) != 0)
        last_mu = std::max(0.0, embedding.stretch(g));
      last = g;
      mu[static_cast<std::size_t>(i)] = last_mu;
    }
  }
  return mu;
}

/// Square of R, the largest |e|.
double radius_sq(const LeafTree& tree, const parallel::Communicator& comm) {
  double result = 0.0;
  if (!tree.empty()) {
    const Box& box = tree.nodes()[0].box;
    for (std::size_t d = 0; d < static_cast<std::size_t>(tree.embedding_size()); ++d)
      result += std::max(box.lo[d] * box.lo[d], box.hi[d] * box.hi[d]);
  }
  return comm.max(result);
}

}  // namespace

IndexedCloud index_points(PointCloud cloud, const geometry::Embedding& embedding,
                          const parallel::Communicator& comm, int threads) {
  IndexedCloud indexed;
  const auto mu = stretches(cloud, embedding, threads);
  indexed.cloud = std::move(cloud);
  build_tree(indexed, embedding, mu);
  const auto n = static_cast<GlobalIndex>(indexed.cloud.size());
  const GlobalIndex begin = comm.exclusive_scan(n);
  indexed.rows.resize(indexed.cloud.size());
  for (GlobalIndex i = 0; i < n; ++i) indexed.rows[static_cast<std::size_t>(i)] = begin + i;
  return indexed;
}

KnnGraph build_knn_graph(const IndexedCloud& own, const geometry::Manifold& manifold,
                         const geometry::Embedding& embedding, int k, const parallel::Communicator& comm,
                         int threads) {
  const double slack = absolute_margin * radius_sq(own.tree, comm);
  Search search(own, manifold, k, slack);
  search.pass(own, threads);
  KnnGraph graph;
  if (comm.size() > 1) {
    const IndexedCloud halo = fetch_halo(search.boxes(), own, embedding, slack, comm);
    search.pass(halo, threads);
    graph.n_halo = static_cast<GlobalIndex>(halo.cloud.size());
  }
  graph.k = k;
  graph.n_global = own.cloud.n_global;
  graph.row_begin = comm.exclusive_scan(static_cast<GlobalIndex>(own.cloud.size()));
  graph.ids = own.cloud.ids;
  graph.neighbors = search.take_sorted(threads);
  return graph;
}

}  // namespace k7::spectral
