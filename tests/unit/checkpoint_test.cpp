// SPDX-License-Identifier: Apache-2.0
#include "train/checkpoint.hpp"

#include <hdf5.h>

#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <random>

#include "hostile.hpp"
#include "io/hdf5_file.hpp"
#include "io/seal.hpp"
#include "k7/base/error.hpp"
#include "model/network.hpp"
#include "test_data.hpp"

namespace k7::train {
namespace {

namespace fs = std::filesystem;

Checkpoint example() {
  Checkpoint c;
  c.model.network.hidden = {5, 4};
  c.model.manifold = "notebook-chart";
  c.model.metric_map = model::MetricMap::contraction;
  c.model.ansatz = model::Ansatz::components;
  c.model.radii = {1.5, 0.25, 1.0 / 3.0};
  c.model.condition_bound = 2.5;
  c.model.impose_det = true;
  for (int i = 0; i < 49; ++i) c.model.base.push_back(1.0 / (i + 7));
  c.seed = 0xFFFFFFFFFFFFFFFFULL;
  c.batch_size = 64;
  c.epoch = 2;
  c.best_loss = 0.1;
  c.best_epoch = 1;
  c.epochs_without_best = 1;
  const auto n = static_cast<std::size_t>(c.model.network.n_parameters());
  for (std::size_t i = 0; i < n; ++i) {
    c.parameters.push_back(1.0 / static_cast<double>(i + 3));
    c.exp_avg.push_back(std::sin(static_cast<double>(i)));
    c.exp_avg_sq.push_back(std::exp(-static_cast<double>(i)));
    c.best_parameters.push_back(-static_cast<double>(i));
  }
  c.optimizer_steps = 2;
  c.schedule.factor = 0.25;
  c.schedule.bad_epochs = 3;
  c.schedule.rollbacks = 2;
  c.optimizer_arrays["pairs"] = {{2, 3}, {1, 2, 3, 4, 5, 1.0 / 3.0}};
  c.history.columns = {"a", "b", "c", "d",
                       "e", "f", "g", "loss"};  // in alphabetical order, as they are read back
  c.history.rows = {{0.3, 1, 2, 3, 4, 5, 6, 7}, {0.1, 2, 3, 4, 5, 6, 7, 8}};
  c.record = {{"epochs", "2"}};
  c.constants = StoredConstants{
      0.75, 3.5, 16, 9, std::vector<double>(49, 0.125), {{"a", 0.5}, {"b", 1.0 / 3.0}}, {{"a", 2.0}}};
  return c;
}

TEST(Checkpoint, reads_back_to_the_same_bits) {
  const test::TemporaryFolder folder;
  const Checkpoint c = example();
  write_checkpoint(folder / "c.h5", c);
  const Checkpoint back = read_checkpoint(folder / "c.h5");
  EXPECT_EQ(back.model.network, c.model.network);
  EXPECT_TRUE(back.model == c.model);
  EXPECT_EQ(back.seed, c.seed);
  EXPECT_EQ(back.batch_size, c.batch_size);
  EXPECT_EQ(back.epoch, c.epoch);
  EXPECT_EQ(back.best_loss, c.best_loss);
  EXPECT_EQ(back.best_epoch, c.best_epoch);
  EXPECT_EQ(back.epochs_without_best, c.epochs_without_best);
  EXPECT_EQ(back.parameters, c.parameters);
  EXPECT_EQ(back.exp_avg, c.exp_avg);
  EXPECT_EQ(back.exp_avg_sq, c.exp_avg_sq);
  EXPECT_EQ(back.best_parameters, c.best_parameters);
  EXPECT_EQ(back.optimizer_steps, c.optimizer_steps);
  EXPECT_EQ(back.schedule.factor, c.schedule.factor);
  EXPECT_EQ(back.schedule.best, c.schedule.best);
  EXPECT_EQ(back.schedule.bad_epochs, c.schedule.bad_epochs);
  EXPECT_EQ(back.schedule.rollbacks, c.schedule.rollbacks);
  ASSERT_EQ(back.optimizer_arrays.count("pairs"), 1U);
  EXPECT_EQ(back.optimizer_arrays.at("pairs").shape, c.optimizer_arrays.at("pairs").shape);
  EXPECT_EQ(back.optimizer_arrays.at("pairs").values, c.optimizer_arrays.at("pairs").values);
  EXPECT_EQ(back.history.rows, c.history.rows);
  EXPECT_FALSE(back.is_of_older_version);
}

TEST(Checkpoint, keeps_the_best_constants_where_there_are_any) {
  const test::TemporaryFolder folder;
  Checkpoint c = example();
  write_checkpoint(folder / "c.h5", c);
  const auto back = read_checkpoint(folder / "c.h5").constants;
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->loss, c.constants->loss);
  EXPECT_EQ(back->cond_g, c.constants->cond_g);
  EXPECT_EQ(back->starts, c.constants->starts);
  EXPECT_EQ(back->starts_that_reached_it, c.constants->starts_that_reached_it);
  EXPECT_EQ(back->coframe, c.constants->coframe);
  EXPECT_EQ(back->terms, c.constants->terms);
  EXPECT_EQ(back->weights, c.constants->weights);
  c.constants.reset();
  write_checkpoint(folder / "c.h5", c);
  EXPECT_FALSE(read_checkpoint(folder / "c.h5").constants.has_value());
}

TEST(Checkpoint, parameters_have_their_pytorch_names_and_shapes) {
  const test::TemporaryFolder folder;
  write_checkpoint(folder / "c.h5", example());
  const auto file = io::Hdf5File::open(folder / "c.h5");
  EXPECT_EQ(file.shape("/model/network.0.weight"), (io::Hdf5File::Shape{5, 7}));
  EXPECT_EQ(file.shape("/model/network.2.bias"), (io::Hdf5File::Shape{4}));
  EXPECT_EQ(file.shape("/model/network.4.weight"), (io::Hdf5File::Shape{35, 4}));
}

TEST(Checkpoint, a_truncated_file_is_bad_input_wherever_it_is_cut) {
  const test::TemporaryFolder folder;
  const std::string whole = folder / "c.h5";
  write_checkpoint(whole, example());
  const auto size = fs::file_size(whole);
  for (int part = 0; part < 40; ++part) {
    const std::string cut = folder / "cut.h5";
    fs::copy_file(whole, cut, fs::copy_options::overwrite_existing);
    fs::resize_file(cut, size * part / 40);
    EXPECT_THROW(read_checkpoint(cut), InputError) << "cut at " << part << "/40";
  }
}

TEST(Checkpoint, a_changed_byte_is_bad_input_wherever_it_is) {
  const test::TemporaryFolder folder;
  const std::string path = folder / "c.h5";
  write_checkpoint(path, example());
  std::ifstream in(path, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), {});
  std::mt19937 random(7);
  for (int i = 0; i < 1000; ++i) {
    std::string changed = whole;
    const std::size_t at = random() % whole.size();
    changed[at] = static_cast<char>(changed[at] ^ static_cast<char>(1U << random() % 8U));
    std::ofstream(path, std::ios::binary) << changed;
    EXPECT_NE(io::seal_defect(path), "") << at;
    EXPECT_THROW(read_checkpoint(path), InputError) << at;
  }
}

