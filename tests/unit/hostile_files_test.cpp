// SPDX-License-Identifier: Apache-2.0
// Files that crash HDF5, keep it busy for ever, lead into other files or promise what they do not hold: each
// is read right or refused in one short line, and this process goes on.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "hostile.hpp"
#include "io/field_file.hpp"
#include "io/hdf5_reader.hpp"
#include "io/reader_process.hpp"
#include "k7/base/error.hpp"
#include "k7/io/sample_file.hpp"
#include "test_data.hpp"

namespace k7::io {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t longest_line = 400;  // beside the path

/// Reads all of a file; what went wrong, empty where nothing did.
std::string read_all(const std::string& path, const std::string& reader) {
  try {
    if (reader == "samples") {
      const SampleReader samples(path, test::world());
      const auto n = static_cast<std::size_t>(samples.n_points());
      std::vector<double> points(n * static_cast<std::size_t>(samples.manifold().point_size()));
      std::vector<double> metrics(n * geometry::n_sym);
      std::vector<double> weights(n);
      samples.read(0, samples.n_points(), points.data(), metrics.data());
      if (samples.has_weights()) samples.read_weights(0, samples.n_points(), weights.data());
    } else {
      const FieldReader fields(FieldAddress(path), test::world());
      std::vector<double> phi;
      std::vector<double> derivatives;
      fields.read(0, fields.n_rows(), phi, derivatives);
    }
  } catch (const Error& e) {
    EXPECT_EQ(e.fault(), Fault::bad_input) << e.what();
    return e.what();
  }
  return {};
}

/// A refusal names the file first, is short, and shows nothing that does not print.
void expect_one_fit_line(const std::string& message, const std::string& path) {
  EXPECT_EQ(message.rfind(path, 0), 0U) << message;
  EXPECT_LT(message.size(), path.size() + longest_line) << message;
  EXPECT_TRUE(std::all_of(message.begin(), message.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
  })) << message;
}

class HostileFiles : public testing::TestWithParam<const char*> {};

TEST_P(HostileFiles, of_the_corpus_are_read_or_refused_by_name) {
  const auto cases = test::hostile_cases(GetParam());
  ASSERT_GT(cases.size(), 10U);
  for (const auto& c : cases) {
    SCOPED_TRACE(c.file);
    const std::string path = test::hostile_folder() + "/" + c.file;
    const std::string message = read_all(path, c.reader);
    EXPECT_EQ(message.empty(), c.words.empty()) << message;
    if (message.empty()) continue;
    expect_one_fit_line(message, path);
    for (const auto& word : c.words)
      EXPECT_NE(message.find(word), std::string::npos) << word << " in " << message;
    EXPECT_EQ(message.find("this text belongs"), std::string::npos) << message;
  }
}

TEST_P(HostileFiles, made_by_mutation_are_read_or_refused) {
  const test::TemporaryFolder folder;
  int refused = 0;
  int read = 0;
  for (const auto& c : test::hostile_cases(GetParam())) {
    if (c.file.rfind("good-", 0) != 0) continue;
    test::Mutator mutator(test::bytes_of_file(test::hostile_folder() + "/" + c.file), 5);
    for (int i = 0; i < test::n_mutations(); ++i) {
      SCOPED_TRACE(c.file + ", mutation " + std::to_string(i));
      const std::string path = folder / "m.h5";
      std::ofstream(path, std::ios::binary) << mutator.next();
      const std::string message = read_all(path, c.reader);
      ++(message.empty() ? read : refused);
      if (!message.empty()) expect_one_fit_line(message, path);
    }
  }
  EXPECT_GT(refused, read / 10);
  EXPECT_GT(read, refused / 10);
  RecordProperty("read", read);
  RecordProperty("refused", refused);
  std::printf("%s: %d mutated files read, %d refused\n", GetParam(), read, refused);
}

INSTANTIATE_TEST_SUITE_P(Readers, HostileFiles, testing::Values("samples", "fields"),
                         [](const auto& one) { return std::string(one.param); });

TEST(HostileFile, that_is_no_regular_file_is_not_opened) {
  const test::TemporaryFolder folder;
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  for (const std::string& path : {folder / "pipe", std::string("/dev/zero"), folder / ""}) {
    for (const char* reader : {"samples", "fields"}) EXPECT_NE(read_all(path, reader), "") << path;
    EXPECT_NE(seal_defect(path), "") << path;
  }
  EXPECT_NE(read_all(folder / "pipe", "samples").find("not a regular file"), std::string::npos);
}

