// Texts that come in, go out, and are put together.
#pragma once
#include <cstdint>
#include <string>

namespace ctorch {

// A text that a caller gives by address and length; `argument` is its name in messages.
std::string read_text(const char* text, int64_t length, const char* argument);

// The same without trailing blanks, as Fortran pads.
std::string read_trimmed(const char* text, int64_t length, const char* argument);

// The same of a path, without blanks before it; a null character ends it earlier.
std::string read_path(const char* path, int64_t length);

// Hands a text to the caller; it lives until the next text on this thread.
void return_text(std::string text, const char** out, int64_t* length);

// The words of a range, one after the other: what `word` gives for each item.
template <class Range, class Word>
std::string joined(const Range& range, const char* separator, Word&& word) {
  std::string text;
  bool first = true;
  for (const auto& item : range) {
    if (!first) text += separator;
    text += word(item);
    first = false;
  }
  return text;
}

}  // namespace ctorch