TEST(Checkpoint, what_was_there_is_kept_under_another_name) {
  const test::TemporaryFolder folder;
  Checkpoint c = example();
  write_checkpoint(folder / "c.h5", c, folder / "before.h5");
  EXPECT_FALSE(fs::exists(folder / "before.h5"));
  c.best_loss = 0.05;
  write_checkpoint(folder / "c.h5", c, folder / "before.h5");
  EXPECT_EQ(read_checkpoint(folder / "c.h5").best_loss, 0.05);
  EXPECT_EQ(read_checkpoint(folder / "before.h5").best_loss, 0.1);
}

TEST(Checkpoint, without_a_seal_is_bad_input) {
  const test::TemporaryFolder folder;
  write_checkpoint(folder / "c.h5", example());
  std::ifstream in(folder / "c.h5", std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), {});
  std::ofstream(folder / "bare.h5", std::ios::binary) << whole.substr(512);
  try {
    read_checkpoint(folder / "bare.h5");
    FAIL() << "was read";
  } catch (const InputError& e) {
    EXPECT_NE(std::string(e.what()).find("no checksum"), std::string::npos) << e.what();
  }
}

// ---- Files that are sealed and yet wrong

/// Reads a checkpoint; what went wrong, empty where nothing did.
std::string read_or_refuse(const std::string& path) {
  try {
    read_checkpoint(path);
  } catch (const InputError& e) {
    EXPECT_EQ(std::string(e.what()).rfind(path, 0), 0U) << e.what();
    EXPECT_LT(std::string(e.what()).size(), path.size() + 300) << e.what();
    return e.what();
  }
  return {};
}

