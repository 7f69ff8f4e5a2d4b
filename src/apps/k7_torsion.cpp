// SPDX-License-Identifier: Apache-2.0
// k7_torsion: what a 3-form is worth: its G2-structure and torsion, of a learned phi or of given samples.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <memory>
#include <utility>

#include "base/memory.hpp"
#include "base/progress.hpp"
#include "cli/run_main.hpp"
#include "cli/validators.hpp"
#include "io/atomic_file.hpp"
#include "io/field_file.hpp"
#include "io/shared_hdf5.hpp"
#include "k7/g2/torsion_fields.hpp"
#include "k7/geometry/g2_structure.hpp"
#include "k7/io/sample_file.hpp"
#include "k7/model/model.hpp"
#include "k7/parallel/agree.hpp"

namespace {

using namespace k7;
using geometry::dim;
using geometry::n_phi;

struct TorsionOptions {
  std::string model;
  std::string fields;
  GlobalIndex n_points = 100000;
  std::uint64_t seed = 0;
  std::string out;
  std::string device = "auto";
  int threads = 0;
};

void require(bool condition, const std::string& text) {
  if (!condition) throw InputError(text);
}

/// Mean, maximum and minimum of the reported quantities over the rows where phi is a G2-structure.
class Summary {
 public:
  /// @param begin number of the first row of `fields`
  void add(const std::vector<g2::PointField>& fields, GlobalIndex begin) {
    const std::vector<double>& positive = values_of(fields, "positive");
    for (std::size_t i = 0; i < positive.size(); ++i) {
      if (positive[i] != 0.0) continue;
      first_not_positive_ = std::min(first_not_positive_, begin + static_cast<GlobalIndex>(i));
    }
    for (std::size_t q = 0; q < names.size(); ++q) {
      const bool det = names[q] == std::string("det_g");
      const std::vector<double>& values = values_of(fields, det ? "sqrt_det_g" : names[q]);
      for (std::size_t i = 0; i < values.size(); ++i) {
        if (positive[i] == 0.0) continue;
        const double x = det ? values[i] * values[i] : values[i];
        sums_[q] += x;
        maxima_[q] = std::max(maxima_[q], x);
        minima_[q] = std::min(minima_[q], x);
      }
    }
    for (const double x : positive) sums_.back() += x;
  }

  /// Collective: adds up all ranks.
  void reduce(const parallel::Communicator& comm) {
    comm.sum(sums_.data(), sums_.size());
    comm.max(maxima_.data(), maxima_.size());
    comm.min(minima_.data(), minima_.size());
    first_not_positive_ = comm.min(first_not_positive_);
  }

  GlobalIndex first_not_positive() const { return first_not_positive_; }

  /// In the form of model::Model::report.
  io::Json json(GlobalIndex n_points) const {
    const double n = sums_.back();
    io::Json json{{"points", n_points}, {"positive_fraction", n / static_cast<double>(n_points)}};
    if (n == 0.0) return json;
    for (std::size_t q = 0; q < names.size(); ++q)
      json[names[q]] = {{"mean", sums_[q] / n}, {"max", maxima_[q]}, {"min", minima_[q]}};
    return json;
  }

 private:
  static constexpr std::array<const char*, 7> names{"norm2_dphi", "norm2_dpsi", "norm2_tau0", "norm2_tau1",
                                                    "norm2_tau2", "norm2_tau3", "det_g"};

  static const std::vector<double>& values_of(const std::vector<g2::PointField>& fields,
                                              const std::string& name) {
    for (const auto& field : fields)
      if (field.name == name) return field.values;
    throw Error(Fault::internal, "the torsion fields lack " + name);
  }

