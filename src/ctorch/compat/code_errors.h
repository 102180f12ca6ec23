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

}  // namespace ctorch::compat
