// SPDX-License-Identifier: Apache-2.0
#include "train/chunks.hpp"

#include <omp.h>

#include <algorithm>
#include <exception>

#include "base/blas.hpp"

namespace k7::train {

GlobalIndex points_per_chunk(GlobalIndex batch, GlobalIndex most, int ranks) {
  constexpr GlobalIndex least = 16;
  constexpr GlobalIndex few_chunks = 4;
  constexpr int few_ranks = 32;
  const auto part = [&](GlobalIndex parts) { return std::max(least, (batch + parts - 1) / parts); };
  const GlobalIndex usual = std::min(most, part(few_chunks));
  return ranks <= few_ranks ? usual : std::min(usual, part(ranks));
}

void Chunks::run(GlobalIndex n, GlobalIndex chunk, const Use& use, const Collect& collect) const {
  const auto chunks = parallel::even_rows((n + chunk - 1) / chunk, comm_.rank(), comm_.size());
  const int n_threads = chunks.count() > 1 ? workers_ : 1;
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
      if (!error && collect) collect(worker, c);
    }
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace k7::train
