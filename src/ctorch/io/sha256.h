// SHA-256 (FIPS 180-4): what tells one file from another, also where somebody wants them to look alike.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace ctorch {

class Sha256 {
 public:
  void update(const void* bytes, size_t size);
  void update_length(uint64_t length);  // as 8 bytes, lowest first

  // The digest of everything so far, 64 hexadecimal digits. Ends the computation.
  std::string finish();

 private:
  std::array<uint32_t, 8> state_{0x6a09e667u, 0xbb67ae85u, 0x3c6ef372u, 0xa54ff53au,
                                 0x510e527fu, 0x9b05688cu, 0x1f83d9abu, 0x5be0cd19u};
  std::array<unsigned char, 64> block_{};
  uint64_t total_ = 0;
};

std::string sha256_of(const void* bytes, size_t size);

}  // namespace ctorch
