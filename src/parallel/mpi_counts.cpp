// SPDX-License-Identifier: Apache-2.0
//
// Counts what a program sends through MPI, whoever in it calls: K7, PETSc, SLEPc or HDF5. A library to be preloaded, on
// MPI's profiling layer:
//   mpirun -n 4 -x LD_PRELOAD=libk7_mpi_counts.so -x K7_MPI_COUNTS=counts.json k7_spectral samples.h5
// Stages are named by MPI_Pcontrol(1, "name") and ended by MPI_Pcontrol(-1, "name"); what comes between counts for the
// innermost one, the rest for "outside". At MPI_Finalize rank 0 writes for each stage the least, mean and largest of all ranks:
//   sends, send_bytes       point-to-point messages
//   exchanges, exchange_messages, exchange_bytes
//                           all-to-all calls, and in them the other ranks that get anything, and what they get
//   collectives, collective_bytes
//                           calls of every other kind, and what this rank puts into them: how many messages they become is the
//                           matter of the MPI library, about log2 of the number of ranks
//   seconds, mpi_seconds    between begin and end of the stage, without stages inside of it, and of that within MPI: waiting for
//                           others, mostly
//   partners                other ranks that were sent anything point-to-point or in exchanges
#include <mpi.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace {

constexpr std::array kinds{"sends",          "send_bytes",  "exchanges",        "exchange_messages",
                           "exchange_bytes", "collectives", "collective_bytes", "seconds",
                           "mpi_seconds",    "partners"};
enum Kind {
  sends,
  send_bytes,
  exchanges,
  exchange_messages,
  exchange_bytes,
  collectives,
  collective_bytes,
  seconds,
  mpi_seconds
};

struct Stage {
  std::array<double, kinds.size() - 1> counts{};
  std::set<int> partners;
};

std::map<std::string, Stage>& stages() {
  static std::map<std::string, Stage> all;
  return all;
}

std::vector<std::string>& open_stages() {
  static std::vector<std::string> open{"outside"};
  return open;
}

/// When what is counted now began to count.
double& since() {
  static double time = PMPI_Wtime();
  return time;
}

/// Gives the time since the last change of stages to the innermost one.
void count_time() {
  const double now = PMPI_Wtime();
  stages()[open_stages().back()].counts[seconds] += now - since();
  since() = now;
}

struct Persistent {
  double bytes;
  int partner;
};
std::map<MPI_Request, Persistent>& persistent_sends() {
  static std::map<MPI_Request, Persistent> all;
  return all;
}

Stage& current() {
  return stages()[open_stages().back()];
}

/// Counts the time within MPI from its making to its end.
class Within {
 public:
  Within() : begin_(PMPI_Wtime()) {}
  ~Within() { current().counts[mpi_seconds] += PMPI_Wtime() - begin_; }
  Within(const Within&) = delete;
  Within& operator=(const Within&) = delete;

 private:
  double begin_;
};

double bytes_of(int count, MPI_Datatype type) {
  int size = 0;
  PMPI_Type_size(type, &size);
  return static_cast<double>(count) * size;
}

/// The rank in MPI_COMM_WORLD of a rank of another communicator; -1 where it is not there.
int world_rank(int rank, MPI_Comm comm) {
  MPI_Group group = MPI_GROUP_NULL;
  MPI_Group world = MPI_GROUP_NULL;
  int result = MPI_UNDEFINED;
  PMPI_Comm_group(comm, &group);
  PMPI_Comm_group(MPI_COMM_WORLD, &world);
  PMPI_Group_translate_ranks(group, 1, &rank, world, &result);
  PMPI_Group_free(&group);
  PMPI_Group_free(&world);
  return result == MPI_UNDEFINED ? -1 : result;
}

void count_send(double bytes, int partner) {
  Stage& stage = current();
  stage.counts[sends] += 1.0;
  stage.counts[send_bytes] += bytes;
  stage.partners.insert(partner);
}

void count_send(int count, MPI_Datatype type, int destination, MPI_Comm comm) {
  if (destination != MPI_PROC_NULL) count_send(bytes_of(count, type), world_rank(destination, comm));
}

void count_collective(double bytes) {
  Stage& stage = current();
  stage.counts[collectives] += 1.0;
  stage.counts[collective_bytes] += bytes;
}

