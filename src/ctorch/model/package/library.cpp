#include "model/package/library.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <vector>

#include "core/error.h"
#include "host/float_call.h"
#include "loader/rebind.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

namespace ctorch {
namespace {

constexpr mode_t ours_alone = 0700;

std::atomic<uint64_t> serial{0};  // a library is known to the system by its name: no name is given twice

std::string setting(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

// Where files without a name can be, in the order in which they are tried.
std::vector<std::string> folders() {
  std::vector<std::string> list;
  for (const auto& folder : {setting("FTORCH_CACHE_DIR"), setting("TMPDIR"), std::string("/tmp"), std::string("/dev/shm"),
                             std::string("/var/tmp"), setting("XDG_RUNTIME_DIR"), setting("HOME")})
    if (folder.starts_with('/') && std::find(list.begin(), list.end(), folder) == list.end()) list.push_back(folder);
  return list;
}

Descriptor memory_file() {
  Descriptor file(::memfd_create("ftorch", MFD_CLOEXEC | MFD_EXEC));
  if (file < 0 && errno == EINVAL) file = Descriptor(::memfd_create("ftorch", MFD_CLOEXEC));  // an older kernel
  return file;
}

std::string random_name() {
  uint64_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != sizeof number) number = ++serial << 32 | static_cast<uint32_t>(::getpid());
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

enum class Use { run, read };

// A file without a name that has these bytes.
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
    for (const auto& folder : folders())
      if (Descriptor file = file_in(folder); usable(file, "in " + folder)) return file;
  fail(CTORCH_ERROR_FILE, words, " cannot be loaded, since this process gets no file for it (", reasons.substr(2),
       "); set the environment variable FTORCH_CACHE_DIR to a folder from which code may be run");
}

// Code without a contract must check its inputs itself. It does so when a certain variable of the environment is set, and the
// environment is the program's, whose other threads may be reading it. So the code gets the name of another one, which is set.
std::string with_checks(std::span<const char> bytes, const std::string& words) {
  constexpr std::string_view asked = "AOTI_RUNTIME_CHECK_INPUTS";
  std::string code(bytes.data(), bytes.size());
  const size_t where = code.find(std::string(asked) + '\0');
  for (char** item = environ; where != std::string::npos && item && *item; ++item) {
    const std::string_view text = *item;
    const size_t end = text.find('=');
    if (end == 0 || end > asked.size() || end + 1 == text.size() || text[end + 1] == '0') continue;
    code.replace(where, asked.size(), asked.size(), '\0').replace(where, end, text.substr(0, end));
    return code;
  }
  fail(CTORCH_ERROR_FILE, words, " has no contract, and its code cannot be told to check its inputs itself",
       where == std::string::npos ? "" : " (set AOTI_RUNTIME_CHECK_INPUTS=1 before the program starts)",
       "; export the module with pt2ts export --format pt2");
}

std::string link_to(int file) { return "/proc/self/fd/" + std::to_string(file); }

// The file under a name that was never used before, although its number may have been: "/" stands for 0 and "/." for 1.
std::string new_name_of(int file) {
  std::string name = "/proc/self/fd";
  for (uint64_t number = ++serial; number != 0; number >>= 1) name += number & 1 ? "/." : "/";
  return name + "/" + std::to_string(file);
}

}  // namespace

std::shared_ptr<const Library> Library::of(const Package& package, const std::string& member) {
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<const Library>> known;
  // The system never lets go of libraries that AOTInductor made; a second copy of one would stay beside the first.
  static std::vector<std::shared_ptr<const Library>> kept;
  const std::string key = package.info().digest + member;
  std::lock_guard lock(mutex);
  if (auto found = known[key].lock()) return found;
  std::shared_ptr<const Library> made(new Library(package, member));
  std::erase_if(known, [](const auto& item) { return item.second.expired(); });
  known[key] = made;
  if (member.starts_with(package_compiled_folder)) kept.push_back(made);
  return made;
}

Library::Library(const Package& package, const std::string& member) : words_("'" + package.info().path + "/" + member + "'") {
  const std::span<const char> bytes = package.bytes_of(member);
  code_ = package.info().contract.empty() ? nameless_file(with_checks(bytes, words_), Use::run, words_)
                                          : nameless_file(bytes, Use::run, words_);
  // What AOTInductor's code says about operations that it calls and does not contain; read with the library, beside it.
  const std::string described = member.substr(0, member.rfind('.')) + ".json";
  if (const Archive::Member* found = package.archive().find(described))
    description_ = nameless_file(found->bytes, Use::read, words_);
  path_ = new_name_of(code_);
  handle_ = ::dlopen(path_.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle_) {
    const char* reason = ::dlerror();
    fail(CTORCH_ERROR_FILE, words_, " cannot be loaded: ", reason ? reason : "unknown reason");
  }
  // It calls functions of PyTorch, which a host may have too, and starts teams of threads.
  if (!ctorch_rebind_own(handle_)) {
    ::dlclose(handle_);
    fail(CTORCH_ERROR_LIBRARY, words_, ": the program's symbols cannot be kept out of it");
  }
  lead_teams_of(handle_);
}

Library::~Library() { ::dlclose(handle_); }

Library::Place::Place(const Library& library) : path_(library.path_) {
  if (library.description_ < 0) return;
  name_ = "code" + std::to_string(++serial);
  std::string reasons;
  for (const auto& folder : folders()) {
    if (take(folder, library)) return;
    reasons += "; in " + folder + ": " + std::strerror(errno);
    clear();
  }
  fail(CTORCH_ERROR_FILE, library.words_, " calls operations that it does not contain, and there is no folder for the two ",
       "links by which PyTorch finds their description (", reasons.substr(2),
       "); set the environment variable FTORCH_CACHE_DIR to a folder of yours");
}

// PyTorch looks for the description by a name beside the library's: two links in a folder of our own, for the time of loading.
bool Library::Place::take(const std::string& folder, const Library& library) {
  std::string pattern = folder + "/.ftorch-XXXXXX";
  if (!::mkdtemp(pattern.data())) return false;
  folder_ = pattern;
  // By descriptor from here on: nobody can put another folder into its place.
  opened_ = Descriptor(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status{};
  if (opened_ < 0 || ::fstat(opened_, &status) != 0) return false;
  errno = EPERM;
  if (status.st_uid != ::geteuid() || (status.st_mode & 077) != 0) return false;
  if (::symlinkat(link_to(library.code_).c_str(), opened_, (name_ + ".so").c_str()) != 0) return false;
  if (::symlinkat(link_to(library.description_).c_str(), opened_, (name_ + ".json").c_str()) != 0) return false;
  path_ = link_to(opened_) + "/" + name_ + ".so";
  return true;
}

void Library::Place::clear() {
  if (folder_.empty()) return;
  if (opened_ >= 0)
    for (const char* end : {".so", ".json"}) ::unlinkat(opened_, (name_ + end).c_str(), 0);
  ::rmdir(folder_.c_str());
  folder_.clear();
}

Library::Place::~Place() { clear(); }

}  // namespace ctorch
