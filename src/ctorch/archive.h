// The zip archives that PyTorch's files are: what is in them, and whether it is all there.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace ctorch {

struct ArchiveEntry {
  std::string name;  // without the archive's own name, which comes first in every entry
  std::string full_name;
  uint32_t crc;
};

// The words for messages about a file: what it should have been, and what to do when it is damaged.
struct FileWords {
  const char* noun;      // "no model file"
  const char* expected;  // who makes such files
  const char* pickled;   // advice about one that torch.save wrote in its old form
  const char* damaged;   // advice about a damaged one
};

// The table of contents; throws, saying what the file is, for one that is missing, truncated or no archive.
std::vector<ArchiveEntry> archive_entries(const std::string& path, const FileWords& words);

// PyTorch's reader does not verify checksums, so they are verified here, those of all entries.
void verify_checksums(const std::string& path, const std::vector<ArchiveEntry>& entries, const FileWords& words);

}  // namespace ctorch