  static constexpr double infinity = std::numeric_limits<double>::infinity();
  std::vector<double> sums_ = std::vector<double>(names.size() + 1, 0.0);  ///< the last: positive rows
  std::vector<double> maxima_ = std::vector<double>(names.size(), -infinity);
  std::vector<double> minima_ = std::vector<double>(names.size(), infinity);
  GlobalIndex first_not_positive_ = std::numeric_limits<GlobalIndex>::max();
};

/// One line of the printed table.
struct Line {
  const char* key;
  const char* label;
  const char* unit;
};
constexpr std::array<Line, 9> lines{{{"norm2_dphi", "|d phi|^2", "1/length^2"},
                                     {"norm2_dpsi", "|d *phi|^2", "1/length^2"},
                                     {"norm2_tau0", "tau_0^2", "1/length^2"},
                                     {"norm2_tau1", "|tau_1|^2", "1/length^2"},
                                     {"norm2_tau2", "|tau_2|^2", "1/length^2"},
                                     {"norm2_tau3", "|tau_3|^2", "1/length^2"},
                                     {"det_g", "det g", "in the coframe"},
                                     {"trace_g_over_7", "tr g / 7", "in the coframe"},
                                     {"cond_g", "cond g", "in the coframe"}}};

/// Whether every mean and maximum of a report is a finite number.
bool is_finite(const io::Json& report) {
  if (report.contains("overflows")) return false;
  return std::all_of(lines.begin(), lines.end(), [&](const Line& line) {
    if (!report.contains(line.key)) return true;
    const io::Json& values = report[line.key];
    return std::isfinite(values["mean"].get<double>()) && std::isfinite(values["max"].get<double>());
  });
}

void print_report(const io::Json& report, const std::string& source) {
  const double fraction = report["positive_fraction"].get<double>();
  std::printf("torsion of %s at %lld points; phi is a G2-structure at %s\n", source.c_str(),
              static_cast<long long>(report["points"].get<GlobalIndex>()),
              fraction == 1.0 ? "all of them" : fmt::format("{:.6g} of them", fraction).c_str());
  if (fraction == 0.0) return;
  std::printf("  %-12s %14s %14s\n", "", "mean", "max");
  for (const Line& line : lines) {
    if (!report.contains(line.key)) continue;
    const io::Json& values = report[line.key];
    std::printf("  %-12s %14.6e %14.6e  %s\n", line.label, values["mean"].get<double>(),
                values["max"].get<double>(), line.unit);
  }
  if (report.contains("volume")) std::printf("  %-12s %14.6e\n", "volume", report["volume"].get<double>());
  if (report.contains("exact"))
    for (const auto& [name, value] : report["exact"].items())
      std::printf("  %-20s %14.6e  against the known solution\n", name.c_str(), value.get<double>());
  std::puts(
      "Lengths are those of phi's own metric g. The holonomy of g lies in G2 where d phi = d *phi = 0:\n"
      "|d phi|^2 = 7 tau_0^2 + 36 |tau_1|^2 + |tau_3|^2,  |d *phi|^2 = 48 |tau_1|^2 + |tau_2|^2.");
  std::fflush(stdout);
}

class TorsionProgram final : public cli::Program {
 public:
  std::string name() const override { return "k7_torsion"; }
  std::string summary() const override {
    return "What a 3-form phi is worth: |d phi|^2, |d *phi|^2, the four torsion classes, positivity, det g.\n"
           "  k7_torsion --model outputs/neck/best.h5 -N 100000           at fresh random points\n"
           "  k7_torsion --fields mine.h5:/group -o torsion.h5            of your own samples\n"
           "--fields reads phi (M, 35), E_phi (M, 7, 35), the derivatives along the frame vectors E_a, and\n"
           "structure (7, 7, 7), C[c, a, b] with [E_a, E_b] = C[c, a, b] E_c (zero if absent: coordinates).\n"
           "It writes g, sqrt_det_g, orientation, psi, dphi, dpsi, tau0 ... tau3, norm2_... and positive of\n"
           "every row. Components of p-forms are a_I, I = i_1 < ... < i_p in lexicographic order. Where phi "
           "is\n"
           "not a G2-structure, positive is 0 and all but dphi is NaN.\n"
           "Exit codes: 0 done, 2 bad input, 4 a result that is not finite.";
  }

