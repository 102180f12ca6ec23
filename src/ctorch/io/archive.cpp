#include "io/archive.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <unordered_set>

#include "compat/serialization.h"
#include "core/error.h"
#include "core/text.h"
#include "io/nameless_file.h"
#include "io/sha256.h"

namespace ctorch {
namespace {

uint64_t little(const char* bytes, int count) {
  uint64_t value = 0;
  for (int i = count; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

std::string without_archive_name(const std::string& name) {
  const auto slash = name.find('/');
  return slash == std::string::npos ? name : name.substr(slash + 1);
}

// Whether a name would leave the folder that somebody unpacks the archive to.
bool leads_outside(std::string_view name) {
  if (name.empty() || name.front() == '/' || name.find('\0') != std::string_view::npos ||
      name.find('\\') != std::string_view::npos)
    return true;
  for (size_t start = 0; start <= name.size();) {
    const size_t end = std::min(name.find('/', start), name.size());
    if (name.substr(start, end - start) == "..") return true;
    start = end + 1;
  }
  return false;
}

// What the table of contents says about one member.
struct Entry {
  std::string name;
  uint64_t flags, method, crc, packed_size, size, header;
};

// Reads the parts of an archive, never beyond its bytes.
class Reader {
 public:
  Reader(const Archive& archive, std::span<const char> bytes) : archive_(archive), bytes_(bytes) {}

  std::vector<Archive::Member> read() {
    find_directory();
    std::vector<Archive::Member> members;
    std::unordered_set<std::string> names;
    std::vector<std::pair<uint64_t, uint64_t>> ranges;
    uint64_t at = start_;
    for (uint64_t i = 0; i < count_; ++i) {
      const Entry entry = read_entry(at);
      if (leads_outside(entry.name)) archive_.corrupt("a member is called '" + entry.name + "', which leads out of its folder");
      if (!names.insert(entry.name).second) archive_.corrupt("it has two members '" + entry.name + "'");
      const uint64_t data = read_header(entry);
      ranges.emplace_back(entry.header, data + entry.packed_size);
      members.push_back({without_archive_name(entry.name), entry.name, static_cast<uint32_t>(entry.crc), entry.method == 0,
                         bytes_.subspan(data, entry.packed_size)});
    }
    std::sort(ranges.begin(), ranges.end());
    for (size_t i = 1; i < ranges.size(); ++i)
      if (ranges[i].first < ranges[i - 1].second) archive_.corrupt("two of its members overlap");
    return members;
  }

 private:
  [[noreturn]] void truncated() const {
    fail(CTORCH_ERROR_FILE, "'", archive_.path(), "' is truncated or corrupt (its table of contents is missing); ",
         archive_.file()->words().damaged);
  }

  const char* part(uint64_t offset, uint64_t size) const {
    if (offset > bytes_.size() || size > bytes_.size() - offset) truncated();
    return bytes_.data() + offset;
  }

  void find_directory() {
    constexpr size_t longest_tail = 22 + 65535;
    const std::string_view text(bytes_.data(), bytes_.size());
    const size_t tail = text.size() > longest_tail ? text.size() - longest_tail : 0;
    const size_t end = text.substr(tail).rfind("PK\x05\x06") + tail;
    if (text.substr(tail).rfind("PK\x05\x06") == std::string_view::npos || text.size() - end < 22) truncated();
    const char* record = part(end, 22);
    count_ = little(record + 10, 2);
    uint64_t length = little(record + 12, 4);
    start_ = little(record + 16, 4);
    uint64_t limit = end;
    if (end >= 20 && text.compare(end - 20, 4, "PK\x06\x07") == 0) {  // the 64-bit record, for large files
      limit = little(text.data() + end - 20 + 8, 8);
      const char* wide = part(limit, 56);
      if (std::memcmp(wide, "PK\x06\x06", 4) != 0) truncated();
      count_ = little(wide + 32, 8);
      length = little(wide + 40, 8);
      start_ = little(wide + 48, 8);
    }
    part(start_, length);
    end_ = start_ + length;
    if (end_ > limit || count_ > length / 46) truncated();
  }

  Entry read_entry(uint64_t& at) const {
    if (end_ - at < 46) truncated();
    const char* record = part(at, 46);
    if (std::memcmp(record, "PK\x01\x02", 4) != 0) truncated();
    const uint64_t name = little(record + 28, 2), extra = little(record + 30, 2), comment = little(record + 32, 2);
    if (end_ - at - 46 < name + extra + comment) truncated();
    Entry entry{std::string(record + 46, name), little(record + 8, 2),  little(record + 10, 2), little(record + 16, 4),
                little(record + 20, 4),         little(record + 24, 4), little(record + 42, 4)};
    constexpr uint64_t folder = 0x10;  // among the attributes; PyTorch's reader would find no bytes there
    if ((little(record + 38, 4) & folder) && !entry.name.ends_with('/'))
      archive_.corrupt("its member '" + entry.name + "' is marked as a folder");
    // The 64-bit numbers of large members stand in an extra field, each only where the short one is full.
    for (uint64_t field = 0; field + 4 <= extra;) {
      const char* head = record + 46 + name + field;
      const uint64_t size = little(head + 2, 2);
      if (size > extra - field - 4) break;
      if (little(head, 2) == 1) {
        uint64_t used = 0;
        for (uint64_t* number : {&entry.size, &entry.packed_size, &entry.header})
          if (*number == 0xFFFFFFFFu && used + 8 <= size) {
            *number = little(head + 4 + used, 8);
            used += 8;
          }
      }
      field += 4 + size;
    }
    at += 46 + name + extra + comment;
    return entry;
  }

  // The header before the member's bytes must say what the table of contents says. Where its numbers come after the bytes
  // (bit 3, as PyTorch writes) it says nothing about them.
  uint64_t read_header(const Entry& entry) const {
    const auto refuse = [&](const char* what) {
      archive_.corrupt(std::string("the header of '") + entry.name + "' and the table of contents differ in " + what);
    };
    if (entry.header > bytes_.size() || bytes_.size() - entry.header < 30) refuse("its place");
    const char* header = bytes_.data() + entry.header;
    if (std::memcmp(header, "PK\x03\x04", 4) != 0) refuse("its place");
    const uint64_t name = little(header + 26, 2), extra = little(header + 28, 2);
    const uint64_t room = bytes_.size() - entry.header - 30;
    if (name + extra > room || std::string_view(header + 30, name) != entry.name) refuse("its name");
    if (little(header + 6, 2) != entry.flags || little(header + 8, 2) != entry.method) refuse("its form");
    if (entry.packed_size > room - name - extra || entry.header + 30 + name + extra + entry.packed_size > start_)
      refuse("its size");
    if (entry.method == 0 && entry.size != entry.packed_size) refuse("its size");
    const bool comes_later = entry.flags & 8;
    const uint64_t crc = little(header + 14, 4), packed_size = little(header + 18, 4), size = little(header + 22, 4);
    if (crc != entry.crc && !(comes_later && crc == 0)) refuse("its checksum");
    for (const auto& [here, there] : {std::pair{packed_size, entry.packed_size}, std::pair{size, entry.size}})
      if (here != there && here != 0xFFFFFFFFu && !(comes_later && here == 0)) refuse("its size");
    if (entry.flags & 1) archive_.corrupt("its member '" + entry.name + "' is encrypted");
    return entry.header + 30 + name + extra;
  }

  const Archive& archive_;
  std::span<const char> bytes_;
  uint64_t count_ = 0, start_ = 0, end_ = 0;  // of the table of contents
};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

void require_sum(const std::string& sha256) {
  constexpr size_t digits = 64;
  if (!sha256.empty() && (sha256.size() != digits || lower(sha256).find_first_not_of("0123456789abcdef") != std::string::npos))
    fail(CTORCH_ERROR_ARGUMENT, "argument 'sha256': expected 64 hexadecimal digits, as sha256sum prints them, got '", sha256,
         "'");
}

// A wrong argument is told before a file that is none.
std::shared_ptr<const OpenFile> opened(const FileSource& source, const FileWords& words, const std::string& sha256) {
  require_sum(sha256);
  return std::make_shared<OpenFile>(source, words);
}

// What was read of a file, which must have this sum unless it is empty.
std::shared_ptr<const Content> content_of(const OpenFile& file, const std::string& sha256) {
  auto content = std::make_shared<const Content>(file.descriptor(), file.path());
  if (!sha256.empty())
    if (const std::string found = sha256_of(content->bytes().data(), content->bytes().size()); found != lower(sha256))
      fail(CTORCH_ERROR_FILE, "'", file.path(), "' is not the file that argument 'sha256' asks for: its sum is ", found,
           ", expected ", lower(sha256));
  return content;
}

std::string name_or(const char* otherwise, const char* name, int64_t name_length) {
  std::string called = read_trimmed(name, name_length, "name");
  return called.empty() ? otherwise : called;
}

}  // namespace

// Eight bytes at a time: table[k] is the remainder of a byte with k bytes after it.
uint32_t crc32(std::span<const char> bytes) {
  static const auto table = [] {
    std::array<std::array<uint32_t, 256>, 8> rows{};
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t row = i;
      for (int bit = 0; bit < 8; ++bit) row = row >> 1 ^ (row & 1 ? 0xEDB88320u : 0u);
      rows[0][i] = row;
    }
    for (size_t k = 1; k < 8; ++k)
      for (size_t i = 0; i < 256; ++i) rows[k][i] = rows[k - 1][i] >> 8 ^ rows[0][rows[k - 1][i] & 0xFF];
    return rows;
  }();
  uint32_t crc = 0xFFFFFFFFu;
  const char* next = bytes.data();
  size_t left = bytes.size();
  for (; left >= 8; left -= 8, next += 8) {
    uint64_t word = 0;
    for (int i = 0; i < 8; ++i) word |= static_cast<uint64_t>(static_cast<unsigned char>(next[i])) << 8 * i;
    word ^= crc;
    crc = 0;
    for (size_t i = 0; i < 8; ++i) crc ^= table[7 - i][word >> 8 * i & 0xFF];
  }
  for (; left > 0; --left, ++next) crc = crc >> 8 ^ table[0][(crc ^ static_cast<unsigned char>(*next)) & 0xFF];
  return ~crc;
}

FileSource bytes_in_memory(const void* bytes, int64_t size, const char* name, int64_t name_length) {
  if (size < 0) fail(CTORCH_ERROR_ARGUMENT, "argument 'size': expected 0 or more bytes, got ", size);
  if (size == 0 || !bytes) fail(CTORCH_ERROR_ARGUMENT, "argument 'bytes' is empty or not allocated");
  FileSource source(name_or("bytes in memory", name, name_length));
  source.bytes.emplace(static_cast<const char*>(bytes), static_cast<size_t>(size));
  return source;
}

FileSource open_file(int32_t descriptor, const char* name, int64_t name_length) {
  FileSource source(name_or("an open file", name, name_length));
  source.descriptor = descriptor;
  return source;
}

OpenFile::OpenFile(const FileSource& source, const FileWords& words) : path_(source.path), words_(words) {
  struct stat status{};
  if (source.bytes) {
    descriptor_ = nameless_file(*source.bytes, Use::read, "'" + path_ + "'");
    ::fchmod(descriptor_, S_IRUSR);  // what nobody may write is mapped instead of copied once more
    return;
  }
  if (source.descriptor) {
    descriptor_ = Descriptor(::fcntl(*source.descriptor, F_DUPFD_CLOEXEC, 0));
    if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0)
      fail(CTORCH_ERROR_FILE, "'", path_, "' is not open: ", std::strerror(errno));
    if (!S_ISREG(status.st_mode)) fail(CTORCH_ERROR_FILE, "'", path_, "' is no regular file");
    return;
  }
  if (path_.empty()) fail(CTORCH_ERROR_FILE, "argument 'filename' is empty");
  if (::stat(path_.c_str(), &status) != 0) fail(CTORCH_ERROR_FILE, "cannot open '", path_, "': ", std::strerror(errno));
  if (S_ISDIR(status.st_mode)) fail(CTORCH_ERROR_FILE, "'", path_, "' is a directory, ", words.noun);
  // Reading from a pipe would wait for ever, and so would opening one that is put here at this moment without O_NONBLOCK.
  if (!S_ISREG(status.st_mode)) fail(CTORCH_ERROR_FILE, "'", path_, "' is no regular file");
  descriptor_ = Descriptor(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (descriptor_ < 0) fail(CTORCH_ERROR_FILE, "cannot open '", path_, "': ", std::strerror(errno));
}

Archive::Archive(const std::shared_ptr<const OpenFile>& file, const std::string& sha256)
    : Archive(file, content_of(*file, sha256)) {}

Archive::Archive(const FileSource& source, const FileWords& words, const std::string& sha256)
    : Archive(opened(source, words, sha256), sha256) {}

Archive::Archive(std::shared_ptr<const OpenFile> file, std::shared_ptr<const Content> content)
    : file_(std::move(file)), content_(std::move(content)) {
  const std::span<const char> all = bytes();
  const FileWords& words = file_->words();
  if (all.size() < 4 || std::memcmp(all.data(), "PK\x03\x04", 4) != 0)
    fail(CTORCH_ERROR_FILE, "'", path(), "' is ", words.noun, all[0] == '\x80' ? words.pickled : words.expected);
  members_ = Reader(*this, all).read();
}

const Archive::Member* Archive::find(std::string_view name) const {
  for (const Member& member : members_)
    if (member.name == name) return &member;
  return nullptr;
}

void Archive::corrupt(const std::string& reason) const {
  fail(CTORCH_ERROR_FILE, "'", path(), "' is corrupt: ", reason, "; ", file_->words().damaged);
}

void Archive::require_one_folder() const {
  const auto folder_of = [](const Member& member) {
    return std::string_view(member.full_name).substr(0, member.full_name.size() - member.name.size());
  };
  for (const Member& member : members_)
    if (folder_of(member) != folder_of(members_.front()))
      corrupt("its members lie in several folders ('" + members_.front().full_name + "' and '" + member.full_name +
              "'), so that it could hold two contracts");
}

void Archive::verify_checksums() const {
  std::unique_ptr<compat::ArchiveReader> unpacker;
  const auto verify = [&](const Member& member, std::span<const char> bytes) {
    if (crc32(bytes) != member.crc) corrupt("the checksum of '" + member.full_name + "' is wrong");
  };
  for (const Member& member : members_) {
    if (member.stored) {
      verify(member, member.bytes);
      continue;
    }
    // Compressed by somebody who packed the archive anew.
    try {
      if (!unpacker) unpacker = std::make_unique<compat::ArchiveReader>(adapter_of(content_, bytes(), nullptr));
      const auto [data, size] = unpacker->getRecord(member.name);
      verify(member, {static_cast<const char*>(data.get()), size});
    } catch (const c10::Error& error) {
      fail(CTORCH_ERROR_FILE, "'", path(), "' is corrupt: ", error.what_without_backtrace());
    }
  }
}

}  // namespace ctorch
