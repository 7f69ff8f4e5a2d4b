// SPDX-License-Identifier: Apache-2.0
#include "spectral/limit/agreement.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace k7::spectral {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

int end_of(const Multiplet& multiplet) {
  return multiplet.first + multiplet.count;
}

/// Some multiplets of one method, next to each other.
using Span = std::vector<Multiplet>;

/// Mean limit and error of all eigenvalues of a span; NaN unless all have one.
Multiplet mean_of(const Span& span) {
  Multiplet mean{span.front().first, 0, false, 0.0, 0.0, 0.0, {}, span.front().source};
  for (const Multiplet& m : span) {
    mean.count += m.count;
    mean.raw += m.count * m.raw;
    mean.limit += m.count * m.limit;
    mean.error += m.count * m.error;  // errors of one sample go together, at worst
  }
  for (double* sum : {&mean.raw, &mean.limit, &mean.error}) *sum /= mean.count;
  return mean;
}

bool has_limits(const Span& span) {
  return std::any_of(span.begin(), span.end(), [](const Multiplet& m) { return std::isfinite(m.limit); });
}

/// The next multiplets of two lists up to a place where multiplets of both end.
struct Block {
  Span graph;
  Span ritz;
};

Block next_block(const std::vector<Multiplet>& graph, std::size_t& g, const std::vector<Multiplet>& ritz,
                 std::size_t& r) {
  Block block{{graph[g++]}, {ritz[r++]}};
  while (end_of(block.graph.back()) != end_of(block.ritz.back())) {
    const bool graph_is_behind = end_of(block.graph.back()) < end_of(block.ritz.back());
    if (graph_is_behind ? g == graph.size() : r == ritz.size()) break;
    if (graph_is_behind)
      block.graph.push_back(graph[g++]);
    else
      block.ritz.push_back(ritz[r++]);
  }
  return block;
}

class Comparison {
 public:
  Comparison(const SpectrumLimit& graph, const SpectrumLimit& ritz) : graph_(graph), ritz_(ritz) {
    Agreement& a = agreement_;
    a.limit.values = graph.values;
    a.limit.errors = graph.errors;
    const std::size_t size = std::max(graph.values.size(), ritz.values.size());
    a.limit.values.resize(size, nan);
    a.limit.errors.resize(size, nan);
  }

  Agreement compare() {
    std::size_t g = 0;
    std::size_t r = 0;
    while (g < graph_.multiplets.size() && r < ritz_.multiplets.size())
      decide(next_block(graph_.multiplets, g, ritz_.multiplets, r));
    take({graph_.multiplets.begin() + static_cast<std::ptrdiff_t>(g), graph_.multiplets.end()}, graph_);
    take({ritz_.multiplets.begin() + static_cast<std::ptrdiff_t>(r), ritz_.multiplets.end()}, ritz_);
    return std::move(agreement_);
  }

 private:
  void decide(const Block& block) {
    const Multiplet graph = mean_of(block.graph);
    const Multiplet ritz = mean_of(block.ritz);
    // Without an end in common their means are not of the same eigenvalues; the last ones of a list end so.
    if (end_of(graph) != end_of(ritz) || !std::isfinite(graph.limit) || !std::isfinite(ritz.limit)) {
      // Where none has a limit, Ritz at least knows the single eigenvalues.
      const bool has_graph = std::isfinite(ritz.limit)
                                 ? std::isfinite(graph.limit) && end_of(graph) >= end_of(ritz)
                                 : has_limits(block.graph);
      take(has_graph ? block.graph : block.ritz, has_graph ? graph_ : ritz_);
    } else if (std::abs(graph.limit - ritz.limit) <= graph.error + ritz.error) {
      const bool better_graph = graph.error < ritz.error;
      take(better_graph ? block.graph : block.ritz, better_graph ? graph_ : ritz_);
    } else {
      cover(graph, ritz);
    }
  }

  void take(const Span& span, const SpectrumLimit& source) {
    for (const Multiplet& multiplet : span) {
      agreement_.limit.multiplets.push_back(multiplet);
      for (int i = multiplet.first; i < end_of(multiplet); ++i) {
        const auto index = static_cast<std::size_t>(i);
        // The mean is what is known of each member; how far one may be from it is in its error.
        const bool has_mean = std::isfinite(multiplet.limit);
        const double offset =
            has_mean ? std::abs(source.values[index] - multiplet.limit) + multiplet.error : 0.0;
        agreement_.limit.values[index] = has_mean ? multiplet.limit : source.values[index];
        agreement_.limit.errors[index] = std::max(source.errors[index], offset);
      }
    }
  }

  /// Both are shown, and no one can say which is right.
  void cover(const Multiplet& graph, const Multiplet& ritz) {
    const double low = std::min(graph.limit - graph.error, ritz.limit - ritz.error);
    const double high = std::max(graph.limit + graph.error, ritz.limit + ritz.error);
    Multiplet both = graph;
    both.limit = 0.5 * (low + high);
    both.error = 0.5 * (high - low);
    both.source = Source::both;
    agreement_.limit.multiplets.push_back(both);
    for (int i = both.first; i < end_of(both); ++i) {
      const auto index = static_cast<std::size_t>(i);
      const auto reach = [&](const SpectrumLimit& limit) {
        return std::abs(limit.values[index] - both.limit) + limit.errors[index];
      };
      agreement_.limit.values[index] = both.limit;
      agreement_.limit.errors[index] = std::max({both.error, reach(graph_), reach(ritz_)});
    }
    agreement_.disagreements.push_back({graph, ritz});
  }

  const SpectrumLimit& graph_;
  const SpectrumLimit& ritz_;
  Agreement agreement_;
};

}  // namespace

Agreement agree_on(const SpectrumLimit& graph, const SpectrumLimit& ritz) {
  return Comparison(graph, ritz).compare();
}

}  // namespace k7::spectral