  void declare(CLI::App& app) override {
    auto& o = options_;
    auto* model = app.add_option("--model", o.model, "Checkpoint of k7_train (best.h5 or last.h5)");
    auto* fields = app.add_option("--fields", o.fields, "FILE.h5:/group, or FILE.h5 for the file's root");
    auto* points = app.add_option("-N,--points", o.n_points, "How many points, for --model")
                       ->transform(cli::whole(o.n_points, 1));
    fields->excludes(model)->excludes(points);
    app.add_option("--seed", o.seed, "The same seed gives the same points at any rank count, for --model")
        ->transform(cli::whole(o.seed, 0));
    app.add_option(
        "-o,--out", o.out,
        "--fields: the results (HDF5), torsion.h5 if not given; --model: also write the numbers (JSON)");
    app.add_option("--device", o.device, "Where the network runs; --fields are computed on the CPU")
        ->transform(cli::one_of({"auto", "cpu", "cuda"}));
    app.add_option("--threads", o.threads, "Threads per rank, 0 = the rank's share of the node's cores")
        ->transform(cli::whole(o.threads, 0));
  }

  int requested_threads() const override { return options_.threads; }
  std::string results() const override { return options_.out; }

  cli::ExitCode run(cli::Context& context) override {
    parallel::agree(context.comm, [&] {
      require(!options_.model.empty() || !options_.fields.empty(),
              "nothing to measure: give --model FILE, or --fields FILE.h5:/group");
      require(options_.fields.empty() || options_.device != "cuda",
              "--device cuda: --fields are computed on the CPU; leave --device out");
    });
    return options_.fields.empty() ? measure_model(context) : measure_fields(context);
  }

 private:
  /// Rank 0: the output can be written and is not the input.
  void check_output(const std::string& input) const {
    if (options_.out.empty()) return;
    std::error_code ignored;
    require(!std::filesystem::equivalent(input, options_.out, ignored),
            "--out " + options_.out + ": is the input itself; choose another name");
    const std::string obstacle = io::write_obstacle(options_.out);
    require(obstacle.empty(), "--out " + options_.out + ": " + obstacle);
  }

  cli::ExitCode measure_model(const cli::Context& context) const {
    const k7::Stopwatch watch;
    const auto& comm = context.comm;
    parallel::agree_on_root(comm, [&] { check_output(options_.model); });
    const model::Model model(options_.model, comm, options_.device, context.threads);
    const io::Json report = model.report(options_.n_points, options_.seed, comm);
    const double others = 1.0 - report["positive_fraction"].get<double>();
    if (report.contains("overflows"))
      spdlog::warn("phi or its determinant overflows at {:.0f} of {} points; has the training gone wrong?",
                   report["overflows"].get<double>(), options_.n_points);
    else if (others > 0.0)
      spdlog::warn("phi is not a G2-structure at {:.0f} of {} points; the numbers are of the others",
                   std::round(others * static_cast<double>(options_.n_points)), options_.n_points);
    // Printed first: whatever happens to the file, the numbers are there.
    if (comm.is_root()) print_report(report, options_.model + " on " + model.manifold().name());
    if (!options_.out.empty()) {
      io::Json json{{"metadata", cli::metadata_json(name())},
                    {"torsion", report},
                    {"timing", {{"total_s", watch.seconds()}}},
                    {"parallel", cli::parallel_json(context, model.device())},
                    {"options", context.options}};
      json["parallel"]["peak_memory_mib"] = comm.all_gather(k7::peak_memory_mib());
      parallel::agree_on_root(comm, [&] { io::write_results(options_.out, json); });
    }
    return finish(context, report, watch.seconds());
  }

