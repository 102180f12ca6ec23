// What code that AOTInductor compiled says of its errors: it writes that to std::cerr, C++ backtrace included, and returns a
// number. Code whose std::cerr is this stream writes nothing, and the cause of an error can be told.
#pragma once
#include <iosfwd>
#include <string>

namespace ctorch::compat {

constexpr const char* standard_error_symbol = "_ZSt4cerr";

std::ostream* errors_of_code();

// The cause of the last error on this thread, in a line, without places in sources; empty if nothing was said. Says it once.
std::string take_error_of_code();

// PyTorch's own std::cerr, once it is this stream: everything goes on to the program's, but for what is said under a
// WordsOfLoading.
std::ostream* errors_of_torch();

// While one lives, PyTorch says nothing on this thread: of code that an older version made it tells, at each loading, which
// functions of newer ones are not in it. What is needed and missing is an exception.
class WordsOfLoading {
 public:
  WordsOfLoading();
  ~WordsOfLoading();
  WordsOfLoading(const WordsOfLoading&) = delete;
  WordsOfLoading& operator=(const WordsOfLoading&) = delete;
};

}  // namespace ctorch::compat