/// Processes that this one has started and not seen end; MPI may have some of its own.
int n_children() {
  int n = 0;
  for (const auto& task : fs::directory_iterator("/proc/self/task")) {
    std::ifstream list(task.path() / "children");
    for (int pid = 0; list >> pid;) ++n;
  }
  return n;
}

TEST(HostileFile, leaves_no_process_behind) {
  const int before = n_children();
  for (const char* file : {"good-samples-gzip.h5", "damaged-gzip.h5", "damaged-heap.h5"})
    read_all(test::hostile_folder() + "/" + file, "samples");
  EXPECT_EQ(n_children(), before);
  const Hdf5Reader open(test::hostile_folder() + "/good-samples.h5");
  EXPECT_EQ(n_children(), before + 1);
}

// ---- The process that reads

std::string echo(const std::string& request) {
  if (request == "crash") raise(SIGSEGV);
  if (request == "abort") std::abort();
  if (request == "leave") _exit(0);
  if (request == "kill") raise(SIGKILL);
  if (request == "spin") {
    allow_processor_seconds(0.0);
    for (volatile unsigned i = 0;; i = i + 1) {
    }
  }
  if (request == "input") throw InputError("no good");
  if (request == "bug") throw std::runtime_error("a bug");
  if (request == "print") std::puts("this must not be seen");
  return request + "!";
}

TEST(ReaderProcess, answers_and_passes_errors_on) {
  ReaderProcess process([] { return echo; });
  auto end = ReaderProcess::End::none;
  EXPECT_EQ(process.call("hello", 100, end), "hello!");
  try {
    process.call("input", 100, end);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.fault(), Fault::bad_input);
    EXPECT_STREQ(e.what(), "no good");
  }
  try {
    process.call("bug", 100, end);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.fault(), Fault::internal);
  }
  EXPECT_EQ(process.call(std::string(100000, 'x'), 200000, end).size(), 100001U);
  testing::internal::CaptureStdout();
  EXPECT_EQ(process.call("print", 100, end), "print!");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(end, ReaderProcess::End::none);
}

TEST(ReaderProcess, tells_how_it_ended_and_ends_nobody_else) {
  using End = ReaderProcess::End;
  for (const auto& [request, expected] :
       {std::pair{"crash", End::crashed}, std::pair{"abort", End::crashed}, std::pair{"leave", End::crashed},
        std::pair{"kill", End::killed}, std::pair{"spin", End::endless}}) {
    ReaderProcess process([] { return echo; });
    auto end = End::none;
    EXPECT_EQ(process.call(request, 100, end), "") << request;
    EXPECT_EQ(end, expected) << request;
    EXPECT_EQ(process.call("again", 100, end), "") << request;
    EXPECT_EQ(end, expected) << request;
  }
}

TEST(ReaderProcess, a_longer_answer_than_asked_for_is_taken_for_damage) {
  ReaderProcess process([] { return echo; });
  auto end = ReaderProcess::End::none;
  EXPECT_EQ(process.call(std::string(1 << 17, 'x'), 10, end), "");
  EXPECT_NE(end, ReaderProcess::End::none);
}

TEST(ReaderProcess, keeps_no_file_of_this_process_open) {
  const test::TemporaryFolder folder;
  const int held = ::open((folder / "held").c_str(), O_CREAT | O_RDWR, 0600);
  ReaderProcess process([held] {
    return [held](const std::string&) { return std::string(fcntl(held, F_GETFD) < 0 ? "closed" : "open"); };
  });
  auto end = ReaderProcess::End::none;
  EXPECT_EQ(process.call("?", 100, end), "closed");
  ::close(held);
}

TEST(ReaderProcess, outlives_signals_that_ask_this_program_to_stop) {
  ReaderProcess process([] { return [](const std::string&) { return std::to_string(getpid()); }; });
  auto end = ReaderProcess::End::none;
  const int pid = std::stoi(process.call("?", 100, end));
  for (const int signal : {SIGTERM, SIGUSR1, SIGINT}) ::kill(pid, signal);
  EXPECT_EQ(process.call("?", 100, end), std::to_string(pid));
}

}  // namespace
}  // namespace k7::io
