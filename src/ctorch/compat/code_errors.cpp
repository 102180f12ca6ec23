#include "compat/code_errors.h"

#include <torch/version.h>

#include <algorithm>
#include <iostream>
#include <ostream>
#include <streambuf>
#if TORCH_VERSION_MAJOR > 2 || TORCH_VERSION_MINOR >= 13
#include <torch/csrc/stable/c/shim.h>
#endif

namespace ctorch::compat {
namespace {

thread_local std::string said;

class Listener final : public std::streambuf {
 protected:
  std::streamsize xsputn(const char* text, std::streamsize count) override {
    constexpr size_t enough = 1 << 16;
    try {
      said.append(text, std::min(static_cast<size_t>(count), enough - std::min(enough, said.size())));
    } catch (...) {  // NOLINT(bugprone-empty-catch) - no memory for words: the error itself is known by its number
    }
    return count;
  }
  int_type overflow(int_type letter) override {
    const char one = traits_type::to_char_type(letter);
    xsputn(&one, 1);
    return traits_type::not_eof(letter);
  }
};

thread_local bool loads = false;

class Relay final : public std::streambuf {
 protected:
  std::streamsize xsputn(const char* text, std::streamsize count) override {
    return loads ? count : std::cerr.rdbuf()->sputn(text, count);
  }
  int_type overflow(int_type letter) override {
    return loads ? traits_type::not_eof(letter) : std::cerr.rdbuf()->sputc(traits_type::to_char_type(letter));
  }
  int sync() override { return loads ? 0 : std::cerr.rdbuf()->pubsync(); }
};

// Where a call of PyTorch failed, the code knows the name of the function and its own place in a source; the function itself
// knows why.
std::string cause_of_failed_call(const std::string& call) {
#if TORCH_VERSION_MAJOR > 2 || TORCH_VERSION_MINOR >= 13
  if (const char* why = torch_exception_get_what_without_backtrace(); why && *why) return why;
#endif
  return call.substr(0, call.find('(')) + " fails";
}

// What is checked in headers begins with its place: "function, /path/of/header.h:827, cause".
std::string after_place(std::string text) {
  const size_t path = text.find(", /");
  if (path == std::string::npos) return text;
  const size_t end = text.find(", ", path + 2);
  return end == std::string::npos ? text : text.substr(end + 2);
}

}  // namespace

std::ostream* errors_of_code() {
  // For ever: threads may compute while the program ends.
  static auto* const stream = new std::ostream(new Listener);
  return stream;
}

std::ostream* errors_of_torch() {
  static auto* const stream = [] {
    auto* made = new std::ostream(new Relay);
    made->setf(std::ios::unitbuf);
    return made;
  }();
  return stream;
}

WordsOfLoading::WordsOfLoading() { loads = true; }
WordsOfLoading::~WordsOfLoading() { loads = false; }

std::string take_error_of_code() {
  const std::string error = "Error: ";
  std::string text = std::move(said);
  said.clear();
  if (const size_t at = text.rfind(error); at != std::string::npos) text.erase(0, at + error.size());
  text.erase(std::min(text.find("\nException raised from "), text.size()));
  if (const size_t at = text.find(" API call failed at "); at != std::string::npos)
    text = cause_of_failed_call(text.substr(0, at));
  text.erase(std::min(text.find('\n'), text.size()));
  return after_place(std::move(text));
}

}  // namespace ctorch::compat
