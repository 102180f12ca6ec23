#include "core/communicator.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <chrono>
#include <thread>
#include <type_traits>

#include "core/error.h"
#include "core/group.h"
#include "ctorch_mpi.h"

namespace ftorch {
namespace {

// While it lives, MPI returns errors that belong to no valid communicator; its default is to end the job.
class QuietMpi {
 public:
  QuietMpi() {
    for (int i = 0; i < 2; ++i) {
      MPI_Comm_get_errhandler(all_[i], &before_[i]);
      MPI_Comm_set_errhandler(all_[i], MPI_ERRORS_RETURN);
    }
  }
  ~QuietMpi() {
    for (int i = 0; i < 2; ++i) {
      MPI_Comm_set_errhandler(all_[i], before_[i]);
      MPI_Errhandler_free(&before_[i]);
    }
  }
  QuietMpi(const QuietMpi&) = delete;
  QuietMpi& operator=(const QuietMpi&) = delete;

 private:
  // Which of the two has errors without a communicator depends on MPI's version.
  MPI_Comm all_[2] = {MPI_COMM_WORLD, MPI_COMM_SELF};
  MPI_Errhandler before_[2] = {MPI_ERRHANDLER_NULL, MPI_ERRHANDLER_NULL};
};

// Open MPI's handles are addresses, and a number that stands for none is the null address.
template <class Handle>
bool leads_nowhere(Handle handle) {
  if constexpr (std::is_pointer_v<Handle>)
    return handle == nullptr;
  else
    return false;
}

// What was written on standard error goes through the launcher, which may end with the job before it has passed it on.
void wait_for_readers() {
  using namespace std::chrono_literals;
  int unread = 0;
  for (int i = 0; i < 20 && ::ioctl(STDERR_FILENO, FIONREAD, &unread) == 0 && unread > 0; ++i)
    std::this_thread::sleep_for(100ms);
  std::this_thread::sleep_for(200ms);
}

}  // namespace

bool may_call_mpi() {
  int level = MPI_THREAD_MULTIPLE, is_main = 0;
  MPI_Query_thread(&level);
  MPI_Is_thread_main(&is_main);
  return level > MPI_THREAD_FUNNELED || is_main;
}

void need_running_mpi() {
  int yes = 0;
  MPI_Initialized(&yes);
  if (!yes) fail(CTORCH_ERROR_ARGUMENT, "MPI has not been started; call MPI_Init before");
  MPI_Finalized(&yes);
  if (yes) fail(CTORCH_ERROR_ARGUMENT, "MPI has been ended; call this before MPI_Finalize");
  if (!may_call_mpi())
    fail(CTORCH_ERROR_ARGUMENT, "called by another thread than the one that started MPI, which allows only that one; ",
         "ask MPI_Init_thread for MPI_THREAD_SERIALIZED, or call this outside of parallel regions");
}

MPI_Comm usable_communicator(int32_t comm) {
  need_running_mpi();
  MPI_Comm found = MPI_Comm_f2c(comm);
  if (found == MPI_COMM_NULL)
    fail(CTORCH_ERROR_ARGUMENT, "argument 'comm': expected a communicator, got MPI_COMM_NULL; ",
         "where MPI_Comm_split gave this rank none, do not call");
  int between = 0;
  bool alive = !leads_nowhere(found);
  if (alive) {
    const QuietMpi quiet;
    alive = MPI_Comm_test_inter(found, &between) == MPI_SUCCESS;
  }
  if (!alive) fail(CTORCH_ERROR_ARGUMENT, "argument 'comm': ", comm, " is no communicator; one that MPI_Comm_free has ended?");
  if (between)
    fail(CTORCH_ERROR_ARGUMENT, "argument 'comm': expected the ranks of one group, got a communicator between two groups; ",
         "MPI_Intercomm_merge makes one of both");
  return found;
}

}  // namespace ftorch

using namespace ftorch;

int32_t ctorch_mpi_rank(int32_t comm, int32_t* rank) {
  return guard([&] { *rank = group_of(comm).rank(); });
}

int32_t ctorch_mpi_abort(int32_t comm, int32_t code) {
  return guard([&] {
    need_running_mpi();
    MPI_Comm job = MPI_COMM_WORLD;
    try {
      job = usable_communicator(comm);
    } catch (const Error&) {  // freed since: the job must end all the same
    }
    wait_for_readers();
    MPI_Abort(job, code);
  });
}

int32_t ctorch_mpi_wait(int32_t comm) {
  return guard([&] { check(MPI_Barrier(group_of(comm).comm()), "MPI_Barrier"); });
}

int32_t ctorch_mpi_agree(int32_t comm, int32_t mine, const char* message, int64_t length) {
  return guard([&] {
    const Group all = group_of(comm);
    all.together([&] {
      if (mine != CTORCH_SUCCESS) throw Error(mine, std::string(message, static_cast<size_t>(length)));
    });
  });
}
