#include "model/package/isa.h"

#include <sys/utsname.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <utility>

#include "core/error.h"
#include "core/text.h"

namespace ctorch {
namespace {

struct Processor {
  std::string machine, name;
  std::set<std::string> flags;
};

// What the processor itself denies. /proc/cpuinfo tells of the host's processor where a program runs on an emulated one.
void remove_denied(std::set<std::string>& flags) {
#ifdef __x86_64__
#define CTORCH_ASKED(flag, name) {flag, __builtin_cpu_supports(name) != 0}
  const std::pair<const char*, bool> asked[] = {
      CTORCH_ASKED("ssse3", "ssse3"),       CTORCH_ASKED("sse4_1", "sse4.1"),     CTORCH_ASKED("sse4_2", "sse4.2"),
      CTORCH_ASKED("popcnt", "popcnt"),     CTORCH_ASKED("avx", "avx"),           CTORCH_ASKED("avx2", "avx2"),
      CTORCH_ASKED("fma", "fma"),           CTORCH_ASKED("bmi1", "bmi"),          CTORCH_ASKED("bmi2", "bmi2"),
      CTORCH_ASKED("avx512f", "avx512f"),   CTORCH_ASKED("avx512bw", "avx512bw"), CTORCH_ASKED("avx512cd", "avx512cd"),
      CTORCH_ASKED("avx512dq", "avx512dq"), CTORCH_ASKED("avx512vl", "avx512vl"),
  };
#undef CTORCH_ASKED
  for (const auto& [flag, has] : asked)
    if (!has) flags.erase(flag);
#else
  (void)flags;
#endif
}

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
  remove_denied(cpu.flags);
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
