// The bytes of a file in this process's memory: one copy, of which parts can be given back as they are used up.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "compat/read_adapter.h"

namespace ctorch {

class OpenFile;

class Content {
 public:
  // Reads an open file; `path` is for messages. The memory belongs to this process, so that nothing that happens to the file
  // later changes it or ends the program. The exception is a large file that nobody may write, on a disk of this machine: that
  // one is mapped, so that the processes of a machine share its memory; what is written there stays private.
  Content(int file, const std::string& path);
  ~Content();
  Content(const Content&) = delete;
  Content& operator=(const Content&) = delete;

  std::span<char> bytes() const { return {data_, size_}; }

  // Gives the memory of a part back, except for pages that it shares with other parts. It must not be read again.
  void release(std::span<const char> part) const;

 private:
  void read(int file, const std::string& path);

  char* data_ = nullptr;
  size_t size_ = 0;
};

// Copies a part and gives its memory back on the way: never both are there as a whole.
void move_bytes(void* into, const Content& content, std::span<const char> part);

// A part of a file's content as PyTorch's reader wants it. With a `file`, what the reader takes is given back, and nobody else
// may look at it any more; if the reader asks for something again, that comes from the file, which must not have changed there.
std::shared_ptr<compat::ReadAdapter> adapter_of(std::shared_ptr<const Content> content, std::span<const char> part,
                                                std::shared_ptr<const OpenFile> file);

}  // namespace ctorch
