// A host in C++: it throws, prints and uses the locale; its run time may be linked statically.
#include <iomanip>
#include <iostream>
#include <locale>
#include <sstream>
#include <stdexcept>

extern "C" int cxx_host() {
  std::ostringstream text;
  text.imbue(std::locale::classic());
  text << std::setprecision(3) << 1.5;
  try {
    throw std::runtime_error(text.str());
  } catch (const std::exception& error) {
    return std::string(error.what()) == "1.5" ? 0 : 1;
  }
}

namespace {
const int at_start = cxx_host();
}
