// SPDX-License-Identifier: Apache-2.0
#include "spectral/knn/knn_graph.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "parallel/route.hpp"
#include "spectral/knn/bound_kernels.hpp"
#include "spectral/knn/knn_search.hpp"
#include "spectral/knn/leaf_transform.hpp"

namespace k7::spectral {
namespace {

constexpr std::size_t leaf_size = LeafTree::leaf_size;

/// The embedding as the tree takes it. One metric for all points is worked into the columns: there is then
/// one class, of stretch 1.
struct ScaledEmbedding {
  const geometry::Embedding& embedding;
  EmbeddingLayout layout;
  std::array<double, max_embedding_size> scale{};

  ScaledEmbedding(const geometry::Embedding& e, const PointCloud& cloud) : embedding(e) {
    layout.factors = e.factors();
    layout.size = e.size();
    layout.n_stretches = e.n_stretches();
    scale.fill(1.0);
    if (!cloud.one_metric) return;
    std::array<double, max_stretches> m{};
    e.stretches(cloud.metrics.data(), m.data());
    layout.n_stretches = 1;
    for (auto& factor : layout.factors) {
      const double root = std::sqrt(m[static_cast<std::size_t>(factor.stretch)]);
      for (int c = 0; c < factor.n_columns(); ++c) scale[static_cast<std::size_t>(factor.column + c)] = root;
      factor.radius *= root;
      factor.stretch = 0;
    }
  }

  /// (n, layout.size)
  std::vector<double> map(const PointCloud& cloud, int threads) const {
    const auto size = static_cast<std::size_t>(layout.size);
    std::vector<double> embedded(cloud.size() * size);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(cloud.size()); ++i) {
      double* e = embedded.data() + static_cast<std::size_t>(i) * size;
      embedding.map(cloud.point(static_cast<std::size_t>(i)), e);
      for (std::size_t d = 0; d < size; ++d) e[d] *= scale[d];
    }
    return embedded;
  }
};

/// (n, n_stretches) stretches of each point's metric, rounded down; empty for one metric.
std::vector<float> point_stretches(const PointCloud& cloud, const geometry::Embedding& embedding,
                                   int threads) {
  if (cloud.one_metric) return {};
  const auto n_stretches = static_cast<std::size_t>(embedding.n_stretches());
  std::vector<float> result(cloud.size() * n_stretches);
#pragma omp parallel for num_threads(threads) schedule(static)
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(cloud.size()); ++i) {
    std::array<double, max_stretches> m{};
    embedding.stretches(cloud.metric(static_cast<std::size_t>(i)), m.data());
    for (std::size_t s = 0; s < n_stretches; ++s)
      result[static_cast<std::size_t>(i) * n_stretches + s] = std::nextafter(static_cast<float>(m[s]), 0.0F);
  }
  return result;
}

/// Reorders rows of `width` numbers: row i of the result is row order[i].
template <class T>
void permute_rows(std::vector<T>& data, const std::vector<std::uint32_t>& order, std::size_t width,
                  int threads) {
  std::vector<T> result(data.size());
#pragma omp parallel for num_threads(threads) schedule(static)
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(order.size()); ++i)
    std::copy_n(data.data() + order[static_cast<std::size_t>(i)] * width, width,
                result.data() + static_cast<std::size_t>(i) * width);
  data = std::move(result);
}

/// Builds the tree and brings points, metrics, ids and, if there are any, rows into its order.
void build_tree(IndexedCloud& indexed, const geometry::Embedding& embedding, std::vector<float> stretches,
                int threads) {
  PointCloud& cloud = indexed.cloud;
  const ScaledEmbedding scaled(embedding, cloud);
  indexed.tree = LeafTree(scaled.map(cloud, threads), stretches, scaled.layout, threads);
  std::vector<float>().swap(stretches);
  const auto& order = indexed.tree.order();
  permute_rows(cloud.ids, order, 1, threads);
  permute_rows(cloud.points, order, static_cast<std::size_t>(cloud.point_size), threads);
  if (!cloud.one_metric) permute_rows(cloud.metrics, order, geometry::n_sym, threads);
  if (!cloud.densities.empty()) permute_rows(cloud.densities, order, 1, threads);
  if (!cloud.boundary.empty()) permute_rows(cloud.boundary, order, 1, threads);
  if (!indexed.rows.empty()) permute_rows(indexed.rows, order, 1, threads);
  indexed.tree.drop_order();
}

/// A query leaf as other ranks see it.
struct BoxQuery {
  LeafFrame frame;
  float limit;
};

/// The axis-parallel box around a rank's points and the least of their stretches.
struct RankBox {
  std::array<double, max_embedding_size> lo;
  std::array<double, max_embedding_size> hi;
  std::array<float, max_stretches> stretch;
  std::int64_t n_points;
};

