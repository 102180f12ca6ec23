#include "model/package/library.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <vector>

#include "compat/code_errors.h"
#include "core/error.h"
#include "host/float_call.h"
#include "io/nameless_file.h"
#include "loader/rebind.h"

namespace ctorch {
namespace {

std::atomic<uint64_t> serial{0};  // a library is known to the system by its name: no name is given twice

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

void listen_to_torch() {
  void* torch = ::dlopen("libtorch_cpu.so", RTLD_NOW | RTLD_NOLOAD);
  if (!torch) return;  // a PyTorch in one piece says what it likes
  ctorch_rebind(torch, compat::standard_error_symbol, compat::errors_of_torch());
  ::dlclose(torch);
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
  ctorch_rebind(handle_, compat::standard_error_symbol, compat::errors_of_code());
  static std::once_flag once;
  std::call_once(once, listen_to_torch);
}

Library::~Library() { ::dlclose(handle_); }

Library::Place::Place(const Library& library) : path_(library.path_) {
  if (library.description_ < 0) return;
  name_ = "code" + std::to_string(++serial);
  std::string reasons;
  for (const auto& folder : folders_for_files()) {
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
