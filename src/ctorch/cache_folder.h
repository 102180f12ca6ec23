// Folders of our own that other users and other processes cannot harm: the cache of unpacked packages.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "file.h"

namespace ctorch {

// One file of an entry: its path inside the entry, and what must be in it.
struct CacheFile {
  std::string name;
  std::span<const char> bytes;
};

class CacheFolder {
 public:
  // The folder for a setting: FTORCH_CACHE_DIR, XDG_CACHE_HOME, HOME or /tmp, made if it is not there. Throws for one that is a
  // link, that belongs to somebody else, or in which others could exchange files.
  explicit CacheFolder(std::string path);

  static std::string chosen();  // by the environment

  // The path of an entry with exactly these files: found and verified, or written beside and renamed into place.
  std::string entry(const std::string& name, const std::vector<CacheFile>& files);

  const std::string& path() const { return path_; }

 private:
  bool valid(const std::string& name, const std::vector<CacheFile>& files) const;
  void write(const std::string& name, const std::vector<CacheFile>& files);
  void set_aside(const std::string& name) const;
  void clean_up();
  std::string part_name() const;
  [[noreturn]] void refuse(const std::string& reason) const;
  [[noreturn]] void refuse(const char* what, int error) const;

  std::string path_;
  Descriptor folder_, lock_;
};

}  // namespace ctorch
