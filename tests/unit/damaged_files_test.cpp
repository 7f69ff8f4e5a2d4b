// SPDX-License-Identifier: Apache-2.0
// Files that crash HDF5, keep it busy for ever or promise what they do not hold.
#include <hdf5.h>
#include <signal.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "io/guarded_call.hpp"
#include "k7/error.hpp"
#include "k7/io/sample_file.hpp"
#include "test_data.hpp"

namespace k7::io {
namespace {

TEST(GuardedCall, tells_how_the_call_ended) {
  bool done = false;
  EXPECT_EQ(guarded_call([&] { done = true; }), CallEnd::returned);
  EXPECT_TRUE(done);
  EXPECT_EQ(guarded_call([] { raise(SIGSEGV); }), CallEnd::crashed);
  EXPECT_EQ(guarded_call([] { raise(SIGBUS); }), CallEnd::crashed);
  EXPECT_EQ(guarded_call([] {
              for (volatile unsigned i = 0;; i = i + 1) {
              }
            }),
            CallEnd::endless);
  EXPECT_EQ(guarded_call([] {}), CallEnd::returned);
}

TEST(GuardedCall, lets_exceptions_and_later_signals_through) {
  EXPECT_THROW(guarded_call([] { throw InputError("x"); }), InputError);
  EXPECT_EXIT(raise(SIGSEGV), testing::KilledBySignal(SIGSEGV), "");
}

/// A file whose attribute `format` is a text of variable length: it lies in a global heap.
void write_variable_text(const std::string& path) {
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE);
  const hid_t space = H5Screate(H5S_SCALAR);
  const hid_t attribute = H5Acreate2(file, "format", type, space, H5P_DEFAULT, H5P_DEFAULT);
  const char* text = "k7-samples";
  H5Awrite(attribute, type, &text);
  H5Aclose(attribute);
  H5Sclose(space);
  H5Tclose(type);
  H5Fclose(file);
}

/// Makes the first object of the global heap longer than any memory. Behind "GCOL" come 12 bytes of header,
/// then the object's index, reference count and four reserved bytes, then its length.
void lengthen_heap_object(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  std::string bytes = content.str();
  const std::size_t heap = bytes.find("GCOL");
  ASSERT_NE(heap, std::string::npos);
  bytes[heap + 4 + 12 + 8 + 5] = '\x7f';
  std::ofstream(path, std::ios::binary) << bytes;
}

TEST(DamagedFile, heap_that_crashes_the_library_is_bad_input) {
  const test::TemporaryFolder folder;
  const std::string path = folder / "s.h5";
  write_variable_text(path);
  EXPECT_EQ(Hdf5File::open(path).string_attribute("/", "format"), "k7-samples");
  lengthen_heap_object(path);
  // In a process of its own: afterwards the library must not be used.
  EXPECT_EXIT(
      {
        try {
          Hdf5File::open(path).string_attribute("/", "format");
        } catch (const InputError& e) {
          std::fprintf(stderr, "%s\n", e.what());
          std::_Exit(hdf5_abandoned() ? 2 : 0);
        }
        std::_Exit(1);
      },
      testing::ExitedWithCode(2), "s.h5: attribute format: is damaged");
}

TEST(DamagedFile, rows_that_were_never_written_take_no_memory) {
  const test::TemporaryFolder folder;
  const std::string path = folder / "s.h5";
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const auto declare = [&](const char* name, std::vector<hsize_t> shape) {
    const hid_t space = H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
    shape[0] = 4;
    const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(properties, static_cast<int>(shape.size()), shape.data());
    H5Dclose(H5Dcreate2(file, name, H5T_IEEE_F64LE, space, H5P_DEFAULT, properties, H5P_DEFAULT));
    H5Pclose(properties);
    H5Sclose(space);
  };
  constexpr hsize_t rows = 1'000'000'000;
  declare("/coords", {rows, 7});
  declare("/metric", {rows, 7, 7});
  H5Fclose(file);
  EXPECT_EQ(Hdf5File::open(path).storage_size("/metric"), 0U);
  try {
    const SampleReader reader(path, test::world());
    FAIL() << "no error";
  } catch (const CollectiveError& e) {
    EXPECT_EQ(e.code(), ExitCode::bad_input);
    EXPECT_NE(std::string(e.what()).find("s.h5: /coords: has shape (1000000000, 7)"), std::string::npos)
        << e.what();
  }
}

}  // namespace
}  // namespace k7::io
