#include "unpack.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>

#include "cache_folder.h"
#include "error.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

namespace ctorch {
namespace {

bool ends_with(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// A file that has no name, only this process's number for it.
Descriptor memory_file(std::span<const char> bytes) {
  Descriptor file(::memfd_create("ftorch", MFD_CLOEXEC | MFD_EXEC));
  if (file < 0 && errno == EINVAL) file = Descriptor(::memfd_create("ftorch", MFD_CLOEXEC));  // an older kernel
  while (file >= 0 && !bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) return Descriptor();
    if (written > 0) bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return file;
}

}  // namespace

bool must_be_file(const Archive::Member& member) {
  if (member.name == package_weights_member) return member.bytes.size() >= shared_weights_size;
  if (member.name.starts_with("extra/ftorch_kernel_")) return true;
  return member.name.starts_with(package_compiled_folder) && !ends_with(member.name, ".cpp") && !ends_with(member.name, "/");
}

std::shared_ptr<const Unpacked> Unpacked::of(const Package& package) {
  // Models of one file in one process share it.
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<const Unpacked>> known;
  const std::string place = CacheFolder::chosen(), key = package.info().digest + place;
  std::lock_guard lock(mutex);
  if (auto found = known[key].lock()) return found;
  std::shared_ptr<Unpacked> made(new Unpacked);
  made->place_ = place;
  if (place == "memory")
    made->into_memory(package);
  else
    made->into_folder(package);
  std::erase_if(known, [](const auto& item) { return item.second.expired(); });
  known[key] = made;
  // The system takes a library for loaded when it knows its name, and the name of a file in memory is a number that would be
  // given out again. So it stays, like most of the libraries themselves.
  static std::vector<std::shared_ptr<const Unpacked>> kept;
  if (place == "memory") kept.push_back(made);
  return made;
}

void Unpacked::into_memory(const Package& package) {
  for (const auto& member : package.archive().members()) {
    if (!ends_with(member.name, ".so")) {
      // The library looks for it beside itself, and in memory there is no beside.
      if (must_be_file(member) && ends_with(member.name, "wrapper.json"))
        fail(CTORCH_ERROR_FILE, "'", package.info().path,
             "' calls operations that its compiled code does not contain, so it must be unpacked into a folder; "
             "FTORCH_CACHE_DIR=memory cannot be used for it");
      continue;
    }
    Descriptor file = memory_file(member.bytes);
    if (file < 0)
      fail(CTORCH_ERROR_FILE, "'", package.info().path,
           "' cannot be unpacked into memory (FTORCH_CACHE_DIR=memory): ", std::strerror(errno));
    files_[member.name] = "/proc/self/fd/" + std::to_string(file);
    descriptors_.push_back(std::move(file));
  }
}

void Unpacked::into_folder(const Package& package) {
  std::vector<CacheFile> files;
  for (const auto& member : package.archive().members())
    if (must_be_file(member)) files.push_back({member.name, member.bytes});
  if (files.empty()) return;
  const std::string entry = CacheFolder(place_).entry(package.info().digest, files);
  for (const auto& file : files) files_[file.name] = entry + "/" + file.name;
}

}  // namespace ctorch
