#include "io/atomic_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string_view>
#include <vector>

#include "core/error.h"

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

constexpr const char *temporary_prefix = ".ftorch-", *temporary_suffix = ".part";
constexpr time_t left_behind_after = time_t{24} * 3600;

// Where a file cannot be without a name (on other machines), a killed process leaves its temporary one. After a day it goes.
void remove_leftovers(int folder) {
  const int again = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* list = again < 0 ? nullptr : ::fdopendir(again);
  if (!list) {
    if (again >= 0) ::close(again);
    return;
  }
  while (const dirent* item = ::readdir(list)) {
    const std::string_view name = item->d_name;
    struct stat status{};
    if (name.starts_with(temporary_prefix) && name.ends_with(temporary_suffix) &&
        ::fstatat(folder, item->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode) &&
        status.st_uid == ::geteuid() && std::time(nullptr) - status.st_mtime > left_behind_after)
      ::unlinkat(folder, item->d_name, 0);
  }
  ::closedir(list);
}

// A new file in a folder: without a name where the file system has such, else with one that nobody could have foreseen.
class Temporary {
 public:
  Temporary(int folder, const std::string& path) : folder_(folder), path_(path) {
    if (::access("/proc/self/fd", X_OK) == 0) file_ = Descriptor(::openat(folder, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666));
    if (file_ >= 0) return;
    remove_leftovers(folder);
    choose_name();
    file_ = Descriptor(::openat(folder, name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
    if (file_ >= 0) return;
    name_.clear();
    refuse(path, errno);
  }
  ~Temporary() {
    if (!name_.empty()) ::unlinkat(folder_, name_.c_str(), 0);
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;

  int file() const { return file_; }

  void give_name(const std::string& target) {
    if (name_.empty()) {  // a link cannot take the place of a file, a file with a name can
      choose_name();
      const std::string self = "/proc/self/fd/" + std::to_string(file_);
      if (::linkat(AT_FDCWD, self.c_str(), folder_, name_.c_str(), AT_SYMLINK_FOLLOW) != 0) {
        name_.clear();
        refuse(path_, errno);
      }
    }
    if (::renameat(folder_, name_.c_str(), folder_, target.c_str()) != 0) refuse(path_, errno);
    name_.clear();
  }

 private:
  void choose_name() {
    uint64_t number = 0;
    if (::getrandom(&number, sizeof number, 0) != sizeof number) refuse(path_, errno);
    name_ = temporary_prefix + std::to_string(number) + temporary_suffix;
  }

  int folder_;
  const std::string& path_;
  std::string name_;
  Descriptor file_;
};

// What a replaced file was to others: owner, mode, access list and other attributes, as far as we may give them.
void make_like(int file, int folder, const std::string& replaced) {
  struct stat old{}, mine{};
  if (::fstatat(folder, replaced.c_str(), &old, AT_SYMLINK_NOFOLLOW) != 0 || ::fstat(file, &mine) != 0) return;
  mode_t mode = old.st_mode & 07777;
  if (old.st_uid != mine.st_uid || old.st_gid != mine.st_gid) {
    if (::fchown(file, old.st_uid, old.st_gid) != 0) mode &= 0777;
    // Rights of a group that it cannot have are not for another group, beyond what everybody has.
    const bool other_group = ::fstat(file, &mine) != 0 || mine.st_gid != old.st_gid;
    if (other_group && ::fchown(file, static_cast<uid_t>(-1), old.st_gid) != 0) mode = (mode & ~mode_t{070}) | (mode & 07) << 3;
  }
  ::fchmod(file, mode);
  const Descriptor source(::openat(folder, replaced.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  std::vector<char> names(size_t{1} << 16), value(size_t{1} << 16);
  const ssize_t length = source < 0 ? 0 : ::flistxattr(source, names.data(), names.size());
  for (ssize_t at = 0; at < length; at += static_cast<ssize_t>(std::strlen(&names[static_cast<size_t>(at)])) + 1) {
    const char* name = &names[static_cast<size_t>(at)];
    const ssize_t size = ::fgetxattr(source, name, value.data(), value.size());
    if (size >= 0) ::fsetxattr(file, name, value.data(), static_cast<size_t>(size), 0);
  }
}

}  // namespace

int write_all(int file, std::span<const char> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) return errno;
    if (written > 0) bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return 0;
}

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
  const std::string target = target_of(path), name = target.substr(target.rfind('/') + 1);
  const NoSizeSignal no_signal;
  Descriptor folder(::open(folder_of(target).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder < 0) folder = Descriptor(::open(folder_of(target).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));  // not to be listed
  if (folder < 0) refuse(path, errno);
  Temporary temporary(folder, path);
  int error = 0;
  fill([&](const void* bytes, size_t size) {
    if (error == 0) error = write_all(temporary.file(), {static_cast<const char*>(bytes), size});
    return size;
  });
  if (error != 0) refuse(path, error);
  make_like(temporary.file(), folder, name);
  if (::fsync(temporary.file()) != 0) refuse(path, errno);
  temporary.give_name(name);
  // The name is on the disk when the folder is. Some file systems cannot be asked for that; the file is complete all the same.
  ::fsync(folder);
}

}  // namespace ctorch
