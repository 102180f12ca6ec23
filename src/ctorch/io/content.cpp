#include "io/content.h"

#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <vector>

#include "core/error.h"
#include "io/archive.h"

namespace ctorch {
namespace {

constexpr size_t mapped_from = size_t{16} << 20;
constexpr size_t chunk = size_t{1} << 20;

// Below this a read is not worth a call of the system to give it back.
constexpr size_t consumed_from = size_t{64} << 10;

// File systems of this machine's disks and memory. On another machine's a file can vanish under a mapping, and the next look at
// it would end the program; what is not known here is treated like that.
bool is_local(uint64_t type) {
  constexpr uint64_t zfs = 0x2FC12FC1, iso9660 = 0x9660;
  constexpr uint64_t known[] = {
      EXT4_SUPER_MAGIC,      XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC, TMPFS_MAGIC, RAMFS_MAGIC, F2FS_SUPER_MAGIC, zfs,
      OVERLAYFS_SUPER_MAGIC, iso9660,         SQUASHFS_MAGIC};
  return std::find(std::begin(known), std::end(known), type) != std::end(known);
}

// Whether the bytes stay what they are as long as the file is open.
bool nobody_writes(int file, const struct stat& status) {
  constexpr mode_t any_write = 0222;
  struct statfs disk{};
  if (::fstatfs(file, &disk) != 0 || !is_local(static_cast<uint64_t>(disk.f_type))) return false;
  return (status.st_mode & any_write) == 0 || (static_cast<uint64_t>(disk.f_flags) & ST_RDONLY);
}

void read_part(int file, const std::string& path, uint64_t position, char* into, size_t size) {
  for (size_t done = 0; done < size;) {
    const ssize_t got = ::pread(file, into + done, size - done, static_cast<off_t>(position + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(CTORCH_ERROR_FILE, "cannot read '", path, "': ", std::strerror(errno));
    if (got == 0) fail(CTORCH_ERROR_FILE, "'", path, "' became shorter while it was read; is somebody writing it?");
    done += static_cast<size_t>(got);
  }
}

class Adapter final : public compat::ReadAdapter {
 public:
  Adapter(std::shared_ptr<const Content> content, std::span<const char> part, std::shared_ptr<const OpenFile> file)
      : content_(std::move(content)), part_(part), file_(std::move(file)) {}

  size_t size() const override { return part_.size(); }

  size_t read(uint64_t position, void* into, size_t count, const char*) const override {
    if (position >= part_.size()) return 0;
    const std::span<const char> wanted = part_.subspan(position, std::min<size_t>(count, part_.size() - position));
    if (const auto taken = overlapping(wanted); taken != consumed_.end()) {
      if (!again(taken->second, wanted, static_cast<char*>(into))) return 0;
    } else if (!file_ || wanted.size() < consumed_from) {
      std::memcpy(into, wanted.data(), wanted.size());
    } else {
      consumed_[wanted.data()] = {wanted, crc32(wanted)};
      move_bytes(into, *content_, wanted);
    }
    return wanted.size();
  }

 private:
  struct Taken {
    std::span<const char> bytes;
    uint32_t crc;
  };
  using Consumed = std::map<const char*, Taken>;

  Consumed::const_iterator overlapping(std::span<const char> wanted) const {
    auto next = consumed_.upper_bound(wanted.data());
    if (next != consumed_.begin())
      if (const auto before = std::prev(next); before->second.bytes.data() + before->second.bytes.size() > wanted.data())
        return before;
    return next != consumed_.end() && next->first < wanted.data() + wanted.size() ? next : consumed_.end();
  }

  // No exception must pass through the reader, which is written in C: it is told that there is nothing, and says so.
  bool again(const Taken& taken, std::span<const char> wanted, char* into) const {
    const char* const start = taken.bytes.data();
    if (wanted.data() < start || wanted.data() + wanted.size() > start + taken.bytes.size()) return false;
    std::vector<char> bytes(taken.bytes.size());
    try {
      read_part(file_->descriptor(), file_->path(), static_cast<uint64_t>(start - content_->bytes().data()), bytes.data(),
                bytes.size());
    } catch (const Error&) {
      return false;
    }
    if (crc32(bytes) != taken.crc) return false;
    std::memcpy(into, bytes.data() + (wanted.data() - start), wanted.size());
    return true;
  }

  std::shared_ptr<const Content> content_;
  std::span<const char> part_;
  std::shared_ptr<const OpenFile> file_;
  mutable Consumed consumed_;
};

}  // namespace

Content::Content(int file, const std::string& path) {
  struct stat status{};
  if (::fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) fail(CTORCH_ERROR_FILE, "'", path, "' is no regular file");
  size_ = static_cast<size_t>(status.st_size);
  if (size_ == 0) fail(CTORCH_ERROR_FILE, "'", path, "' is empty");
  const bool mapped = size_ >= mapped_from && nobody_writes(file, status);
  constexpr int rights = PROT_READ | PROT_WRITE;
  void* where = mapped ? ::mmap(nullptr, size_, rights, MAP_PRIVATE | MAP_NORESERVE, file, 0)
                       : ::mmap(nullptr, size_, rights, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (where == MAP_FAILED) throw std::bad_alloc();
  data_ = static_cast<char*>(where);
  if (mapped) return;
  try {
    read_part(file, path, 0, data_, size_);
  } catch (...) {
    ::munmap(data_, size_);
    throw;
  }
}

Content::~Content() { ::munmap(data_, size_); }

void Content::release(std::span<const char> part) const {
  static const size_t page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const auto from = static_cast<size_t>(part.data() - data_), to = from + part.size();
  const size_t first = (from + page - 1) / page * page, last = to == size_ ? to : to / page * page;
  if (first < last) ::madvise(data_ + first, last - first, MADV_DONTNEED);
}

void move_bytes(void* into, const Content& content, std::span<const char> part) {
  auto* next = static_cast<char*>(into);
  const char* const start = part.data();
  for (size_t done = 0; done < part.size();) {
    const size_t size = std::min(chunk, part.size() - done);
    std::memcpy(next + done, start + done, size);
    done += size;
    // From the start: a page that two chunks share goes with the second.
    content.release(part.first(done).last(std::min(done, 2 * chunk)));
  }
}

std::shared_ptr<compat::ReadAdapter> adapter_of(std::shared_ptr<const Content> content, std::span<const char> part,
                                                std::shared_ptr<const OpenFile> file) {
  return std::make_shared<Adapter>(std::move(content), part, std::move(file));
}

}  // namespace ctorch
