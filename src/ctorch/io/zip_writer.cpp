#include "io/zip_writer.h"

#include "core/error.h"
#include "io/archive.h"

namespace ctorch {
namespace {

constexpr uint32_t full = 0xFFFFFFFFu;  // the number stands elsewhere, with 64 bits
constexpr uint16_t utf8_name = 0x800, version_zip64 = 45;

// A record of the format: numbers of several lengths, lowest byte first.
class Record {
 public:
  explicit Record(const char* mark) : bytes_(mark, 4) {}
  Record& u16(uint64_t value) { return add(value, 2); }
  Record& u32(uint64_t value) { return add(value, 4); }
  Record& u64(uint64_t value) { return add(value, 8); }
  Record& text(const std::string& value) {
    bytes_ += value;
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  Record& add(uint64_t value, int count) {
    for (int i = 0; i < count; ++i) bytes_ += static_cast<char>(value >> 8 * i);
    return *this;
  }
  std::string bytes_;
};

uint64_t short_or_full(uint64_t value) { return value < full ? value : full; }

constexpr uint64_t january_1980 = 1 << 21 | 1 << 16;  // the first date there is: equal content gives equal files

}  // namespace

void ZipWriter::put(const void* bytes, size_t size) {
  write_(bytes, size);
  position_ += size;
}

void ZipWriter::add(const std::string& name, std::span<const char> bytes) {
  const uint64_t size = bytes.size();
  const bool wide = size >= full;
  entries_.push_back({name, crc32(bytes), size, position_});
  const uint64_t head = position_ + 30 + name.size() + (wide ? 20 : 0) + 4;
  const uint64_t padding = (64 - head % 64) % 64;
  Record record("PK\x03\x04");
  record.u16(version_zip64).u16(utf8_name).u16(0).u32(january_1980).u32(entries_.back().crc);
  record.u32(short_or_full(size)).u32(short_or_full(size)).u16(name.size()).u16((wide ? 20 : 0) + 4 + padding).text(name);
  if (wide) record.u16(1).u16(16).u64(size).u64(size);
  record.u16(0x4246).u16(padding).text(std::string(padding, '\0'));  // the field that PyTorch pads with
  put(record.bytes().data(), record.bytes().size());
  put(bytes.data(), bytes.size());
}

void ZipWriter::finish() {
  const uint64_t start = position_;
  for (const Entry& entry : entries_) {
    std::string wide;
    Record numbers("\x01\x00\x00\x00");
    if (entry.size >= full) numbers.u64(entry.size).u64(entry.size);
    if (entry.offset >= full) numbers.u64(entry.offset);
    if (numbers.bytes().size() > 4) {
      wide = numbers.bytes();
      wide[2] = static_cast<char>(wide.size() - 4);
    }
    Record record("PK\x01\x02");
    record.u16(version_zip64).u16(version_zip64).u16(utf8_name).u16(0).u32(january_1980).u32(entry.crc);
    record.u32(short_or_full(entry.size)).u32(short_or_full(entry.size)).u16(entry.name.size()).u16(wide.size());
    record.u16(0).u16(0).u16(0).u32(0).u32(short_or_full(entry.offset)).text(entry.name).text(wide);
    put(record.bytes().data(), record.bytes().size());
  }
  const uint64_t end = position_, length = end - start, count = entries_.size();
  if (start >= full || length >= full || count >= 0xFFFF) {
    Record record("PK\x06\x06");
    record.u64(44).u16(version_zip64).u16(version_zip64).u32(0).u32(0).u64(count).u64(count).u64(length).u64(start);
    Record locator("PK\x06\x07");
    locator.u32(0).u64(end).u32(1);
    put(record.bytes().data(), record.bytes().size());
    put(locator.bytes().data(), locator.bytes().size());
  }
  Record record("PK\x05\x06");
  const uint64_t shown = count < 0xFFFF ? count : 0xFFFF;
  record.u16(0).u16(0).u16(shown).u16(shown).u32(short_or_full(length)).u32(short_or_full(start)).u16(0);
  put(record.bytes().data(), record.bytes().size());
}

}  // namespace ctorch
