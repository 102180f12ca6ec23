#include "model/package/isa.h"

#include <sys/utsname.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "core/error.h"
#include "core/text.h"

namespace ctorch {
namespace {

struct Processor {
  std::string machine, name;
  std::set<std::string> flags;
};

Processor read_processor() {
  Processor cpu;
  utsname system{};
  if (::uname(&system) == 0) cpu.machine = system.machine;
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string key = line.substr(0, line.find_last_not_of(" \t", colon - 1) + 1);
    const std::string value = line.substr(std::min(colon + 2, line.size()));
    if (key == "model name" && cpu.name.empty()) cpu.name = value;
    if (key != "flags" && key != "Features") continue;
    std::istringstream words(value);
    for (std::string flag; words >> flag;) cpu.flags.insert(flag);
    break;  // the other cores are the same
  }
  return cpu;
}

const Processor& processor() {
  static const Processor cpu = read_processor();
  return cpu;
}

std::set<std::string> taken_away() {
  std::set<std::string> flags;
  const char* setting = std::getenv("FTORCH_CPU_FLAGS");
  if (!setting) return flags;
  std::string text = setting;
  std::replace(text.begin(), text.end(), ',', ' ');
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (word.size() < 2 || word[0] != '-')
      fail(CTORCH_ERROR_ARGUMENT, "environment variable FTORCH_CPU_FLAGS: expected flags to take away, like -avx2, got '", word,
           "'; flags that the processor lacks cannot be added");
    flags.insert(word.substr(1));
  }
  return flags;
}

std::string words(const std::vector<std::string>& list) {
  return joined(list, ", ", [](const std::string& word) { return word; });
}

}  // namespace

std::string isa_missing(const Isa& isa) {
  const Processor& cpu = processor();
  if (!isa.machine.empty() && isa.machine != cpu.machine) return "a machine of type " + isa.machine;
  const auto without = taken_away();
  std::vector<std::string> missing;
  for (const auto& flag : isa.flags)
    if (!cpu.flags.contains(flag) || without.contains(flag)) missing.push_back(flag);
  return words(missing);
}

std::string isa_words(const Isa& isa) {
  return (isa.machine.empty() ? "any machine" : isa.machine) + (isa.flags.empty() ? "" : " with " + words(isa.flags));
}

std::string cpu_words() {
  const Processor& cpu = processor();
  return cpu.machine + (cpu.name.empty() ? "" : " (" + cpu.name + ")");
}

}  // namespace ctorch
