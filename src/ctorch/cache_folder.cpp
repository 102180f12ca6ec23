#include "cache_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "error.h"
#include "file.h"

namespace ctorch {
namespace {

constexpr const char* lock_name = ".lock";
constexpr const char* part_prefix = ".part-";
constexpr time_t unused_for = time_t{30} * 24 * 3600;
constexpr time_t lock_unknown_for = time_t{24} * 3600;  // where no lock tells, a writer that old is dead

int open_folder(int parent, const char* name) {
  return ::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

// Calls f with each name in a folder.
template <class Function>
void for_each_name(int folder, Function&& f) {
  const int again = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* list = again < 0 ? nullptr : ::fdopendir(again);
  if (!list) {
    if (again >= 0) ::close(again);
    return;
  }
  while (const dirent* item = ::readdir(list))
    if (std::strcmp(item->d_name, ".") != 0 && std::strcmp(item->d_name, "..") != 0) f(std::string(item->d_name));
  ::closedir(list);
}

void remove_tree(int parent, const std::string& name) {
  {
    const Descriptor folder(open_folder(parent, name.c_str()));
    if (folder >= 0) for_each_name(folder, [&](const std::string& inside) { remove_tree(folder, inside); });
  }
  if (::unlinkat(parent, name.c_str(), AT_REMOVEDIR) != 0) ::unlinkat(parent, name.c_str(), 0);
}

// The folder that a file lies in, below `root`; made on the way if `make` says so.
Descriptor folder_below(int root, const std::string& file, bool make) {
  Descriptor folder(::dup(root));
  size_t start = 0;
  for (size_t slash = file.find('/'); slash != std::string::npos && folder >= 0; slash = file.find('/', start)) {
    const std::string part = file.substr(start, slash - start);
    if (make && ::mkdirat(folder, part.c_str(), 0700) != 0 && errno != EEXIST) return Descriptor();
    folder = Descriptor(open_folder(folder, part.c_str()));
    start = slash + 1;
  }
  return folder;
}

std::string last_part(const std::string& file) { return file.substr(file.rfind('/') + 1); }

bool write_all(int file, std::span<const char> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return true;
}

bool equals(int file, std::span<const char> bytes) {
  std::vector<char> chunk(size_t{1} << 20);
  while (!bytes.empty()) {
    const ssize_t got = ::read(file, chunk.data(), std::min(chunk.size(), bytes.size()));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || std::memcmp(chunk.data(), bytes.data(), static_cast<size_t>(got)) != 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(got));
  }
  return true;
}

void make_folders(const std::string& path) {
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) return;  // opening it tells the reason
    if (slash == std::string::npos) return;
  }
}

}  // namespace

std::string CacheFolder::chosen() {
  const auto setting = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value ? value : "");
  };
  if (const auto folder = setting("FTORCH_CACHE_DIR"); !folder.empty()) return folder;
  if (const auto folder = setting("XDG_CACHE_HOME"); !folder.empty()) return folder + "/ftorch";
  if (const auto folder = setting("HOME"); !folder.empty()) return folder + "/.cache/ftorch";
  return "/tmp/ftorch-" + std::to_string(::geteuid());
}

void CacheFolder::refuse(const std::string& reason) const {
  fail(CTORCH_ERROR_FILE, "the folder '", path_, "' cannot take the compiled code of packages: ", reason,
       "; set the environment variable FTORCH_CACHE_DIR to a folder of your own on a disk of this machine, or to 'memory'");
}

void CacheFolder::refuse(const char* what, int error) const { refuse(std::string(what) + ": " + std::strerror(error)); }

