// Writes a zip archive without compression, as PyTorch's packages are.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "io/atomic_file.h"

namespace ctorch {

class ZipWriter {
 public:
  explicit ZipWriter(const Writer& write) : write_(write) {}
  void add(const std::string& name, std::span<const char> bytes);  // at a multiple of 64 bytes, so that it can be mapped
  void finish();

 private:
  struct Entry {
    std::string name;
    uint32_t crc;
    uint64_t size, offset;
  };
  void put(const void* bytes, size_t size);

  const Writer& write_;
  std::vector<Entry> entries_;
  uint64_t position_ = 0;
};

}  // namespace ctorch