RankBox rank_box(const LeafTree& tree) {
  RankBox box{};
  box.n_points = static_cast<std::int64_t>(tree.size());
  box.lo.fill(std::numeric_limits<double>::infinity());
  box.hi.fill(-std::numeric_limits<double>::infinity());
  box.stretch.fill(std::numeric_limits<float>::infinity());
  for (std::size_t l = 0; l < tree.n_leaves(); ++l) {
    const LeafFrame& frame = tree.frame(l);
    for (std::size_t f = 0; f < tree.layout().factors.size(); ++f) {
      const auto& factor = tree.layout().factors[f];
      for (int c = factor.column; c < factor.column + factor.n_columns(); ++c) {
        const auto d = static_cast<std::size_t>(c);
        box.lo[d] = std::min(box.lo[d], frame.centre[d] - frame.radius[f]);
        box.hi[d] = std::max(box.hi[d], frame.centre[d] + frame.radius[f]);
      }
    }
    for (std::size_t s = 0; s < box.stretch.size(); ++s)
      box.stretch[s] = std::min(box.stretch[s], frame.stretch[s]);
  }
  return box;
}

/// Whether a rank may own neighbours of a query leaf; bounds as in near_leaves().
bool may_own_neighbours(const RankBox& box, const BoxQuery& query, const EmbeddingLayout& layout,
                        double slack) {
  if (box.n_points == 0) return false;
  double bound = 0.0;
  for (std::size_t f = 0; f < layout.factors.size(); ++f) {
    const auto& factor = layout.factors[f];
    double square = 0.0;
    for (int c = factor.column; c < factor.column + factor.n_columns(); ++c) {
      const auto d = static_cast<std::size_t>(c);
      const double x = query.frame.centre[d];
      const double gap = std::max(0.0, std::max(box.lo[d] - x, x - box.hi[d]));
      square += gap * gap;
    }
    const double distance =
        std::max(0.0, std::sqrt(square) - query.frame.radius[f] - std::sqrt(slack * relative_margin));
    const auto s = static_cast<std::size_t>(factor.stretch);
    bound += 0.5 * (double{box.stretch[s]} + double{query.frame.stretch[s]}) * distance * distance;
  }
  return bound * (1.0 - 1e-5) <= query.limit || query.limit >= no_limit;
}

std::vector<BoxQuery> box_queries(const LeafTree& tree, const KnnSearch& search) {
  std::vector<BoxQuery> queries;
  for (std::size_t l = 0; l < tree.n_leaves(); ++l) queries.push_back({tree.frame(l), search.limit(l)});
  return queries;
}

/// Query leaves and the ranks that they go to.
struct SentQueries {
  std::vector<BoxQuery> queries;
  std::vector<int> ranks;
};

/// Each query leaf once for every rank that may own neighbours of its points. Collective.
SentQueries queries_to_send(const std::vector<BoxQuery>& queries, const LeafTree& tree, double slack,
                            const parallel::Communicator& comm) {
  SentQueries sent;
  const auto boxes = comm.all_gather(rank_box(tree));
  for (int rank = 0; rank < comm.size(); ++rank) {
    if (rank == comm.rank()) continue;
    for (const BoxQuery& query : queries) {
      if (!may_own_neighbours(boxes[static_cast<std::size_t>(rank)], query, tree.layout(), slack)) continue;
      sent.queries.push_back(query);
      sent.ranks.push_back(rank);
    }
  }
  return sent;
}

/// Marks the points of this rank that may be neighbours of another rank's queries.
void mark_near(const BoxQuery& query, const LeafTree& tree, double slack, std::vector<LeafBound>& near,
               std::vector<char>& marked) {
  near.clear();
  near_leaves(tree, query.frame, query.limit, slack, near);
  for (const LeafBound& n : near) {
    const QueryLeaf points{&tree.frame(n.leaf), tree.columns(n.leaf), tree.stretches(n.leaf), nullptr,
                           tree.count(n.leaf)};
    near_box(points, tree.layout(), query.frame, query.limit, slack, marked.data() + n.leaf * leaf_size);
  }
}

/// Which of this rank's points go where.
struct SentPoints {
  std::vector<std::uint32_t> positions;
  std::vector<int> ranks;
};

/// The points that each rank needs.
/// @param arrivals (ranks) how many of the queries came from each rank
SentPoints points_to_send(const std::vector<BoxQuery>& queries, const std::vector<std::size_t>& arrivals,
                          const LeafTree& tree, double slack) {
  SentPoints sent;
  std::vector<LeafBound> near;
  std::size_t next = 0;
  for (std::size_t r = 0; r < arrivals.size(); ++r) {
    if (arrivals[r] == 0) continue;
    std::vector<char> marked(tree.size(), 0);
    for (std::size_t q = 0; q < arrivals[r]; ++q) mark_near(queries[next++], tree, slack, near, marked);
    for (std::uint32_t p = 0; p < marked.size(); ++p) {
      if (!marked[p]) continue;
      sent.positions.push_back(p);
      sent.ranks.push_back(static_cast<int>(r));
    }
  }
  return sent;
}

