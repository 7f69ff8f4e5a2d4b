// SPDX-License-Identifier: Apache-2.0
// k7_sample: evaluates a learned or a constant metric at random points.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>

#include "base/memory.hpp"
#include "base/progress.hpp"
#include "base/quote.hpp"
#include "cli/run_main.hpp"
#include "cli/validators.hpp"
#include "k7/geometry/metric.hpp"
#include "io/hdf5_file.hpp"
#include "k7/io/sample_file.hpp"
#include "k7/model/model.hpp"
#include "k7/parallel/agree.hpp"

namespace {

using namespace k7;
using geometry::dim;

struct SampleOptions {
  std::string model;
  std::string manifold;
  std::string metric_constant;
  std::vector<double> radii;
  GlobalIndex n_points = 10000;
  std::uint64_t seed = 0;
  std::string out = "samples.h5";
  std::string device = "auto";
  int threads = 0;
};

/// 49 numbers, row by row; '#' starts a comment.
std::vector<double> read_metric(const std::string& path) {
  const std::string obstacle = io::read_obstacle(path);
  if (!obstacle.empty())
    throw InputError(path + ": " + obstacle + "; --metric-constant needs a text file of 7 x 7 numbers");
  constexpr std::uintmax_t longest_file = 1 << 20;
  if (std::filesystem::file_size(path) > longest_file)
    throw InputError(path + ": is larger than 1 MiB; a text file of 7 x 7 numbers is needed");
  std::ifstream in(path);
  std::vector<double> g;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    for (std::string word; words >> word;) {
      char* end = nullptr;
      g.push_back(std::strtod(word.c_str(), &end));
      if (*end != '\0') throw InputError(path + ": " + k7::quoted(word) + " is not a number");
    }
  }
  if (g.size() != dim * dim)
    throw InputError(path + ": holds " + std::to_string(g.size()) + " numbers; 7 x 7 = 49 are needed");
  const std::string defect = geometry::metric_defect(g.data());
  if (!defect.empty()) throw InputError(path + ": " + defect);
  return g;
}

std::vector<double> metric_of_radii(const std::vector<double>& radii) {
  if (radii.size() != 3)
    throw InputError("--radii: has " + std::to_string(radii.size()) + " numbers; three are needed, R0,R1,R2");
  for (const double r : radii)
    if (!(r > 0.0) || !std::isfinite(r))
      throw InputError("--radii: " + short_number(r) + " is not a radius; radii are positive");
  const geometry::Matrix7 g = geometry::round_product_metric(radii[0], radii[1], radii[2]);
  return {g.data(), g.data() + g.size()};
}

class SampleProgram final : public cli::Program {
 public:
  std::string name() const override { return "k7_sample"; }
  std::string summary() const override {
    return "Samples a metric at random points and writes an HDF5 file for k7_spectral.\n"
           "  k7_sample --model outputs/quick/best.h5 -N 10000 -o samples.h5\n"
           "  k7_sample --manifold s1xs3xs3 --radii 33,33,28 -N 100000 -o round.h5\n"
           "  k7_sample --manifold torus7 --metric-constant g.txt -N 100000 -o torus.h5";
  }

  void declare(CLI::App& app) override {
    auto& o = options_;
    auto* model = app.add_option("--model", o.model, "Checkpoint of k7_train (best.h5 or last.h5)");
    auto* manifold = app.add_option("--manifold", o.manifold, "Manifold of a constant metric")
                         ->transform(cli::one_of({"s1xs3xs3", "torus7"}));
    auto* constant = app.add_option("--metric-constant", o.metric_constant,
                                    "Text file of 7 x 7 numbers: the metric in the manifold's frame");
    auto* radii = app.add_option("--radii", o.radii, "R0,R1,R2: round product metric of s1xs3xs3")
                      ->delimiter(',')
                      ->transform(cli::positive());
    model->excludes(manifold)->excludes(constant)->excludes(radii);
    constant->excludes(radii);
    app.add_option("-N,--points", o.n_points, "How many points")->transform(cli::whole(o.n_points, 1));
    app.add_option("--seed", o.seed, "The same seed gives the same points at any rank count")
        ->transform(cli::whole(o.seed, 0));
    app.add_option("-o,--out", o.out, "Sample file");
    app.add_option("--device", o.device, "Where the network runs")
        ->transform(cli::one_of({"auto", "cpu", "cuda"}));
    app.add_option("--threads", o.threads, "Threads per rank, 0 = the rank's share of the node's cores")
        ->transform(cli::whole(o.threads, 0));
  }

  int requested_threads() const override { return options_.threads; }

