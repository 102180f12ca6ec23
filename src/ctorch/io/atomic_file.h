// Files that appear under their name only when they are complete, whenever the program or the machine may stop.
#pragma once
#include <csignal>
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <utility>

namespace ctorch {

// Takes the next bytes of a file. It always says that it has taken all: PyTorch's writer ends the program when it is told of a
// failure twice, so a failure is kept for the end.
using Writer = std::function<size_t(const void*, size_t)>;

// Writes all bytes to an open file; 0 or the number of the error, as in errno.
int write_all(int file, std::span<const char> bytes);

// Writes `path` through a file beside it that has no name yet: everything goes to the disk, then it gets its name in one step,
// then the folder goes to the disk. When anything fails the old file is as it was. A replaced file keeps its mode, owner and
// access list as far as the system allows. Of two that write one name at the same time, the last to end wins, as a whole.
void write_file(const std::string& path, const std::function<void(const Writer&)>& fill);

// A file or folder that is open, -1 if it could not be opened.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  ~Descriptor();
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  operator int() const { return number_; }

 private:
  int number_;
};

// A file that grows beyond the limit of the process (ulimit -f) is an error like a full disk, not the end of the program.
class NoSizeSignal {
 public:
  NoSizeSignal();
  ~NoSizeSignal();
  NoSizeSignal(const NoSizeSignal&) = delete;
  NoSizeSignal& operator=(const NoSizeSignal&) = delete;

 private:
  sigset_t signal_, before_;
  bool was_pending_;
};

}  // namespace ctorch
