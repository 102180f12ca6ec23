#include "model_file.h"

#include <caffe2/serialize/inline_container.h>
#include <sys/stat.h>

#include <array>
#include <cstring>
#include <fstream>
#include <vector>

#include "error.h"

namespace ctorch {
namespace {

struct ZipEntry {
  std::string name;
  uint32_t crc;
};

uint64_t read_little(const char* bytes, int count) {
  uint64_t value = 0;
  for (int i = count; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

[[noreturn]] void truncated(const std::string& path) {
  fail(CTORCH_ERROR_FILE, "'", path, "' is truncated or corrupt (its table of contents is missing); copy or export it again");
}

std::string read_at(std::ifstream& file, uint64_t offset, uint64_t size, uint64_t file_size, const std::string& path) {
  if (offset > file_size || size > file_size - offset) truncated(path);
  std::string bytes(size, '\0');
  file.seekg(static_cast<std::streamoff>(offset));
  if (!file.read(bytes.data(), static_cast<std::streamsize>(size))) truncated(path);
  return bytes;
}

// The zip archive's table of contents. PyTorch's reader does not verify checksums, so they are read here.
std::vector<ZipEntry> zip_directory(std::ifstream& file, uint64_t size, const std::string& path) {
  constexpr uint64_t tail_size = 22 + 65535 + 20;
  const uint64_t tail_start = size > tail_size ? size - tail_size : 0;
  const std::string tail = read_at(file, tail_start, size - tail_start, size, path);
  const auto end = tail.rfind("PK\x05\x06");
  if (end == std::string::npos || tail.size() - end < 22) truncated(path);
  uint64_t count = read_little(&tail[end + 10], 2);
  uint64_t length = read_little(&tail[end + 12], 4);
  uint64_t start = read_little(&tail[end + 16], 4);
  if (end >= 20 && tail.compare(end - 20, 4, "PK\x06\x07") == 0) {  // the 64-bit record, for large files
    const std::string record = read_at(file, read_little(&tail[end - 20 + 8], 8), 56, size, path);
    count = read_little(&record[32], 8);
    length = read_little(&record[40], 8);
    start = read_little(&record[48], 8);
  }
  const std::string directory = read_at(file, start, length, size, path);
  std::vector<ZipEntry> entries;
  for (uint64_t at = 0; entries.size() < count;) {
    if (at + 46 > directory.size() || directory.compare(at, 4, "PK\x01\x02") != 0) truncated(path);
    const uint64_t name = read_little(&directory[at + 28], 2);
    const uint64_t skip = read_little(&directory[at + 30], 2) + read_little(&directory[at + 32], 2);
    if (at + 46 + name > directory.size()) truncated(path);
    entries.push_back({directory.substr(at + 46, name), static_cast<uint32_t>(read_little(&directory[at + 16], 4))});
    at += 46 + name + skip;
  }
  return entries;
}

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

std::string without_archive_name(const std::string& name) {
  const auto slash = name.find('/');
  return slash == std::string::npos ? name : name.substr(slash + 1);
}

void verify_checksums(const std::string& path, const std::vector<ZipEntry>& entries) {
  try {
    caffe2::serialize::PyTorchStreamReader reader(path);
    for (const auto& entry : entries) {
      const auto [data, size] = reader.getRecord(without_archive_name(entry.name));
      if (crc32(static_cast<const unsigned char*>(data.get()), size) != entry.crc)
        fail(CTORCH_ERROR_FILE, "'", path, "' is corrupt: the checksum of '", entry.name,
             "' is wrong; copy or export it again");
    }
  } catch (const c10::Error& error) {
    fail(CTORCH_ERROR_FILE, "'", path, "' is corrupt: ", error.what_without_backtrace());
  }
}

}  // namespace

ModelFormat inspect_model_file(const std::string& path) {
  struct stat status{};
  if (path.empty()) fail(CTORCH_ERROR_FILE, "argument 'filename' is empty");
  if (::stat(path.c_str(), &status) != 0) fail(CTORCH_ERROR_FILE, "cannot open '", path, "': ", std::strerror(errno));
  if (S_ISDIR(status.st_mode)) fail(CTORCH_ERROR_FILE, "'", path, "' is a directory, not a model file");
  // Reading from a pipe would wait for ever.
  if (!S_ISREG(status.st_mode)) fail(CTORCH_ERROR_FILE, "'", path, "' is no regular file");
  std::ifstream file(path, std::ios::binary);
  if (!file) fail(CTORCH_ERROR_FILE, "cannot open '", path, "': ", std::strerror(errno));
  const auto size = static_cast<uint64_t>(status.st_size);
  if (size == 0) fail(CTORCH_ERROR_FILE, "'", path, "' is empty");
  std::array<char, 4> magic{};
  file.read(magic.data(), magic.size());
  file.clear();
  if (std::memcmp(magic.data(), "PK\x03\x04", 4) != 0) {
    const bool pickle = magic[0] == '\x80';
    fail(CTORCH_ERROR_FILE, "'", path, "' is no model file",
         pickle ? ": it is a Python pickle (torch.save); export the module with pt2ts export"
                : "; expected one made by pt2ts export");
  }
  const auto entries = zip_directory(file, size, path);
  bool code = false, pickle = false, package = false, exported = false;
  for (const auto& entry : entries) {
    const std::string name = without_archive_name(entry.name);
    code |= name.rfind("code/", 0) == 0 || name == "constants.pkl";
    pickle |= name == "data.pkl";
    package |= name.find("data/aotinductor/") != std::string::npos;
    exported |= name.rfind("models/", 0) == 0 || name == "serialized_exported_program.json";
  }
  if (code && pickle) {
    verify_checksums(path, entries);
    return ModelFormat::torchscript;
  }
  if (package)
    fail(CTORCH_ERROR_FILE, "'", path,
         "' is a compiled AOTInductor package, which this version cannot run; export the module "
         "as TorchScript with pt2ts export");
  if (exported)
    fail(CTORCH_ERROR_FILE, "'", path,
         "' is a plain torch.export file, which only Python can run; export the module with pt2ts export");
  if (pickle)
    fail(CTORCH_ERROR_FILE, "'", path,
         "' holds weights or objects saved by torch.save, not a model that runs without Python; "
         "export the module with pt2ts export --weights ",
         path);
  fail(CTORCH_ERROR_FILE, "'", path, "' is a zip archive but no PyTorch model; expected one made by pt2ts export");
}

}  // namespace ctorch
