// What the processor can do: compiled code that asks for more would end the program with an illegal instruction.
#pragma once
#include <optional>
#include <string>
#include <vector>

namespace ctorch {

// What a piece of compiled code needs.
struct Isa {
  std::string machine;             // as `uname -m` says
  std::vector<std::string> flags;  // as /proc/cpuinfo says
};

// What is missing here for it, in words; empty if it can run. FTORCH_CPU_FLAGS can take flags away ("-avx2,-fma"), to see what
// a program does on a processor without them.
std::string isa_missing(const Isa& isa);

std::string isa_words(const Isa& isa);  // "x86_64 with avx2, fma"

std::string cpu_words();  // "x86_64 (AMD EPYC 7R13)"

}  // namespace ctorch