  cli::ExitCode run(cli::Context& context) override {
    const k7::Stopwatch watch;
    prepare(context);
    const geometry::Manifold& manifold = model_ ? model_->manifold() : *manifold_;
    const bool weight = manifold.frame_volume() > 0.0;
    io::SampleWriter writer(options_.out, context.comm, manifold,
                            {options_.n_points, manifold.point_size() == geometry::point_size_neck,
                             static_cast<bool>(model_), weight});
    parallel::agree(context.comm, [&] { write_rows(context, manifold, writer); });
    writer.commit();
    spdlog::info("{} points of {} in {:.1f} s, peak memory {:.0f} MiB per rank: {}", options_.n_points,
                 manifold.name(), watch.seconds(), context.comm.max(k7::peak_memory_mib()), options_.out);
    return cli::ExitCode::done;
  }

 private:
  void prepare(cli::Context& context) {
    if (!options_.model.empty()) {
      parallel::agree_on_root(context.comm, [&] {
        std::error_code ignored;
        if (std::filesystem::equivalent(options_.model, options_.out, ignored))
          throw InputError("--out " + options_.out + ": is the model itself; choose another name");
      });
      model_ = std::make_unique<model::Model>(options_.model, context.comm, options_.device, context.threads);
      return;
    }
    parallel::agree(context.comm, [&] {
      if (options_.radii.empty() && options_.metric_constant.empty())
        throw InputError(
            "nothing to sample: give --model FILE, or --manifold NAME with --radii or --metric-constant");
      const std::string manifold = options_.manifold.empty() ? "s1xs3xs3" : options_.manifold;
      if (!options_.radii.empty() && manifold != "s1xs3xs3")
        throw InputError("--radii belongs to --manifold s1xs3xs3; use --metric-constant for " + manifold);
      manifold_ = geometry::make_manifold(manifold);
      constant_ =
          options_.radii.empty() ? read_metric(options_.metric_constant) : metric_of_radii(options_.radii);
    });
  }

  void write_rows(cli::Context& context, const geometry::Manifold& manifold, io::SampleWriter& writer) {
    const auto rows = parallel::even_rows(options_.n_points, context.comm.rank(), context.comm.size());
    constexpr GlobalIndex block_rows = 8192;
    k7::ProgressBar bar("sampling", rows.count(), context.comm.is_root());
    for (GlobalIndex begin = rows.begin; begin < rows.end; begin += block_rows) {
      const GlobalIndex n = std::min(block_rows, rows.end - begin);
      writer.write(begin, make_block(manifold, begin, n));
      bar.update(begin + n - rows.begin);
    }
  }

  io::SampleBlock make_block(const geometry::Manifold& manifold, GlobalIndex begin, GlobalIndex n) const {
    const geometry::DrawKey key{options_.seed, geometry::Stream::samples, 0};
    const int point_size = manifold.point_size();
    io::SampleBlock block;
    block.coords.resize(static_cast<std::size_t>(n) * dim);
    block.points.resize(static_cast<std::size_t>(n) * point_size);
    for (GlobalIndex i = 0; i < n; ++i)
      manifold.sample(key, static_cast<std::uint64_t>(begin + i), block.points.data() + i * point_size,
                      block.coords.data() + i * dim);
    if (point_size != geometry::point_size_neck) block.points.clear();
    if (model_) {
      model_->evaluate(block.points.empty() ? block.coords : block.points, block.phi, block.metric);
      require_finite(block.phi, "phi", begin);
      require_finite(block.metric, "the metric", begin);
    } else {
      block.metric.reserve(static_cast<std::size_t>(n) * dim * dim);
      for (GlobalIndex i = 0; i < n; ++i)
        block.metric.insert(block.metric.end(), constant_.begin(), constant_.end());
    }
    if (manifold.frame_volume() > 0.0) block.weight = densities(manifold, block.metric);
    return block;
  }

  /// @param begin the first point of `values`
  void require_finite(const std::vector<double>& values, const char* what, GlobalIndex begin) const {
    const auto bad = std::find_if(values.begin(), values.end(), [](double x) { return !std::isfinite(x); });
    if (bad == values.end()) return;
    constexpr GlobalIndex phi_width = geometry::n_phi;
    const GlobalIndex width = std::string(what) == "phi" ? phi_width : GlobalIndex{dim} * dim;
    throw Error(
        Fault::numerical,
        fmt::format("{}: {} of this model is not finite at point {}; nothing was written. Has its training "
                    "gone wrong?",
                    options_.model, what, begin + (bad - values.begin()) / width));
  }

  /// A sampler that is uniform in the frame's volume has this density against the metric's.
  static std::vector<double> densities(const geometry::Manifold& manifold,
                                       const std::vector<double>& metric) {
    std::vector<double> weight;
    weight.reserve(metric.size() / (dim * dim));
    for (std::size_t i = 0; i < metric.size(); i += dim * dim)
      weight.push_back(1.0 / (manifold.frame_volume() *
                              std::sqrt(geometry::determinant(geometry::pack(metric.data() + i).data()))));
    return weight;
  }

  SampleOptions options_;
  std::unique_ptr<model::Model> model_;
  std::unique_ptr<geometry::Manifold> manifold_;
  std::vector<double> constant_;
};

}  // namespace

int main(int argc, char** argv) {
  SampleProgram program;
  return k7::cli::run_main(argc, argv, program);
}