  cli::ExitCode measure_fields(const cli::Context& context) {
    const k7::Stopwatch watch;
    const auto& comm = context.comm;
    if (options_.out.empty()) options_.out = "torsion.h5";
    const io::FieldAddress address(options_.fields);
    const io::FieldReader reader(address, comm);
    parallel::agree_on_root(comm, [&] { check_output(address.path); });
    Summary summary;
    write_fields(context, reader, summary);
    summary.reduce(comm);
    const io::Json report = summary.json(reader.n_rows());
    const double fraction = report["positive_fraction"].get<double>();
    if (fraction < 1.0)
      spdlog::warn("{:.0f} of {} rows are not G2-structures, the first is row {}; they hold NaN in {}",
                   std::round((1.0 - fraction) * static_cast<double>(reader.n_rows())), reader.n_rows(),
                   summary.first_not_positive(), options_.out);
    if (comm.is_root()) print_report(report, options_.fields);
    return finish(context, report, watch.seconds());
  }

  /// Collective: computes every row and writes the output, complete or not at all.
  void write_fields(const cli::Context& context, const io::FieldReader& reader, Summary& summary) const {
    const auto& comm = context.comm;
    constexpr GlobalIndex block_rows = 4096;
    const auto n_rows = static_cast<std::uint64_t>(reader.n_rows());
    // The fields of one row tell names and shapes; the zero form is as good as any.
    const auto layout = g2::torsion_fields(std::vector<double>(n_phi, 0.0),
                                           std::vector<double>(dim * n_phi, 0.0), reader.structure(), 1);
    std::uint64_t row_bytes = 0;
    for (const auto& field : layout) row_bytes += sizeof(double) * static_cast<std::uint64_t>(field.width);
    constexpr std::uint64_t most = std::uint64_t{1} << 62;  // more than any disk has
    io::SharedHdf5Output output(options_.out, comm, n_rows > most / row_bytes ? most : row_bytes * n_rows);
    parallel::agree(comm, [&] {
      output.file().set_attribute("/", "format", std::string("k7-torsion"));
      output.file().set_attribute("/", "version", std::int64_t{1});
      for (const auto& field : layout) {
        io::Hdf5File::Shape shape{n_rows};
        if (field.rank == 1) shape.push_back(static_cast<std::uint64_t>(field.width));
        if (field.rank == 2) shape.insert(shape.end(), {dim, dim});
        output.file().create_dataset("/" + field.name, shape, io::Hdf5File::Type::float64, block_rows);
      }
    });
    const auto rows = parallel::even_rows(reader.n_rows(), comm.rank(), comm.size());
    parallel::agree(comm, [&] {
      k7::ProgressBar bar("torsion", rows.count(), context.comm.is_root());
      std::vector<double> phi;
      std::vector<double> derivatives;
      for (GlobalIndex begin = rows.begin; begin < rows.end; begin += block_rows) {
        const GlobalIndex n = std::min(block_rows, rows.end - begin);
        reader.read(begin, n, phi, derivatives);
        const auto fields = g2::torsion_fields(phi, derivatives, reader.structure(), context.threads);
        for (const auto& field : fields)
          output.file().write_rows("/" + field.name, static_cast<std::uint64_t>(begin),
                                   static_cast<std::uint64_t>(n), field.values.data());
        summary.add(fields, begin);
        bar.update(begin + n - rows.begin);
      }
    });
    output.commit();
  }

  cli::ExitCode finish(const cli::Context& context, const io::Json& report, double seconds) const {
    const double memory = context.comm.max(k7::peak_memory_mib());
    if (context.comm.is_root() && !options_.out.empty()) std::printf("%s written\n", options_.out.c_str());
    spdlog::info("{} points in {:.1f} s, peak memory {:.0f} MiB per rank",
                 report["points"].get<GlobalIndex>(), seconds, memory);
    if (is_finite(report)) return cli::ExitCode::done;
    spdlog::error(
        "some results are not finite, so that nothing can be said of phi there; are its numbers too large?");
    return cli::ExitCode::numerical;
  }

  TorsionOptions options_;
};

}  // namespace

int main(int argc, char** argv) {
  TorsionProgram program;
  return k7::cli::run_main(argc, argv, program);
}
