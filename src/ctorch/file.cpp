#include "file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "error.h"

namespace ctorch {
namespace {

[[noreturn]] void refuse(const std::string& path, const std::string& reason) {
  fail(CTORCH_ERROR_FILE, "cannot write '", path, "': ", reason);
}

[[noreturn]] void refuse(const std::string& path, int error) { refuse(path, std::strerror(error)); }

// The file that is meant: what a link points to, and no device or folder.
std::string target_of(const std::string& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno != ENOENT) refuse(path, errno);
    return path;
  }
  if (S_ISLNK(status.st_mode)) {
    char* real = ::realpath(path.c_str(), nullptr);
    if (!real) refuse(path, "it is a link that leads nowhere");
    const std::string target = real;
    std::free(real);
    return target_of(target);
  }
  if (S_ISDIR(status.st_mode)) refuse(path, EISDIR);
  if (!S_ISREG(status.st_mode)) refuse(path, "it is no regular file");
  return path;
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

// The temporary file, empty, for us alone: of two processes that save under one name at the same moment, the second is refused.
Descriptor open_temporary(const std::string& temporary, const std::string& path) {
  for (;;) {
    Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
    if (file < 0) refuse(path, errno);
    if (::flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
      refuse(path, "another process or thread is writing it at this moment; let one of them save");
    struct stat ours{}, named{};
    // Whoever held the lock before may have given the file its final name meanwhile; then it is not ours to empty.
    if (::fstat(file, &ours) != 0 || ::stat(temporary.c_str(), &named) != 0 || ours.st_ino != named.st_ino) continue;
    if (::ftruncate(file, 0) != 0) refuse(path, errno);
    return file;
  }
}

int write_all(int file, const char* next, size_t left) {
  while (left > 0) {
    const ssize_t written = ::write(file, next, left);
    if (written >= 0) {
      next += written;
      left -= static_cast<size_t>(written);
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

}  // namespace

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

NoSizeSignal::NoSizeSignal() {
  sigemptyset(&signal_);
  sigaddset(&signal_, SIGXFSZ);
  sigset_t pending;
  sigpending(&pending);
  was_pending_ = sigismember(&pending, SIGXFSZ) == 1;
  pthread_sigmask(SIG_BLOCK, &signal_, &before_);
}

NoSizeSignal::~NoSizeSignal() {
  constexpr timespec at_once{};
  if (!was_pending_) sigtimedwait(&signal_, nullptr, &at_once);
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void write_file(const std::string& path, const std::function<void(const Writer&)>& fill) {
  if (path.empty()) fail(CTORCH_ERROR_FILE, "argument 'filename' is empty");
  const std::string target = target_of(path), temporary = target + ".part";
  NoSizeSignal no_signal;
  Descriptor file = open_temporary(temporary, path);
  try {
    int error = 0;
    fill([&](const void* bytes, size_t size) {
      if (error == 0) error = write_all(file, static_cast<const char*>(bytes), size);
      return size;
    });
    if (error != 0) refuse(path, error);
    if (::fsync(file) != 0) refuse(path, errno);
    if (std::rename(temporary.c_str(), target.c_str()) != 0) refuse(path, errno);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  // The name is on the disk when the folder is. Some file systems cannot be asked for that; the file is complete all the same.
  const Descriptor folder(::open(folder_of(target).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder >= 0) ::fsync(folder);
}

}  // namespace ctorch
