// The members of a package that must be files before the system can load them: unpacked once per machine and content, into a
// cache that processes share.
#pragma once
#include <map>
#include <memory>
#include <string>

#include "package.h"

namespace ctorch {

// Weights of at least this size are unpacked as well: mapped from there, the processes of a machine share what none has
// changed.
constexpr size_t shared_weights_size = size_t{16} << 20;

class Unpacked {
 public:
  // Puts the package's compiled code where it can be loaded from, or finds it there. What is found is compared with the package
  // before it is used, byte for byte by its digest. Throws, naming the folder, the reason and the setting, when it cannot.
  static std::shared_ptr<const Unpacked> of(const Package& package);

  ~Unpacked() = default;
  Unpacked(const Unpacked&) = delete;
  Unpacked& operator=(const Unpacked&) = delete;

  const std::string& file(const std::string& member) const { return files_.at(member); }
  bool has(const std::string& member) const { return files_.contains(member); }
  bool in_memory() const { return !descriptors_.empty(); }
  const std::string& place() const { return place_; }  // for messages: the folder, or "memory"

 private:
  Unpacked() = default;
  void into_memory(const Package& package);
  void into_folder(const Package& package);

  std::string place_;
  std::map<std::string, std::string> files_;  // path of each member
  std::vector<Descriptor> descriptors_;       // of files in memory, which live as long as this
};

// Whether a member of a package must be a file.
bool must_be_file(const Archive::Member& member);

}  // namespace ctorch
