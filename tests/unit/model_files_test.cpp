// SPDX-License-Identifier: Apache-2.0
// Sample files of models and of constant metrics, the torsion of given fields, metrics from text files.
#include <fstream>
#include <nlohmann/json.hpp>

#include "io/hdf5_file.hpp"
#include "k7/base/error.hpp"
#include "k7/geometry/metric.hpp"
#include "k7/model/constant_metric.hpp"
#include "k7/model/sample_to_file.hpp"
#include "k7/model/threads.hpp"
#include "k7/model/torsion_of_fields.hpp"
#include "k7/train/train.hpp"
#include "test_data.hpp"

namespace k7::model {
namespace {

using test::world;

struct Witness : Observer {
  void warn(const std::string& line) override { warnings.push_back(line); }
  void progress(const std::string&, std::int64_t done, std::int64_t total, const std::string&) override {
    finished = done == total;
  }
  std::vector<std::string> warnings;
  bool finished = false;
};

std::string text_file(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
  return path;
}

std::string refusal_of(const std::string& path) {
  try {
    read_constant_metric(path);
  } catch (const InputError& e) {
    return e.what();
  }
  return {};
}

TEST(ConstantMetric, is_read_row_by_row_with_comments) {
  const test::TemporaryFolder folder;
  std::string text = "# a flat torus\n";
  for (int i = 0; i < 7; ++i) {
    for (int j = 0; j < 7; ++j) text += i == j ? "2.5 " : "0 ";
    text += "# row\n";
  }
  const auto g = read_constant_metric(text_file(folder / "g.txt", text));
  ASSERT_EQ(g.size(), 49U);
  for (int i = 0; i < 49; ++i) EXPECT_EQ(g[static_cast<std::size_t>(i)], i % 8 == 0 ? 2.5 : 0.0);
  EXPECT_NE(refusal_of(text_file(folder / "short.txt", "1 2 3")).find("holds 3 numbers"), std::string::npos);
  EXPECT_NE(refusal_of(text_file(folder / "word.txt", "1 two")).find("'two' is not a number"),
            std::string::npos);
  EXPECT_NE(refusal_of(folder / "absent.txt").find("absent.txt"), std::string::npos);
}

TEST(ConstantMetric, of_radii_is_the_round_product) {
  const auto g = metric_of_radii({3.0, 2.0, 1.0});
  const geometry::Matrix7 expected = geometry::round_product_metric(3.0, 2.0, 1.0);
  EXPECT_TRUE(std::equal(g.begin(), g.end(), expected.data()));
  EXPECT_THROW(metric_of_radii({1.0, 2.0}), InputError);
  EXPECT_THROW(metric_of_radii({1.0, 2.0, -1.0}), InputError);
}

TEST(SampleToFile, of_a_constant_metric_repeats_it_at_the_samplers_points) {
  const test::TemporaryFolder folder;
  const auto manifold = geometry::make_manifold("s1xs3xs3");
  const auto metric = metric_of_radii({1.0, 2.0, 3.0});
  Witness witness;
  sample_to_file(*manifold, metric, {100, 9, folder / "s.h5"}, world(), witness);
  EXPECT_TRUE(witness.finished);
  const auto file = io::Hdf5File::open(folder / "s.h5");
  EXPECT_EQ(file.shape("/metric"), (io::Hdf5File::Shape{100, 7, 7}));
  EXPECT_FALSE(file.has("/phi"));
  const auto metrics = file.read("/metric");
  EXPECT_TRUE(std::equal(metric.begin(), metric.end(), metrics.end() - 49));
  std::vector<double> point(9);
  std::array<double, 7> coords{};
  manifold->sample({9, geometry::Stream::samples, 0}, 99, point.data(), coords.data());
  const auto points = file.read("/points");
  EXPECT_TRUE(std::equal(point.begin(), point.end(), points.end() - 9));
}

TEST(SampleToFile, of_a_model_holds_what_the_model_gives) {
  const test::TemporaryFolder folder;
  use_threads(1);
  train::TrainOptions options = train::preset(train::Preset::torus);
  options.model.network.hidden = {4};
  options.epochs = 1;
  options.batch_size = 16;
  options.validation_points = 16;
  options.report_points = 16;
  options.out = folder / "run";
  Witness witness;
  train::train(options, world(), witness);
  const Model model(folder / "run/best.h5", world(), DeviceChoice::cpu);
  EXPECT_EQ(model.path(), folder / "run/best.h5");
  sample_to_file(model, {20, 1, folder / "s.h5"}, world(), witness);
  const auto file = io::Hdf5File::open(folder / "s.h5");
  std::vector<double> phi;
  std::vector<double> metric;
  model.evaluate(file.read("/coords"), phi, metric);
  EXPECT_EQ(file.read("/phi"), phi);
  EXPECT_EQ(file.read("/metric"), metric);
  EXPECT_THROW(sample_to_file(model, {20, 1, model.path()}, world(), witness), CollectiveError);
}

TEST(TorsionOfFields, sums_up_what_it_writes) {
  const test::TemporaryFolder folder;
  std::vector<double> phi(3 * 35, 0.0);
  const std::array<std::pair<int, double>, 7> standard{
      {{0, 1.0}, {9, 1.0}, {14, 1.0}, {20, 1.0}, {23, -1.0}, {27, -1.0}, {28, -1.0}}};
  for (const auto& [component, value] : standard)
    for (const int row : {0, 2}) phi[static_cast<std::size_t>(row * 35 + component)] = value;  // row 1: zero
  const std::vector<double> derivatives(3 * 7 * 35, 0.0);
  {
    auto file = io::Hdf5File::create_in_memory(folder / "f.h5");
    file.write("/phi", {3, 35}, phi.data());
    file.write("/E_phi", {3, 7, 35}, derivatives.data());
    std::ofstream(folder / "f.h5", std::ios::binary) << file.image();
  }
  Witness witness;
  const auto report = torsion_of_fields(folder / "f.h5", folder / "out.h5", world(), witness);
  EXPECT_EQ(report["points"], 3);
  EXPECT_NEAR(report["positive_fraction"].get<double>(), 2.0 / 3.0, 1e-15);
  EXPECT_EQ(report["norm2_dphi"]["max"], 0.0);
  EXPECT_NEAR(report["det_g"]["mean"].get<double>(), 1.0, 1e-12);
  ASSERT_EQ(witness.warnings.size(), 1U);
  EXPECT_NE(witness.warnings[0].find("the first is row 1"), std::string::npos);
  const auto out = io::Hdf5File::open(folder / "out.h5");
  EXPECT_EQ(out.read("/positive"), (std::vector<double>{1.0, 0.0, 1.0}));
  EXPECT_EQ(out.shape("/g"), (io::Hdf5File::Shape{3, 7, 7}));
  EXPECT_THROW(torsion_of_fields(folder / "f.h5", folder / "f.h5", world(), witness), CollectiveError);
}

}  // namespace
}  // namespace k7::model