/// The points of other ranks that the queries still need.
IndexedCloud fetch_halo(const std::vector<BoxQuery>& boxes, const IndexedCloud& own,
                        const geometry::Embedding& embedding, double slack,
                        const parallel::Communicator& comm, int threads) {
  SentQueries asked = queries_to_send(boxes, own.tree, slack, comm);
  const parallel::Route to_owners(asked.ranks, comm);
  const auto queries = to_owners.forth(std::move(asked.queries));
  const SentPoints sent = points_to_send(queries, to_owners.arrivals(), own.tree, slack);
  const parallel::Route to_askers(sent.ranks, comm);
  const auto bring = [&](const auto* data, std::size_t width) {
    return to_askers.bring(width,
                           [&](std::size_t i, std::size_t c) { return data[sent.positions[i] * width + c]; });
  };
  IndexedCloud halo;
  halo.cloud.n_global = own.cloud.n_global;
  halo.cloud.point_size = own.cloud.point_size;
  halo.cloud.ids = bring(own.cloud.ids.data(), 1);
  halo.rows = bring(own.rows.data(), 1);
  halo.cloud.points = bring(own.cloud.points.data(), static_cast<std::size_t>(own.cloud.point_size));
  halo.cloud.one_metric = own.cloud.one_metric;
  halo.cloud.metrics =
      own.cloud.one_metric ? own.cloud.metrics : bring(own.cloud.metrics.data(), geometry::n_sym);
  build_tree(halo, embedding, point_stretches(halo.cloud, embedding, threads), threads);
  return halo;
}

/// Square of the largest |e|, from above.
double radius_sq(const LeafTree& tree, const parallel::Communicator& comm) {
  double result = 0.0;
  for (std::size_t l = 0; l < tree.n_leaves(); ++l) {
    double centre = 0.0;
    double radius = 0.0;
    for (const double x : tree.frame(l).centre) centre += x * x;
    for (const float r : tree.frame(l).radius) radius += double{r} * double{r};
    result = std::max(result, 2.0 * (centre + radius));
  }
  return comm.max(result);
}

/// Numbers the halo points that are neighbours, and places beyond this rank's own accordingly.
void number_ghosts(const IndexedCloud& halo, KnnGraph& graph) {
  const std::size_t n_local = graph.n_local();
  std::vector<std::uint32_t> ghost_of(halo.cloud.size(), 0);
  for (const std::uint32_t place : graph.places)
    if (place >= n_local) ghost_of[place - n_local] = 1;
  std::vector<std::uint32_t> ghosts;  // positions in the halo
  for (std::uint32_t h = 0; h < ghost_of.size(); ++h)
    if (ghost_of[h] != 0) ghosts.push_back(h);
  std::sort(ghosts.begin(), ghosts.end(),
            [&](std::uint32_t a, std::uint32_t b) { return halo.rows[a] < halo.rows[b]; });
  for (std::uint32_t g = 0; g < ghosts.size(); ++g) {
    ghost_of[ghosts[g]] = g;
    graph.ghost_rows.push_back(halo.rows[ghosts[g]]);
    graph.ghost_ids.push_back(halo.cloud.ids[ghosts[g]]);
  }
  for (std::uint32_t& place : graph.places)
    if (place >= n_local) place = static_cast<std::uint32_t>(n_local) + ghost_of[place - n_local];
}

}  // namespace

IndexedCloud index_points(PointCloud cloud, const geometry::Embedding& embedding,
                          const parallel::Communicator& comm, int threads) {
  IndexedCloud indexed;
  auto stretches = point_stretches(cloud, embedding, threads);
  indexed.cloud = std::move(cloud);
  build_tree(indexed, embedding, std::move(stretches), threads);
  const auto n = static_cast<GlobalIndex>(indexed.cloud.size());
  const GlobalIndex begin = comm.exclusive_scan(n);
  indexed.rows.resize(indexed.cloud.size());
  for (GlobalIndex i = 0; i < n; ++i) indexed.rows[static_cast<std::size_t>(i)] = begin + i;
  return indexed;
}

KnnGraph build_knn_graph(const IndexedCloud& own, const geometry::Manifold& manifold,
                         const geometry::Embedding& embedding, int k, const parallel::Communicator& comm,
                         int threads) {
  const SearchSpace space = make_search_space(own.cloud, manifold, embedding, radius_sq(own.tree, comm));
  KnnGraph graph;
  graph.k = k;
  graph.n_global = own.cloud.n_global;
  graph.n_rows = own.cloud.n_rows();
  graph.row_begin = comm.exclusive_scan(static_cast<GlobalIndex>(own.cloud.size()));
  graph.row_starts = comm.all_gather(graph.row_begin);
  graph.row_starts.push_back(graph.n_global);
  graph.ids = own.cloud.ids;
  graph.densities = own.cloud.densities;
  graph.boundary = own.cloud.boundary;
  KnnSearch search(own, space, graph, threads);
  search.search_own();
  if (comm.size() > 1) {
    const IndexedCloud halo =
        fetch_halo(box_queries(own.tree, search), own, embedding, space.slack, comm, threads);
    search.search_halo(halo);
    number_ghosts(halo, graph);
    graph.n_halo = static_cast<GlobalIndex>(halo.cloud.size());
  }
  return graph;
}

}  // namespace k7::spectral
