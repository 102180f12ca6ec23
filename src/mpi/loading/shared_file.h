// A file that is read once and lies in the memory of every machine once.
#pragma once
#include <string>

#include "core/group.h"

namespace ftorch {

// Rank 0 reads it and sends it to one rank of each machine; the others open the memory of that one. Collective, made and
// destroyed.
class SharedFile {
 public:
  SharedFile(const Group& all, const std::string& path);
  ~SharedFile();
  SharedFile(const SharedFile&) = delete;
  SharedFile& operator=(const SharedFile&) = delete;

  int descriptor() const { return memory_; }  // nobody may write there any more

 private:
  void close() noexcept;

  int memory_ = -1;
};

}  // namespace ftorch
