#include "archive.h"

#include <caffe2/serialize/inline_container.h>
#include <sys/stat.h>

#include <array>
#include <cstring>
#include <fstream>

#include "error.h"

namespace ctorch {
namespace {

uint64_t read_little(const char* bytes, int count) {
  uint64_t value = 0;
  for (int i = count; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

std::string without_archive_name(const std::string& name) {
  const auto slash = name.find('/');
  return slash == std::string::npos ? name : name.substr(slash + 1);
}

// Reads the table of contents of one file.
class Directory {
 public:
  Directory(std::ifstream& file, uint64_t size, const std::string& path, const FileWords& words)
      : file_(file), size_(size), path_(path), words_(words) {}

  std::vector<ArchiveEntry> read() {
    constexpr uint64_t tail_size = 22 + 65535 + 20;
    const uint64_t tail_start = size_ > tail_size ? size_ - tail_size : 0;
    const std::string tail = read_at(tail_start, size_ - tail_start);
    const auto end = tail.rfind("PK\x05\x06");
    if (end == std::string::npos || tail.size() - end < 22) truncated();
    uint64_t count = read_little(&tail[end + 10], 2);
    uint64_t length = read_little(&tail[end + 12], 4);
    uint64_t start = read_little(&tail[end + 16], 4);
    if (end >= 20 && tail.compare(end - 20, 4, "PK\x06\x07") == 0) {  // the 64-bit record, for large files
      const std::string record = read_at(read_little(&tail[end - 20 + 8], 8), 56);
      count = read_little(&record[32], 8);
      length = read_little(&record[40], 8);
      start = read_little(&record[48], 8);
    }
    const std::string directory = read_at(start, length);
    std::vector<ArchiveEntry> entries;
    for (uint64_t at = 0; entries.size() < count;) {
      if (at + 46 > directory.size() || directory.compare(at, 4, "PK\x01\x02") != 0) truncated();
      const uint64_t name = read_little(&directory[at + 28], 2);
      const uint64_t skip = read_little(&directory[at + 30], 2) + read_little(&directory[at + 32], 2);
      if (at + 46 + name > directory.size()) truncated();
      const std::string full_name = directory.substr(at + 46, name);
      entries.push_back(
          {without_archive_name(full_name), full_name, static_cast<uint32_t>(read_little(&directory[at + 16], 4))});
      at += 46 + name + skip;
    }
    return entries;
  }

 private:
  [[noreturn]] void truncated() const {
    fail(CTORCH_ERROR_FILE, "'", path_, "' is truncated or corrupt (its table of contents is missing); ", words_.damaged);
  }

  std::string read_at(uint64_t offset, uint64_t size) {
    if (offset > size_ || size > size_ - offset) truncated();
    std::string bytes(size, '\0');
    file_.seekg(static_cast<std::streamoff>(offset));
    if (!file_.read(bytes.data(), static_cast<std::streamsize>(size))) truncated();
    return bytes;
  }

  std::ifstream& file_;
  uint64_t size_;
  const std::string& path_;
  const FileWords& words_;
};

uint32_t crc32(const unsigned char* bytes, size_t size) {
  static const auto table = [] {
    std::array<uint32_t, 256> rows{};
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t row = i;
      for (int bit = 0; bit < 8; ++bit) row = row >> 1 ^ (row & 1 ? 0xEDB88320u : 0u);
      rows[i] = row;
    }
    return rows;
  }();
  uint32_t crc = 0xFFFFFFFFu;
  for (size_t i = 0; i < size; ++i) crc = crc >> 8 ^ table[(crc ^ bytes[i]) & 0xFF];
  return ~crc;
}

}  // namespace

std::vector<ArchiveEntry> archive_entries(const std::string& path, const FileWords& words) {
  struct stat status{};
  if (path.empty()) fail(CTORCH_ERROR_FILE, "argument 'filename' is empty");
  if (::stat(path.c_str(), &status) != 0) fail(CTORCH_ERROR_FILE, "cannot open '", path, "': ", std::strerror(errno));
  if (S_ISDIR(status.st_mode)) fail(CTORCH_ERROR_FILE, "'", path, "' is a directory, ", words.noun);
  // Reading from a pipe would wait for ever.
  if (!S_ISREG(status.st_mode)) fail(CTORCH_ERROR_FILE, "'", path, "' is no regular file");
  std::ifstream file(path, std::ios::binary);
  if (!file) fail(CTORCH_ERROR_FILE, "cannot open '", path, "': ", std::strerror(errno));
  const auto size = static_cast<uint64_t>(status.st_size);
  if (size == 0) fail(CTORCH_ERROR_FILE, "'", path, "' is empty");
  std::array<char, 4> magic{};
  file.read(magic.data(), magic.size());
  file.clear();
  if (std::memcmp(magic.data(), "PK\x03\x04", 4) != 0)
    fail(CTORCH_ERROR_FILE, "'", path, "' is ", words.noun, magic[0] == '\x80' ? words.pickled : words.expected);
  return Directory(file, size, path, words).read();
}

void verify_checksums(const std::string& path, const std::vector<ArchiveEntry>& entries, const FileWords& words) {
  try {
    caffe2::serialize::PyTorchStreamReader reader(path);
    for (const auto& entry : entries) {
      const auto [data, size] = reader.getRecord(entry.name);
      if (crc32(static_cast<const unsigned char*>(data.get()), size) != entry.crc)
        fail(CTORCH_ERROR_FILE, "'", path, "' is corrupt: the checksum of '", entry.full_name, "' is wrong; ", words.damaged);
    }
  } catch (const c10::Error& error) {
    fail(CTORCH_ERROR_FILE, "'", path, "' is corrupt: ", error.what_without_backtrace());
  }
}

}  // namespace ctorch
