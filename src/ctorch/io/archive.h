// The zip archives that PyTorch's files are, read by ourselves: what is in them, and whether it is all there. PyTorch's reader
// believes what a file says about itself and verifies no checksum.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/atomic_file.h"
#include "io/content.h"

namespace ctorch {

// The words for messages about a file: what it should have been, and what to do when it is damaged.
struct FileWords {
  const char* noun;      // "no model file"
  const char* expected;  // who makes such files
  const char* pickled;   // advice about one that torch.save wrote in its old form
  const char* damaged;   // advice about a damaged one
};

// Where the bytes of a file are: under its name, in the memory of the program, or in a file that it has open. Of these two,
// `path` is what messages call them.
struct FileSource {
  explicit FileSource(std::string name) : path(std::move(name)) {}

  std::string path;
  std::optional<std::span<const char>> bytes;
  std::optional<int> descriptor;
};

// What a caller has, with a name for messages that may be empty.
FileSource bytes_in_memory(const void* bytes, int64_t size, const char* name, int64_t name_length);
FileSource open_file(int32_t descriptor, const char* name, int64_t name_length);

// A file that stays open: the bytes that were looked at can be read again after the name has gone over to another file.
class OpenFile {
 public:
  OpenFile(const FileSource& source, const FileWords& words);  // throws, saying why, for what is no readable regular file
  const std::string& path() const { return path_; }
  const FileWords& words() const { return words_; }
  int descriptor() const { return descriptor_; }

 private:
  std::string path_;
  FileWords words_;
  Descriptor descriptor_;
};

class Archive {
 public:
  struct Member {
    std::string name;  // without the archive's own name, which comes first in every entry
    std::string full_name;
    uint32_t crc = 0;
    bool stored = true;           // or compressed, which PyTorch itself never does
    std::span<const char> bytes;  // as they lie in the file
    std::string_view text() const { return {bytes.data(), bytes.size()}; }
  };

  // Reads the whole file, or takes what was read of it. Everything is looked at and used in this one copy: a file that changes
  // meanwhile, or shrinks, changes nothing here. Throws, saying what the file is, for one that is truncated, whose parts
  // contradict each other, or that is no archive.
  Archive(std::shared_ptr<const OpenFile> file, std::shared_ptr<const Content> content);

  // With a `sha256` (64 hexadecimal digits) any file but the one with this sum is refused, before anything in it is looked at.
  explicit Archive(const std::shared_ptr<const OpenFile>& file, const std::string& sha256 = {});
  Archive(const FileSource& source, const FileWords& words, const std::string& sha256 = {});

  const std::string& path() const { return file_->path(); }
  const std::shared_ptr<const OpenFile>& file() const { return file_; }
  std::span<const char> bytes() const { return content_->bytes(); }
  const std::shared_ptr<const Content>& content() const { return content_; }
  const std::vector<Member>& members() const { return members_; }
  const Member* find(std::string_view name) const;

  void verify_checksums() const;  // of all members

  // PyTorch's reader looks into one folder, and who looks elsewhere may find another contract: refuses members in several.
  void require_one_folder() const;

  // For PyTorch's reader: the same bytes, of this archive or of one inside it. Members that it takes are used up.
  std::shared_ptr<compat::ReadAdapter> adapter() const { return adapter(bytes()); }
  std::shared_ptr<compat::ReadAdapter> adapter(std::span<const char> part) const { return adapter_of(content_, part, file_); }

  [[noreturn]] void corrupt(const std::string& reason) const;

 private:
  std::shared_ptr<const OpenFile> file_;
  std::shared_ptr<const Content> content_;
  std::vector<Member> members_;
};

uint32_t crc32(std::span<const char> bytes);

}  // namespace ctorch