void count_started(MPI_Request request) {
  const auto found = persistent_sends().find(request);
  if (found != persistent_sends().end()) count_send(found->second.bytes, found->second.partner);
}

/// @param counts (ranks of comm) elements for each
void count_exchange(const int* counts, MPI_Datatype type, MPI_Comm comm) {
  int size = 0;
  int rank = 0;
  PMPI_Comm_size(comm, &size);
  PMPI_Comm_rank(comm, &rank);
  Stage& stage = current();
  stage.counts[exchanges] += 1.0;
  for (int other = 0; other < size; ++other) {
    if (other == rank || counts[other] == 0) continue;
    stage.counts[exchange_messages] += 1.0;
    stage.counts[exchange_bytes] += bytes_of(counts[other], type);
    stage.partners.insert(world_rank(other, comm));
  }
}

using Numbers = std::array<double, kinds.size()>;

Numbers numbers_of(const Stage& stage) {
  Numbers numbers{};
  std::copy(stage.counts.begin(), stage.counts.end(), numbers.begin());
  numbers.back() = static_cast<double>(stage.partners.size());
  return numbers;
}

/// One line of the file: what the ranks counted in one stage.
void print_stage(std::FILE* file, const std::string& name, const std::vector<Numbers>& of_ranks,
                 bool is_last) {
  std::fprintf(file, "  \"%s\": {", name.c_str());
  for (std::size_t kind = 0; kind < kinds.size(); ++kind) {
    double low = of_ranks.front()[kind];
    double high = low;
    double sum = 0.0;
    for (const Numbers& numbers : of_ranks) {
      low = std::min(low, numbers[kind]);
      high = std::max(high, numbers[kind]);
      sum += numbers[kind];
    }
    std::fprintf(file, "%s\"%s\": [%.7g, %.7g, %.7g]", kind == 0 ? "" : ", ", kinds[kind], low,
                 sum / static_cast<double>(of_ranks.size()), high);
  }
  std::fprintf(file, "}%s\n", is_last ? "" : ",");
}

/// All ranks go through the same stages, so that rank 0's are everyone's.
void write_counts() {
  const char* path = std::getenv("K7_MPI_COUNTS");
  int rank = 0;
  int size = 0;
  PMPI_Comm_rank(MPI_COMM_WORLD, &rank);
  PMPI_Comm_size(MPI_COMM_WORLD, &size);
  std::string list;
  for (const auto& [name, stage] : stages()) list += name + '\n';
  int length = static_cast<int>(list.size());
  PMPI_Bcast(&length, 1, MPI_INT, 0, MPI_COMM_WORLD);
  list.resize(static_cast<std::size_t>(length));
  PMPI_Bcast(list.data(), length, MPI_CHAR, 0, MPI_COMM_WORLD);
  // Under another name until it is whole.
  const std::string temporary = std::string(path != nullptr ? path : "") + ".tmp";
  std::FILE* file = rank == 0 && path != nullptr ? std::fopen(temporary.c_str(), "w") : nullptr;
  if (file != nullptr) std::fprintf(file, "{\"ranks\": %d, \"stages\": {\n", size);
  for (std::size_t begin = 0, end; begin < list.size(); begin = end + 1) {
    end = list.find('\n', begin);
    const std::string name = list.substr(begin, end - begin);
    const Numbers mine = numbers_of(stages()[name]);
    std::vector<Numbers> all(static_cast<std::size_t>(size));
    PMPI_Gather(mine.data(), kinds.size(), MPI_DOUBLE, all.data(), kinds.size(), MPI_DOUBLE, 0,
                MPI_COMM_WORLD);
    if (file != nullptr) print_stage(file, name, all, end + 1 == list.size());
  }
  if (file == nullptr) return;
  std::fprintf(file, "}}\n");
  const bool is_whole = std::ferror(file) == 0;
  if (std::fclose(file) == 0 && is_whole) std::rename(temporary.c_str(), path);
}

}  // namespace

