#include "loading/shared_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "core/subgroup.h"

namespace ftorch {
namespace {

// MPI counts in int, and what is on its way needs buffers.
constexpr int64_t piece = int64_t{64} << 20;

// A file in memory without a name, into which bytes are received.
class Receiver {
 public:
  explicit Receiver(int64_t size) : size_(static_cast<size_t>(size)) {
    file_ = ::memfd_create("ftorch", MFD_CLOEXEC);
    // Reserved: a page that is not there when it is written would end the program.
    if (file_ < 0 || ::fallocate(file_, 0, 0, size) != 0)
      fail(CTORCH_ERROR_MEMORY, "no memory for the file: ", std::strerror(errno));
    void* where = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, file_, 0);
    if (where == MAP_FAILED) fail(CTORCH_ERROR_MEMORY, "no memory for the file: ", std::strerror(errno));
    bytes_ = static_cast<char*>(where);
  }
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;
  ~Receiver() {
    if (bytes_) ::munmap(bytes_, size_);
    if (file_ >= 0) ::close(file_);
  }

  char* bytes() const { return bytes_; }
  int file() const { return file_; }

  // The file, which nobody may write from now on.
  int finish() {
    ::munmap(std::exchange(bytes_, nullptr), size_);
    ::fchmod(file_, S_IRUSR);
    return std::exchange(file_, -1);
  }

 private:
  size_t size_;
  int file_ = -1;
  char* bytes_ = nullptr;
};

// The file itself, on the rank that reads it.
class Source {
 public:
  explicit Source(const std::string& path) : path_(path) {
    struct stat status{};
    // Opening a pipe would wait for ever.
    file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file_ < 0 || ::fstat(file_, &status) != 0) fail(CTORCH_ERROR_FILE, "cannot open '", path, "': ", std::strerror(errno));
    if (S_ISDIR(status.st_mode)) fail(CTORCH_ERROR_FILE, "'", path, "' is a directory, no model file");
    if (!S_ISREG(status.st_mode)) fail(CTORCH_ERROR_FILE, "'", path, "' is no regular file");
    if (status.st_size == 0) fail(CTORCH_ERROR_FILE, "'", path, "' is empty");
    size_ = status.st_size;
  }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  ~Source() {
    if (file_ >= 0) ::close(file_);
  }

  int64_t size() const { return size_; }

  void read(char* into, int64_t from, int64_t count) const {
    for (int64_t done = 0; done < count;) {
      const ssize_t got = ::pread(file_, into + done, static_cast<size_t>(count - done), from + done);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail(CTORCH_ERROR_FILE, "cannot read '", path_, "': ", std::strerror(errno));
      if (got == 0) fail(CTORCH_ERROR_FILE, "'", path_, "' became shorter while it was read; is somebody writing it?");
      done += got;
    }
  }

 private:
  std::string path_;
  int file_ = -1;
  int64_t size_ = 0;
};

// Sends what rank 0 of a communicator has, piece by piece; `prepare` fills a piece before it goes.
template <class Prepare>
void send(char* bytes, int64_t size, MPI_Comm comm, Prepare&& prepare) {
  for (int64_t at = 0; at < size; at += piece) {
    const int64_t count = std::min(piece, size - at);
    prepare(bytes + at, at, count);
    check(MPI_Bcast(bytes + at, static_cast<int>(count), MPI_BYTE, 0, comm), "MPI_Bcast");
  }
}

// Opens the memory of another process of this machine; -1 where the system does not let it.
int open_memory_of(int64_t process, int64_t file) {
  const std::string name = "/proc/" + std::to_string(process) + "/fd/" + std::to_string(file);
  return ::open(name.c_str(), O_RDONLY | O_CLOEXEC);
}

}  // namespace

SharedFile::SharedFile(const Group& all, const std::string& path) {
  std::optional<Source> source;
  std::optional<Receiver> receiver;
  int64_t size = 0;
  all.together([&] {
    if (all.rank() != 0) return;
    source.emplace(path);
    size = source->size();
  });
  check(MPI_Bcast(&size, 1, MPI_INT64_T, 0, all.comm()), "MPI_Bcast");
  const Subgroup machine = Subgroup::of_machine(all);
  const Subgroup leaders = Subgroup::of_leaders(all, machine.leads());
  all.together([&] {
    if (machine.leads()) receiver.emplace(size);
  });
  // A file that cannot be read to its end is still sent: the others wait for it.
  Outcome reading;
  if (machine.leads())
    send(receiver->bytes(), size, leaders.comm(), [&](char* into, int64_t from, int64_t count) {
      if (!source || reading.status != CTORCH_SUCCESS) return;
      try {
        source->read(into, from, count);
      } catch (...) {
        reading = outcome_in_flight();
      }
    });
  all.agree(reading);

  std::array<int64_t, 2> place{};
  if (machine.leads()) place = {::getpid(), receiver->file()};
  check(MPI_Bcast(place.data(), 2, MPI_INT64_T, 0, machine.comm()), "MPI_Bcast");
  if (!machine.leads()) memory_ = open_memory_of(place[0], place[1]);
  int opened = machine.leads() || memory_ >= 0;
  check(MPI_Allreduce(MPI_IN_PLACE, &opened, 1, MPI_INT, MPI_MIN, machine.comm()), "MPI_Allreduce");
  // Processes that may not look at each other have a copy each.
  all.together([&] {
    if (opened || machine.leads()) return;
    close();
    receiver.emplace(size);
  });
  if (!opened) send(receiver->bytes(), size, machine.comm(), [](char*, int64_t, int64_t) {});
  if (receiver) memory_ = receiver->finish();
  check(MPI_Barrier(machine.comm()), "MPI_Barrier");  // until nobody may write there
}

SharedFile::~SharedFile() { close(); }

void SharedFile::close() noexcept {
  if (memory_ >= 0) ::close(memory_);
  memory_ = -1;
}

}  // namespace ftorch
