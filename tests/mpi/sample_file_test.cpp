// SPDX-License-Identifier: Apache-2.0
// Sample files written and read in parallel; errors name file, dataset and row on every rank.
#include "k7/io/sample_file.hpp"

#include "k7/base/error.hpp"
#include "k7/parallel/agree.hpp"
#include "test_data.hpp"

namespace k7::io {
namespace {

using geometry::dim;
using test::world;

constexpr GlobalIndex n_points = 23;

SampleBlock block_of(const std::string& name, GlobalIndex begin, GlobalIndex end) {
  SampleBlock block;
  const auto manifold = geometry::make_manifold(name);
  for (GlobalIndex row = begin; row < end; ++row) {
    std::array<double, 9> point{};
    std::array<double, dim> coords{};
    manifold->sample({4, geometry::Stream::samples, 0}, static_cast<std::uint64_t>(row), point.data(),
                     coords.data());
    block.points.insert(block.points.end(), point.begin(), point.end());
    block.coords.insert(block.coords.end(), coords.begin(), coords.end());
    for (int i = 0; i < dim; ++i)
      for (int j = 0; j < dim; ++j) block.metric.push_back(i == j ? 1.0 + static_cast<double>(row) + i : 0.0);
    block.weight.push_back(static_cast<double>(row));
  }
  return block;
}

void write_samples(const std::string& name, const std::string& path,
                   const SampleBlock* replacement = nullptr) {
  const auto manifold = geometry::make_manifold(name);
  SampleWriter writer(path, world(), *manifold, {n_points, true, false, true});
  const auto rows = parallel::even_rows(n_points, world().rank(), world().size());
  parallel::agree(world(), [&] {
    if (replacement == nullptr) writer.write(rows.begin, block_of(name, rows.begin, rows.end));
    if (replacement != nullptr && world().is_root()) writer.write(0, *replacement);
  });
  writer.commit();
}

TEST(SampleFile, reads_back_what_was_written) {
  for (const std::string name : {"s1xs3xs3", "interval-s3xs3"}) {
    const test::TemporaryFolder folder;
    write_samples(name, folder / "s.h5");
    const SampleReader reader(folder / "s.h5", world());
    ASSERT_EQ(reader.n_points(), n_points);
    EXPECT_EQ(reader.manifold().name(), name);
    const auto rows = parallel::even_rows(n_points, world().rank(), world().size());
    std::vector<double> points(static_cast<std::size_t>(rows.count()) * 9);
    std::vector<double> metrics(static_cast<std::size_t>(rows.count()) * geometry::n_sym);
    reader.read(rows.begin, rows.count(), points.data(), metrics.data());
    const SampleBlock expected = block_of(name, rows.begin, rows.end);
    EXPECT_EQ(points, expected.points);
    for (GlobalIndex row = 0; row < rows.count(); ++row) {
      const auto packed = geometry::pack(expected.metric.data() + row * dim * dim);
      EXPECT_TRUE(std::equal(packed.begin(), packed.end(), metrics.begin() + row * geometry::n_sym));
    }
  }
}

/// Text of the error of reading all rows of a file, the same on every rank.
std::string reading_error(const std::string& path) {
  try {
    const SampleReader reader(path, world());
    parallel::agree(world(), [&] {
      const auto rows = parallel::even_rows(reader.n_points(), world().rank(), world().size());
      std::vector<double> points(static_cast<std::size_t>(rows.count()) * 9);
      std::vector<double> metrics(static_cast<std::size_t>(rows.count()) * geometry::n_sym);
      reader.read(rows.begin, rows.count(), points.data(), metrics.data());
    });
  } catch (const CollectiveError& e) {
    EXPECT_EQ(e.fault(), Fault::bad_input);
    return e.what();
  }
  ADD_FAILURE() << "no error";
  return {};
}

TEST(SampleFile, points_are_needed_where_coordinates_do_not_tell_the_hemispheres_apart) {
  const test::TemporaryFolder folder;
  for (const std::string name : {"s1xs3xs3", "interval-s3xs3"}) {
    {
      const auto manifold = geometry::make_manifold(name);
      SampleWriter writer(folder / "s.h5", world(), *manifold, {n_points, false, false, false});
      writer.commit();
    }
    const std::string text = reading_error(folder / "s.h5");
    EXPECT_NE(text.find("/points: is missing; shape (23, 9) is needed"), std::string::npos) << text;
  }
}

TEST(SampleFile, errors_name_dataset_and_row_on_every_rank) {
  const test::TemporaryFolder folder;
  const std::string path = folder / "s.h5";
  const auto with = [&](auto change) {
    SampleBlock block = block_of("s1xs3xs3", 0, n_points);
    change(block);
    write_samples("s1xs3xs3", path, &block);
    return reading_error(path);
  };
  const auto names = [](const std::string& text, const std::string& dataset, int row) {
    return text.find(dataset + " row " + std::to_string(row) + ":") != std::string::npos;
  };
  EXPECT_TRUE(names(with([](SampleBlock& b) { b.metric[21 * 49 + 3] = std::nan(""); }), "/metric", 21));
  EXPECT_TRUE(names(with([](SampleBlock& b) { b.metric[2 * 49 + 1] = 0.5; }), "/metric", 2));
  EXPECT_TRUE(names(with([](SampleBlock& b) { b.metric[22 * 49] = -1.0; }), "/metric", 22));
  EXPECT_TRUE(names(with([](SampleBlock& b) { b.points[5 * 9 + 1] = 2.0; }), "/points", 5));
  EXPECT_TRUE(names(with([](SampleBlock& b) { b.points[17 * 9] = INFINITY; }), "/points", 17));
}

}  // namespace
}  // namespace k7::io