extern "C" {

int MPI_Pcontrol(const int level, ...) {
  count_time();
  va_list arguments;
  va_start(arguments, level);
  if (level > 0)
    open_stages().emplace_back(va_arg(arguments, const char*));
  else if (level < 0 && open_stages().size() > 1)
    open_stages().pop_back();
  va_end(arguments);
  return MPI_SUCCESS;
}

int MPI_Init(int* argc, char*** argv) {
  const int code = PMPI_Init(argc, argv);
  since();
  return code;
}

int MPI_Init_thread(int* argc, char*** argv, int required, int* provided) {
  const int code = PMPI_Init_thread(argc, argv, required, provided);
  since();
  return code;
}

int MPI_Finalize() {
  count_time();
  write_counts();
  return PMPI_Finalize();
}

int MPI_Send(const void* data, int n, MPI_Datatype type, int to, int tag, MPI_Comm comm) {
  const Within within;
  count_send(n, type, to, comm);
  return PMPI_Send(data, n, type, to, tag, comm);
}

int MPI_Ssend(const void* data, int n, MPI_Datatype type, int to, int tag, MPI_Comm comm) {
  const Within within;
  count_send(n, type, to, comm);
  return PMPI_Ssend(data, n, type, to, tag, comm);
}

int MPI_Isend(const void* data, int n, MPI_Datatype type, int to, int tag, MPI_Comm comm,
              MPI_Request* request) {
  const Within within;
  count_send(n, type, to, comm);
  return PMPI_Isend(data, n, type, to, tag, comm, request);
}

int MPI_Issend(const void* data, int n, MPI_Datatype type, int to, int tag, MPI_Comm comm,
               MPI_Request* request) {
  const Within within;
  count_send(n, type, to, comm);
  return PMPI_Issend(data, n, type, to, tag, comm, request);
}

int MPI_Send_init(const void* data, int n, MPI_Datatype type, int to, int tag, MPI_Comm comm,
                  MPI_Request* request) {
  const Within within;
  const int code = PMPI_Send_init(data, n, type, to, tag, comm, request);
  persistent_sends()[*request] = {bytes_of(n, type), world_rank(to, comm)};
  return code;
}

int MPI_Start(MPI_Request* request) {
  const Within within;
  count_started(*request);
  return PMPI_Start(request);
}

int MPI_Startall(int n, MPI_Request* requests) {
  const Within within;
  for (int i = 0; i < n; ++i) count_started(requests[i]);
  return PMPI_Startall(n, requests);
}

int MPI_Recv(void* data, int n, MPI_Datatype type, int from, int tag, MPI_Comm comm, MPI_Status* status) {
  const Within within;
  return PMPI_Recv(data, n, type, from, tag, comm, status);
}

int MPI_Wait(MPI_Request* request, MPI_Status* status) {
  const Within within;
  return PMPI_Wait(request, status);
}

int MPI_Waitall(int n, MPI_Request* requests, MPI_Status* statuses) {
  const Within within;
  return PMPI_Waitall(n, requests, statuses);
}

int MPI_Waitany(int n, MPI_Request* requests, int* index, MPI_Status* status) {
  const Within within;
  return PMPI_Waitany(n, requests, index, status);
}

int MPI_Waitsome(int n, MPI_Request* requests, int* n_done, int* indices, MPI_Status* statuses) {
  const Within within;
  return PMPI_Waitsome(n, requests, n_done, indices, statuses);
}

int MPI_Request_free(MPI_Request* request) {
  persistent_sends().erase(*request);
  return PMPI_Request_free(request);
}

int MPI_Sendrecv(const void* data, int n, MPI_Datatype type, int to, int tag, void* received, int n_received,
                 MPI_Datatype received_type, int from, int received_tag, MPI_Comm comm, MPI_Status* status) {
  const Within within;
  count_send(n, type, to, comm);
  return PMPI_Sendrecv(data, n, type, to, tag, received, n_received, received_type, from, received_tag, comm,
                       status);
}

int MPI_Alltoall(const void* data, int n, MPI_Datatype type, void* received, int n_received,
                 MPI_Datatype received_type, MPI_Comm comm) {
  const Within within;
  int size = 0;
  PMPI_Comm_size(comm, &size);
  count_exchange(std::vector<int>(static_cast<std::size_t>(size), n).data(), type, comm);
  return PMPI_Alltoall(data, n, type, received, n_received, received_type, comm);
}

int MPI_Alltoallv(const void* data, const int* counts, const int* offsets, MPI_Datatype type, void* received,
                  const int* received_counts, const int* received_offsets, MPI_Datatype received_type,
                  MPI_Comm comm) {
  const Within within;
  count_exchange(counts, type, comm);
  return PMPI_Alltoallv(data, counts, offsets, type, received, received_counts, received_offsets,
                        received_type, comm);
}

int MPI_Barrier(MPI_Comm comm) {
  const Within within;
  count_collective(0.0);
  return PMPI_Barrier(comm);
}

int MPI_Ibarrier(MPI_Comm comm, MPI_Request* request) {
  const Within within;
  count_collective(0.0);
  return PMPI_Ibarrier(comm, request);
}

int MPI_Bcast(void* data, int n, MPI_Datatype type, int root, MPI_Comm comm) {
  const Within within;
  count_collective(bytes_of(n, type));
  return PMPI_Bcast(data, n, type, root, comm);
}

int MPI_Reduce(const void* data, void* result, int n, MPI_Datatype type, MPI_Op op, int root, MPI_Comm comm) {
  const Within within;
  count_collective(bytes_of(n, type));
  return PMPI_Reduce(data, result, n, type, op, root, comm);
}

int MPI_Allreduce(const void* data, void* result, int n, MPI_Datatype type, MPI_Op op, MPI_Comm comm) {
  const Within within;
  count_collective(bytes_of(n, type));
  return PMPI_Allreduce(data, result, n, type, op, comm);
}

int MPI_Iallreduce(const void* data, void* result, int n, MPI_Datatype type, MPI_Op op, MPI_Comm comm,
                   MPI_Request* request) {
  const Within within;
  count_collective(bytes_of(n, type));
  return PMPI_Iallreduce(data, result, n, type, op, comm, request);
}

int MPI_Scan(const void* data, void* result, int n, MPI_Datatype type, MPI_Op op, MPI_Comm comm) {
  const Within within;
  count_collective(bytes_of(n, type));
  return PMPI_Scan(data, result, n, type, op, comm);
}

int MPI_Exscan(const void* data, void* result, int n, MPI_Datatype type, MPI_Op op, MPI_Comm comm) {
  const Within within;
  count_collective(bytes_of(n, type));
  return PMPI_Exscan(data, result, n, type, op, comm);
}

int MPI_Gather(const void* data, int n, MPI_Datatype type, void* received, int n_received,
               MPI_Datatype received_type, int root, MPI_Comm comm) {
  const Within within;
  count_collective(bytes_of(n, type));
  return PMPI_Gather(data, n, type, received, n_received, received_type, root, comm);
}

int MPI_Gatherv(const void* data, int n, MPI_Datatype type, void* received, const int* counts,
                const int* offsets, MPI_Datatype received_type, int root, MPI_Comm comm) {
  const Within within;
  count_collective(bytes_of(n, type));
  return PMPI_Gatherv(data, n, type, received, counts, offsets, received_type, root, comm);
}

int MPI_Allgather(const void* data, int n, MPI_Datatype type, void* received, int n_received,
                  MPI_Datatype received_type, MPI_Comm comm) {
  const Within within;
  count_collective(bytes_of(n, type));
  return PMPI_Allgather(data, n, type, received, n_received, received_type, comm);
}

int MPI_Allgatherv(const void* data, int n, MPI_Datatype type, void* received, const int* counts,
                   const int* offsets, MPI_Datatype received_type, MPI_Comm comm) {
  const Within within;
  count_collective(bytes_of(n, type));
  return PMPI_Allgatherv(data, n, type, received, counts, offsets, received_type, comm);
}

int MPI_Reduce_scatter(const void* data, void* result, const int* counts, MPI_Datatype type, MPI_Op op,
                       MPI_Comm comm) {
  const Within within;
  int size = 0;
  PMPI_Comm_size(comm, &size);
  double bytes = 0.0;
  for (int i = 0; i < size; ++i) bytes += bytes_of(counts[i], type);
  count_collective(bytes);
  return PMPI_Reduce_scatter(data, result, counts, type, op, comm);
}

int MPI_Reduce_scatter_block(const void* data, void* result, int n, MPI_Datatype type, MPI_Op op,
                             MPI_Comm comm) {
  const Within within;
  int size = 0;
  PMPI_Comm_size(comm, &size);
  count_collective(size * bytes_of(n, type));
  return PMPI_Reduce_scatter_block(data, result, n, type, op, comm);
}

}  // extern "C"
