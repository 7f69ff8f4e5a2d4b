// SPDX-License-Identifier: Apache-2.0
// Atomic files and HDF5: what is written reads back, what fails leaves nothing behind.
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>
#include <utility>

#include "io/atomic_file.hpp"
#include "io/json_file.hpp"
#include "k7/base/error.hpp"
#include "test_data.hpp"

namespace k7::io {
namespace {

namespace fs = std::filesystem;

std::string read_all(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

int files_in(const std::string& folder) {
  int n = 0;
  for (const auto& entry : fs::directory_iterator(folder)) n += entry.path().empty() ? 0 : 1;
  return n;
}

TEST(AtomicFile, replaces_whole_and_leaves_no_temporary) {
  const test::TemporaryFolder folder;
  write_text(folder / "a.txt", "old");
  write_text(folder / "a.txt", "new");
  EXPECT_EQ(read_all(folder / "a.txt"), "new");
  EXPECT_EQ(files_in(folder / ""), 1);
}

TEST(AtomicFile, without_commit_the_old_file_stays) {
  const test::TemporaryFolder folder;
  write_text(folder / "a.txt", "old");
  {
    const AtomicFile file(folder / "a.txt");
    std::ofstream(file.temporary()) << "half";
  }
  EXPECT_EQ(read_all(folder / "a.txt"), "old");
  EXPECT_EQ(files_in(folder / ""), 1);
}

TEST(AtomicFile, obstacles_are_named) {
  const test::TemporaryFolder folder;
  EXPECT_EQ(write_obstacle(folder / "fine.txt"), "");
  EXPECT_NE(write_obstacle(folder / "").find("folder"), std::string::npos);
  EXPECT_NE(write_obstacle(folder / "missing/a.txt").find("does not exist"), std::string::npos);
  EXPECT_NE(write_obstacle("/dev/full").find("regular"), std::string::npos);
  EXPECT_EQ(files_in(folder / ""), 0);
}

TEST(AtomicFile, behind_links_the_target_is_written) {
  const test::TemporaryFolder folder;
  fs::create_directory(folder / "scratch");
  fs::create_symlink("scratch/a.txt", folder / "a.txt");
  fs::create_symlink("a.txt", folder / "b.txt");
  for (const char* text : {"first", "second"}) {
    write_text(folder / "b.txt", text);
    EXPECT_EQ(read_all(folder / "scratch/a.txt"), text);
  }
  EXPECT_TRUE(fs::is_symlink(folder / "a.txt"));
  EXPECT_TRUE(fs::is_symlink(folder / "b.txt"));
  EXPECT_EQ(write_target(folder / "b.txt"), folder / "scratch/a.txt");
  EXPECT_EQ(files_in(folder / "scratch"), 1);
}

TEST(AtomicFile, links_that_lead_nowhere_are_obstacles) {
  const test::TemporaryFolder folder;
  fs::create_symlink("b", folder / "a");
  fs::create_symlink("a", folder / "b");
  fs::create_symlink("missing/c.txt", folder / "c");
  EXPECT_NE(write_obstacle(folder / "a").find("loop"), std::string::npos);
  EXPECT_NE(write_obstacle(folder / "c").find("missing does not exist"), std::string::npos);
  EXPECT_TRUE(fs::is_symlink(folder / "a"));
  EXPECT_EQ(files_in(folder / ""), 3);
}

/// What was there before gets another name, also where links lead to another disk.
TEST(AtomicFile, what_was_there_is_kept_behind_links) {
  const test::TemporaryFolder folder;
  fs::path elsewhere = folder / "scratch";
  std::error_code none;
  if (fs::is_directory("/dev/shm", none)) elsewhere = "/dev/shm/k7_files_test." + std::to_string(getpid());
  fs::create_directory(elsewhere);
  fs::create_symlink(elsewhere / "last", folder / "last");
  const auto write = [&](const char* text) {
    AtomicFile file(folder / "last");
    file.write(text);
    file.commit(folder / "previous");
  };
  for (const char* text : {"one", "two", "three"}) write(text);
  EXPECT_EQ(read_all(folder / "last"), "three");
  EXPECT_EQ(read_all(folder / "previous"), "two");
  EXPECT_TRUE(fs::is_symlink(folder / "last"));
  EXPECT_EQ(files_in(elsewhere), 1);
  fs::remove_all(elsewhere);
}

TEST(AtomicFile, names_and_paths_may_be_as_long_as_the_system_allows) {
  const test::TemporaryFolder folder;
  write_text(folder / std::string(255, 'n'), "long");
  EXPECT_EQ(files_in(folder / ""), 1);
  EXPECT_NE(write_obstacle(folder / std::string(256, 'n')).find("too long"), std::string::npos);
  for (std::size_t name = 1; name < 40; ++name) {
    std::string path = folder / "";
    constexpr std::size_t longest = 4095;
    while (path.size() < longest - 300) path += std::string(200, 'd') + "/";
    path += std::string(longest - path.size() - name - 1, 'e') + "/";
    fs::create_directories(path);
    path += std::string(name, 'x');
    ASSERT_EQ(path.size(), longest);
    write_text(path, "deep");
    EXPECT_EQ(read_all(path), "deep");
    EXPECT_EQ(files_in(fs::path(path).parent_path()), 1) << name;
  }
}

TEST(Hdf5File, numbers_and_attributes_read_back) {
  const test::TemporaryFolder folder;
  const std::vector<double> values{1.0, 2.5, -3.0, 4.0, 5.0, 6.0};
  {
    Hdf5File file = Hdf5File::create(folder / "a.h5");
    file.write("/group/x", {3, 2}, values.data());
    file.create_dataset("/n", {2}, Hdf5File::Type::int64);
    const std::vector<std::int64_t> n{7, -9};
    file.write_rows("/n", 0, 2, n.data());
    file.set_attribute("/", "name", std::string("K7"));
    file.set_attribute("/", "empty", std::string());
    file.set_attribute("/group", "numbers", values);
    file.set_attribute("/group", "one", std::int64_t{42});
    file.close();
  }
  const Hdf5File file = Hdf5File::open(folder / "a.h5");
  EXPECT_EQ(file.read("/group/x"), values);
  std::vector<double> row(2);
  file.read_rows("/group/x", 1, 1, row.data());
  EXPECT_EQ(row, (std::vector<double>{-3.0, 4.0}));
  std::vector<std::int64_t> n(2);
  file.read_rows("/n", 0, 2, n.data());
  EXPECT_EQ(n, (std::vector<std::int64_t>{7, -9}));
  EXPECT_EQ(file.string_attribute("/", "name"), "K7");
  EXPECT_EQ(file.string_attribute("/", "empty"), "");
  EXPECT_EQ(file.numbers_attribute("/group", "numbers"), values);
  EXPECT_EQ(file.number_attribute("/group", "one"), 42.0);
  EXPECT_EQ(file.list("/group"), (std::vector<std::string>{"x"}));
}

/// The text of the error that `work` throws.
template <class Work>
std::string error_of(Work work) {
  try {
    work();
  } catch (const Error& e) {
    EXPECT_EQ(e.fault(), Fault::bad_input);
    return e.what();
  }
  ADD_FAILURE() << "no error";
  return {};
}

TEST(Hdf5File, errors_name_file_and_dataset) {
  const test::TemporaryFolder folder;
  const std::string path = folder / "a.h5";
  EXPECT_NE(error_of([&] { Hdf5File::open(path); }).find("No such file"), std::string::npos);
  std::ofstream(path) << "this is text";
  EXPECT_NE(error_of([&] { Hdf5File::open(path); }).find("not an HDF5 file"), std::string::npos);
  {
    const std::vector<double> values(1000, 1.0);
    Hdf5File file = Hdf5File::create(path);
    file.write("/x", {1000}, values.data());
    file.close();
  }
  EXPECT_NE(error_of([&] { Hdf5File::open(path).read("/y"); }).find("/y"), std::string::npos);
  std::vector<std::int64_t> n(1000);
  EXPECT_NE(error_of([&] { Hdf5File::open(path).read_rows("/x", 0, 1000, n.data()); }).find("wrong type"),
            std::string::npos);
  fs::resize_file(path, fs::file_size(path) - 3000);
  EXPECT_NE(error_of([&] { Hdf5File::open(path).read("/x"); }).find(path), std::string::npos);
}

TEST(Hdf5File, a_file_of_another_kind_is_named) {
  const test::TemporaryFolder folder;
  const std::string path = folder / "a.h5";
  const std::string rest(1000, 'x');
  for (const auto& [start, words] :
       {std::pair{std::string("\x93NUMPY\x01"), "npy_to_hdf5.py FILE -o samples.h5"},
        std::pair{std::string("PK\x03\x04"), "npy_to_hdf5.py FILE -o samples.h5"},
        std::pair{std::string("PK\x05\x06"), "zip"},
        std::pair{std::string("version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"},
        std::pair{std::string("\x1f\x8b\x08"), "gunzip"}, std::pair{std::string("PK"), "not an HDF5 file"}}) {
    std::ofstream(path, std::ios::binary) << start << rest;
    EXPECT_NE(error_of([&] { Hdf5File::open(path); }).find(words), std::string::npos) << words;
  }
}

/// Like a full disk, but anyone can have it: files of this process may not grow beyond 64 KiB.
class SmallFiles {
 public:
  SmallFiles() : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit small{65536, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
  }
  ~SmallFiles() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  SmallFiles(const SmallFiles&) = delete;
  SmallFiles& operator=(const SmallFiles&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int);
};

TEST(AtomicFile, a_write_that_fails_is_an_error_that_leaves_nothing) {
  const test::TemporaryFolder folder;
  {
    const SmallFiles limit;
    EXPECT_NE(error_of([&] { write_text(folder / "big.txt", std::string(1 << 20, 'x')); }).find("large"),
              std::string::npos);
  }
  EXPECT_EQ(files_in(folder / ""), 0);
}

TEST(SpaceReservation, holds_space_without_a_name) {
  const test::TemporaryFolder folder;
  const std::string disk = folder / "disk";
  fs::create_directory(disk);
  if (mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=256k") != 0)
    GTEST_SKIP() << "skipped: a small disk needs the right to mount one (root)";
  const auto free_bytes = [&] { return fs::space(disk).free; };
  const auto all = free_bytes();
  {
    SpaceReservation held(disk + "/a", 200000);
    EXPECT_LE(free_bytes(), all - 200000);
    EXPECT_EQ(files_in(disk), 0);
    EXPECT_NE(error_of([&] { SpaceReservation(disk + "/b", 200000); }).find("space"), std::string::npos);
    SpaceReservation moved;
    moved = std::move(held);
    EXPECT_LE(free_bytes(), all - 200000);
    moved.release();
    EXPECT_EQ(free_bytes(), all);
  }
  EXPECT_EQ(files_in(disk), 0);
  umount(disk.c_str());
}

TEST(SpaceReservation, more_than_a_file_may_hold_is_an_error) {
  const test::TemporaryFolder folder;
  const SmallFiles limit;
  EXPECT_NE(error_of([&] { SpaceReservation(folder / "big", 1 << 20); }).find("large"), std::string::npos);
  SpaceReservation(folder / "small", 1 << 12).release();
  EXPECT_EQ(files_in(folder / ""), 0);
}

TEST(Rescue, names_are_new) {
  const test::TemporaryFolder folder;
  const std::string first = claim_rescue_name("lost/spectral.json", folder / "");
  const std::string second = claim_rescue_name("lost/spectral.json", folder / "");
  EXPECT_NE(first, second);
  EXPECT_EQ(fs::path(first).filename(), "spectral-" + std::to_string(getpid()) + ".json");
  EXPECT_EQ(fs::path(second).extension(), ".json");
  EXPECT_EQ(files_in(folder / ""), 2);
  EXPECT_EQ(claim_rescue_name("a.json", folder / "missing"), "");
}

TEST(Rescue, results_that_cannot_be_written_go_elsewhere) {
  const test::TemporaryFolder folder;
  const fs::path before = fs::current_path();
  fs::current_path(folder / "");
  const std::string text = error_of([&] { write_results("missing/results.json", {{"x", 1}}); });
  const std::string name = "./results-" + std::to_string(getpid()) + ".json";
  const std::string rescued = read_all(name);
  fs::current_path(before);
  EXPECT_NE(text.find("missing/results.json"), std::string::npos) << text;
  EXPECT_NE(text.find("in " + name), std::string::npos) << text;
  EXPECT_EQ(Json::parse(rescued)["x"].get<int>(), 1);
}

TEST(Hdf5File, a_full_disk_is_an_error_that_leaves_nothing) {
  const test::TemporaryFolder folder;
  const std::string disk = folder / "disk";
  fs::create_directory(disk);
  if (mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=256k") != 0)
    GTEST_SKIP() << "skipped: a small disk to fill needs the right to mount one (root); SmallFiles of "
                    "tests/e2e needs none";
  const std::string text = error_of([&] {
    const AtomicFile output(disk + "/big.h5");
    const std::vector<double> values(1 << 17, 1.0);
    Hdf5File file = Hdf5File::create(output.temporary());
    file.write("/x", {values.size()}, values.data());
    file.close();
  });
  EXPECT_NE(text.find("disk"), std::string::npos) << text;
  EXPECT_NE(error_of([&] { write_text(disk + "/big.txt", std::string(1 << 20, 'x')); }).find("space"),
            std::string::npos);
  EXPECT_EQ(files_in(disk), 0);
  umount(disk.c_str());
}

TEST(JsonFile, names_that_are_not_utf8_do_not_cost_the_results) {
  const test::TemporaryFolder folder;
  write_json(folder / "a.json", {{"out", "\xff.json"}, {"y", 0.1}});
  EXPECT_EQ(Json::parse(read_all(folder / "a.json"))["y"].get<double>(), 0.1);
}

TEST(JsonFile, numbers_that_are_not_finite_become_null) {
  const test::TemporaryFolder folder;
  write_json(folder / "a.json", {{"x", std::nan("")}, {"y", 0.1}});
  const Json back = Json::parse(read_all(folder / "a.json"));
  EXPECT_TRUE(back["x"].is_null());
  EXPECT_EQ(back["y"].get<double>(), 0.1);
}

}  // namespace
}  // namespace k7::io
