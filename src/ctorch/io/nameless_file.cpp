#include "io/nameless_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "core/error.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

namespace ctorch {
namespace {

constexpr mode_t ours_alone = 0700;

std::string setting(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

Descriptor memory_file() {
  Descriptor file(::memfd_create("ftorch", MFD_CLOEXEC | MFD_EXEC));
  if (file < 0 && errno == EINVAL) file = Descriptor(::memfd_create("ftorch", MFD_CLOEXEC));  // an older kernel
  return file;
}

std::string random_name() {
  static std::atomic<uint64_t> names{0};
  uint64_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != sizeof number) number = ++names << 32 | static_cast<uint32_t>(::getpid());
  return ".ftorch-" + std::to_string(number);
}

Descriptor file_in(const std::string& folder) {
  Descriptor file(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, ours_alone));
  if (file >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return file;
  // File systems on other machines do not know that: it loses its name before there is anything in it.
  const std::string path = folder + "/" + random_name();
  file = Descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, ours_alone));
  if (file >= 0) ::unlink(path.c_str());
  return file;
}

bool may_run(int file) {
  void* where = ::mmap(nullptr, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0);
  return where != MAP_FAILED && ::munmap(where, 1) == 0;
}

}  // namespace

std::vector<std::string> folders_for_files() {
  std::vector<std::string> list;
  for (const auto& folder : {setting("FTORCH_CACHE_DIR"), setting("TMPDIR"), std::string("/tmp"), std::string("/dev/shm"),
                             std::string("/var/tmp"), setting("XDG_RUNTIME_DIR"), setting("HOME")})
    if (folder.starts_with('/') && std::find(list.begin(), list.end(), folder) == list.end()) list.push_back(folder);
  return list;
}

Descriptor nameless_file(std::span<const char> bytes, Use use, const std::string& words) {
  const NoSizeSignal no_signal;
  std::string reasons;
  const auto usable = [&](const Descriptor& file, const std::string& where) {
    if (file >= 0 && write_all(file, bytes) == 0 && (use == Use::read || may_run(file))) return true;
    reasons += "; " + where + ": " + std::strerror(errno);
    return false;
  };
  if (Descriptor file = memory_file(); usable(file, "in memory")) return file;
  if (setting("FTORCH_CACHE_DIR") != "memory")
    for (const auto& folder : folders_for_files())
      if (Descriptor file = file_in(folder); usable(file, "in " + folder)) return file;
  fail(CTORCH_ERROR_FILE, words, " cannot be loaded, since this process gets no file for it (", reasons.substr(2),
       "); set the environment variable FTORCH_CACHE_DIR to a folder from which code may be run");
}

}  // namespace ctorch
