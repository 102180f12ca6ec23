// A compiled library of a package, loaded from a file without a name: in memory or, where code may not be run from there, on a
// disk. There is nothing that processes share, find again, lock or clean up; what happens to a folder, a disk or another
// process does not reach it, and the system takes it away with the process.
#pragma once
#include <memory>
#include <string>

#include "model/package/package.h"

namespace ctorch {

class Library {
 public:
  // Loads a member of a package that this processor can run. Models of one content share it in a process. Throws, naming the
  // reasons and the setting, when the system does not let code be run from anywhere.
  static std::shared_ptr<const Library> of(const Package& package, const std::string& member);

  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  void* handle() const { return handle_; }  // as dlopen gives it

  // A path under which PyTorch finds the library, with its description beside it if it has one, as long as this object lives.
  class Place {
   public:
    explicit Place(const Library& library);
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    const std::string& path() const { return path_; }

   private:
    bool take(const std::string& folder, const Library& library);
    void clear();

    std::string path_, folder_, name_;
    Descriptor opened_;
  };

 private:
  Library(const Package& package, const std::string& member);

  std::string path_, words_;
  Descriptor code_, description_;
  void* handle_ = nullptr;
};

}  // namespace ctorch