/// A copy of the example, changed by HDF5's own functions and sealed again.
void write_changed(const std::string& path, const std::function<void(hid_t)>& change) {
  write_checkpoint(path, example());
  const std::string bare = path + ".bare";
  std::ofstream(bare, std::ios::binary) << test::bytes_of_file(path).substr(512);
  const hid_t file = H5Fopen(bare.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  ASSERT_GE(file, 0);
  change(file);
  ASSERT_GE(H5Fclose(file), 0);
  std::ofstream(path, std::ios::binary) << io::sealed(test::bytes_of_file(bare));
  fs::remove(bare);
}

void set_attribute(hid_t file, const char* object, const char* name, const std::vector<double>& values) {
  H5Adelete_by_name(file, object, name, H5P_DEFAULT);
  const hsize_t n = values.size();
  const hid_t space = H5Screate_simple(1, &n, nullptr);
  const hid_t attribute =
      H5Acreate_by_name(file, object, name, H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(attribute, H5T_NATIVE_DOUBLE, values.data());
  H5Aclose(attribute);
  H5Sclose(space);
}

/// @param values null: the dataset declares its numbers and holds none
void set_dataset(hid_t file, const char* name, const std::vector<hsize_t>& shape, const double* values) {
  if (H5Lexists(file, name, H5P_DEFAULT) > 0) H5Ldelete(file, name, H5P_DEFAULT);
  const hid_t space = H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
  const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  if (values == nullptr) {
    std::vector<hsize_t> chunk = shape;
    for (hsize_t& n : chunk) n = std::min<hsize_t>(n, 16);
    H5Pset_chunk(properties, static_cast<int>(chunk.size()), chunk.data());
  }
  const hid_t dataset =
      H5Dcreate2(file, name, H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, properties, H5P_DEFAULT);
  if (values != nullptr) H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
  H5Dclose(dataset);
  H5Pclose(properties);
  H5Sclose(space);
}

TEST(HostileCheckpoint, numbers_that_cannot_be_are_refused_by_name) {
  const test::TemporaryFolder folder;
  const std::string path = folder / "c.h5";
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  constexpr double infinity = std::numeric_limits<double>::infinity();
  struct Number {
    const char* object;
    const char* name;
    std::vector<double> impossible;
  };
  const std::vector<double> counts{nan, infinity, -2.0, 0.5, 1e300, 2147483648.0};
  const std::vector<Number> numbers{{"/", "epoch", counts},
                                    {"/", "best_epoch", counts},
                                    {"/", "epochs_without_best", counts},
                                    {"/", "inputs", counts},
                                    {"/", "outputs", counts},
                                    {"/", "images", counts},
                                    {"/", "impose_det", counts},
                                    {"/", "batch_size", {nan, -1.0, 0.0, 0.5, 1e300}},
                                    {"/", "version", {nan, 0.0, 3.0, 1e300}},
                                    {"/", "seconds", {nan, -1.0, infinity}},
                                    {"/", "best_loss", {nan, -infinity}},
                                    {"/", "condition_bound", {nan, -1.0, 0.5, infinity}},
                                    {"/optimizer", "step", {nan, -1.0, 0.5, 1e300}},
                                    {"/schedule", "factor", {nan, -1.0, 0.0, 2.0, infinity}},
                                    {"/schedule", "best", {nan, -infinity}},
                                    {"/schedule", "bad_epochs", counts},
                                    {"/schedule", "rollbacks", counts},
                                    {"/constants", "loss", {nan, infinity}},
                                    {"/constants", "cond_g", {nan, -1.0, infinity}},
                                    {"/constants", "starts", counts},
                                    {"/constants", "starts_that_reached_it", {nan, 0.0, 17.0}}};
  for (const auto& number : numbers)
    for (const double value : number.impossible) {
      write_changed(path, [&](hid_t file) { set_attribute(file, number.object, number.name, {value}); });
      EXPECT_NE(read_or_refuse(path).find(std::string("attribute ") + number.name), std::string::npos)
          << number.name << " = " << value;
    }
  for (const std::vector<double>& radii :
       {std::vector<double>{nan, 1, 1}, {1, -1, 1}, {1, 0, 1}, {1, 1, infinity}}) {
    write_changed(path, [&](hid_t file) { set_attribute(file, "/", "radii", radii); });
    EXPECT_NE(read_or_refuse(path).find("attribute radii"), std::string::npos);
  }
  for (const std::vector<double>& ends : {std::vector<double>{2, 1}, {nan, 2}, {-1, 2}, {1, 2, 3}}) {
    write_changed(path, [&](hid_t file) { set_attribute(file, "/", "interval", ends); });
    EXPECT_NE(read_or_refuse(path).find("attribute interval"), std::string::npos);
  }
  for (const double entry : {nan, 0.0, 1.0}) {  // the last is a matrix of ones
    write_changed(
        path, [&](hid_t file) { set_attribute(file, "/", "base_coframe", std::vector<double>(49, entry)); });
    EXPECT_NE(read_or_refuse(path).find("attribute base_coframe"), std::string::npos) << entry;
  }
}

TEST(HostileCheckpoint, promises_take_no_memory) {
  const test::TemporaryFolder folder;
  const std::string path = folder / "c.h5";
  for (const double width : {2e4, 1e6}) {
    const auto n = static_cast<hsize_t>(width);
    write_changed(path, [&](hid_t file) {
      set_attribute(file, "/", "hidden", {width, width});
      set_dataset(file, "/model/network.0.weight", {n, 7}, nullptr);
      set_dataset(file, "/model/network.2.weight", {n, n}, nullptr);
    });
    EXPECT_NE(read_or_refuse(path).find("/model/network.0.weight: has more numbers"), std::string::npos);
  }
  for (const double width : {0.0, -1.0, 1.5, 1e300, std::numeric_limits<double>::quiet_NaN()}) {
    write_changed(path, [&](hid_t file) { set_attribute(file, "/", "hidden", {width}); });
    EXPECT_NE(read_or_refuse(path).find("attribute hidden"), std::string::npos);
  }
  write_changed(path, [](hid_t file) {
    set_attribute(file, "/", "epoch", {2147483647.0});
    H5Ldelete(file, "/history", H5P_DEFAULT);
    H5Gclose(H5Gcreate2(file, "/history", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  });
  EXPECT_NE(read_or_refuse(path).find("/history: is empty"), std::string::npos);
  write_changed(path, [](hid_t file) { set_dataset(file, "/optimizer/zz", {hsize_t{1} << 40}, nullptr); });
  EXPECT_NE(read_or_refuse(path).find("/optimizer/zz"), std::string::npos);
}

TEST(HostileCheckpoint, what_lbfgs_remembers_comes_in_pairs_of_the_right_shape) {
  const test::TemporaryFolder folder;
  const std::string path = folder / "c.h5";
  const auto n = static_cast<hsize_t>(example().model.network.n_parameters());
  const std::vector<double> ones(3 * n, 1.0);
  const auto message = [&](const std::vector<hsize_t>& steps, const std::vector<hsize_t>& changes) {
    write_changed(path, [&](hid_t file) {
      if (!steps.empty()) set_dataset(file, "/optimizer/lbfgs_steps", steps, ones.data());
      if (!changes.empty()) set_dataset(file, "/optimizer/lbfgs_changes", changes, ones.data());
    });
    return read_or_refuse(path);
  };
  EXPECT_EQ(message({2, n}, {2, n}), "");
  EXPECT_NE(message({2, n}, {}).find("lbfgs_changes: is missing"), std::string::npos);
  EXPECT_NE(message({}, {2, n}).find("lbfgs_steps: is missing"), std::string::npos);
  EXPECT_NE(message({2, n}, {3, n}).find("lbfgs_changes: has shape"), std::string::npos);
  EXPECT_NE(message({2, n - 1}, {2, n - 1}).find("lbfgs_steps: has shape"), std::string::npos);
  EXPECT_NE(message({n}, {n}).find("lbfgs_steps: has shape"), std::string::npos);
}

TEST(HostileCheckpoint, constants_of_another_shape_are_refused) {
  const test::TemporaryFolder folder;
  const std::string path = folder / "c.h5";
  const std::vector<double> numbers(49, 1.0);
  for (const char* name : {"/constants/coframe", "/constants/terms/a", "/constants/weights/a"}) {
    write_changed(path, [&](hid_t file) { set_dataset(file, name, {7, 6}, numbers.data()); });
    EXPECT_NE(read_or_refuse(path).find(std::string(name) + ": has shape"), std::string::npos);
  }
  const double nan = std::numeric_limits<double>::quiet_NaN();
  write_changed(path, [&](hid_t file) { set_dataset(file, "/constants/terms/a", {1}, &nan); });
  EXPECT_NE(read_or_refuse(path).find("/constants/terms/a"), std::string::npos);
}

TEST(HostileCheckpoint, of_the_corpus_is_read_or_refused_by_name) {
  const auto cases = test::hostile_cases("checkpoint");
  ASSERT_GE(cases.size(), 4U);
  for (const auto& c : cases) {
    const std::string message = read_or_refuse(test::hostile_folder() + "/" + c.file);
    EXPECT_EQ(message.empty(), c.words.empty()) << message;
    for (const auto& word : c.words)
      EXPECT_NE(message.find(word), std::string::npos) << word << " in " << message;
  }
}

TEST(HostileCheckpoint, made_by_mutation_and_sealed_again_is_read_or_refused) {
  const test::TemporaryFolder folder;
  const std::string whole = test::bytes_of_file(test::hostile_folder() + "/good-checkpoint.h5");
  test::Mutator mutator(whole.substr(512), 11);
  int read = 0;
  const int n = 2 * test::n_mutations();
  for (int i = 0; i < n; ++i) {
    SCOPED_TRACE(i);
    std::ofstream(folder / "m.h5", std::ios::binary) << io::sealed(mutator.next());
    read += read_or_refuse(folder / "m.h5").empty() ? 1 : 0;
  }
  EXPECT_LT(read, n);
  std::printf("checkpoint: %d mutated files read, %d refused\n", read, n - read);
}

}  // namespace
}  // namespace k7::train