CacheFolder::CacheFolder(std::string path) : path_(std::move(path)) {
  while (path_.size() > 1 && path_.back() == '/') path_.pop_back();
  if (path_[0] != '/') refuse("its path is not absolute");
  make_folders(path_);
  folder_ = Descriptor(open_folder(AT_FDCWD, path_.c_str()));
  if (folder_ < 0) {
    const int error = errno;
    struct stat status{};
    const bool link = ::lstat(path_.c_str(), &status) == 0 && S_ISLNK(status.st_mode);
    link ? refuse("it is a symbolic link") : refuse("it cannot be opened", error);
  }
  struct stat status{};
  if (::fstat(folder_, &status) != 0) refuse("it cannot be looked at", errno);
  if (status.st_uid != ::geteuid() && status.st_uid != 0) refuse("it belongs to another user");
  if ((status.st_mode & 022) && !(status.st_mode & S_ISVTX)) refuse("others can write into it and exchange files");
  struct statvfs disk{};
  if (::fstatvfs(folder_, &disk) == 0 && (disk.f_flag & ST_NOEXEC))
    refuse("its disk is mounted without the permission to run code (noexec)");
  // It stays -1 where nothing can be written, or where it is another user's.
  lock_ = Descriptor(::openat(folder_, lock_name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
}

std::string CacheFolder::entry(const std::string& name, const std::vector<CacheFile>& files) {
  constexpr int attempts = 5;  // others may put their own entry into our way, or take ours away
  for (int attempt = 0; attempt < attempts; ++attempt) {
    if (valid(name, files)) {
      ::utimensat(folder_, name.c_str(), nullptr, AT_SYMLINK_NOFOLLOW);
      clean_up();
      return path_ + "/" + name;
    }
    set_aside(name);
    write(name, files);
  }
  refuse("other processes keep changing its entry '" + name + "'");
}

bool CacheFolder::valid(const std::string& name, const std::vector<CacheFile>& files) const {
  const Descriptor entry(open_folder(folder_, name.c_str()));
  if (entry < 0) {
    if (errno == ENOENT) return false;
    if (errno == ELOOP || errno == ENOTDIR) refuse("its entry '" + name + "' is a link or a file that somebody has put there");
    refuse(("its entry '" + name + "' cannot be opened").c_str(), errno);
  }
  struct stat status{};
  if (::fstat(entry, &status) != 0) return false;
  if (status.st_uid != ::geteuid()) refuse("its entry '" + name + "' belongs to another user");
  if ((status.st_mode & 0777) != 0700) return false;
  for (const auto& [file_name, bytes] : files) {
    const Descriptor folder = folder_below(entry, file_name, false);
    if (folder < 0) return false;
    const Descriptor file(::openat(folder, last_part(file_name).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
    if (file < 0 || ::fstat(file, &status) != 0 || !S_ISREG(status.st_mode) || status.st_uid != ::geteuid() ||
        static_cast<uint64_t>(status.st_size) != bytes.size() || !equals(file, bytes))
      return false;
  }
  return true;
}

std::string CacheFolder::part_name() const {
  uint64_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != sizeof number) number = static_cast<uint64_t>(std::time(nullptr));
  return part_prefix + std::to_string(::getpid()) + "-" + std::to_string(number);
}

// Takes an entry away in one step, so that nobody sees a part of it.
void CacheFolder::set_aside(const std::string& name) const {
  const std::string aside = part_name();
  if (::renameat(folder_, name.c_str(), folder_, aside.c_str()) == 0) remove_tree(folder_, aside);
}

void CacheFolder::write(const std::string& name, const std::vector<CacheFile>& files) {
  NoSizeSignal no_signal;
  const std::string part = part_name();
  // Between making the folder and locking it nobody may take it for that of a dead process.
  const bool locked = lock_ >= 0 && ::flock(lock_, LOCK_SH) == 0;
  const bool made = ::mkdirat(folder_, part.c_str(), 0700) == 0;
  const int error = errno;
  const Descriptor folder(made ? open_folder(folder_, part.c_str()) : -1);
  if (folder >= 0) ::flock(folder, LOCK_EX | LOCK_NB);
  if (locked) ::flock(lock_, LOCK_UN);
  if (!made) refuse("nothing can be written", error);
  const auto give_up = [&](const char* what, int reason) {
    remove_tree(folder_, part);
    refuse(what, reason);
  };
  if (folder < 0 || ::fchmod(folder, 0700) != 0) give_up("nothing can be written", errno);
  for (const auto& [file_name, bytes] : files) {
    const Descriptor below = folder_below(folder, file_name, true);
    if (below < 0) give_up("nothing can be written", errno);
    const Descriptor file(
        ::openat(below, last_part(file_name).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0700));
    if (file < 0 || !write_all(file, bytes) || ::fsync(file) != 0) give_up("nothing can be written", errno);
  }
  ::fsync(folder);
  if (::renameat(folder_, part.c_str(), folder_, name.c_str()) != 0) {
    const int reason = errno;
    remove_tree(folder_, part);
    if (reason != EEXIST && reason != ENOTEMPTY) refuse("the finished entry cannot get its name", reason);
  }
  ::fsync(folder_);
}

// What dead processes have left, and what nobody has used for a month. Only one process at a time does that.
void CacheFolder::clean_up() {
  if (lock_ < 0 || ::flock(lock_, LOCK_EX | LOCK_NB) != 0) return;
  const time_t now = std::time(nullptr);
  for_each_name(folder_, [&](const std::string& name) {
    struct stat status{};
    if (::fstatat(folder_, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(status.st_mode) ||
        status.st_uid != ::geteuid())
      return;
    const time_t age = now - status.st_mtime;
    bool old = false;
    if (name.starts_with(part_prefix)) {
      const Descriptor folder(open_folder(folder_, name.c_str()));
      if (folder < 0) return;
      old = ::flock(folder, LOCK_EX | LOCK_NB) == 0 || (errno != EWOULDBLOCK && age > lock_unknown_for);
    } else {
      const bool ours = name.size() == 64 && name.find_first_not_of("0123456789abcdef") == std::string::npos;
      old = ours && age > unused_for;
    }
    if (old) set_aside(name);
  });
  ::flock(lock_, LOCK_UN);
}

}  // namespace ctorch
