#include "core/text.h"

#include "core/error.h"

namespace ctorch {

std::string read_text(const char* text, int64_t length, const char* argument) {
  if (length <= 0) return {};
  require(text, argument);
  return {text, static_cast<size_t>(length)};
}

std::string read_trimmed(const char* text, int64_t length, const char* argument) {
  std::string copy = read_text(text, length, argument);
  copy.erase(copy.find_last_not_of(' ') + 1);
  return copy;
}

std::string read_path(const char* path, int64_t length) {
  std::string text = read_text(path, length, "filename");
  text.erase(0, text.find_first_not_of(' '));
  return text.substr(0, text.find('\0'));
}

void return_text(std::string text, const char** out, int64_t* length) {
  thread_local std::string kept;
  require(out, "text");
  require(length, "length");
  kept = std::move(text);
  *out = kept.data();
  *length = static_cast<int64_t>(kept.size());
}

}  // namespace ctorch
