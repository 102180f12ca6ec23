// Parallel regions of a library, inside and outside of calls: all threads compute alike, and the host's keep what they had.
#include <dlfcn.h>

#include <cstdint>
#include <cstdio>
#include <cstring>

#include "host/float_call.h"

namespace {

constexpr int threads = 4;
constexpr uint32_t control = 0xFFC0, ordinary = 0x1F80, flushing = 0x8040;

struct Library {
  explicit Library(const char* path) : handle(dlopen(path, RTLD_NOW | RTLD_LOCAL)) {
    if (!handle) {
      std::puts(dlerror());
      return;
    }
    run = reinterpret_cast<void (*)(int, int)>(dlsym(handle, "run"));
    words = static_cast<uint32_t*>(dlsym(handle, "words"));
    sums = static_cast<int64_t*>(dlsym(handle, "sums"));
    ctorch::lead_teams_of(handle);
    ctorch::lead_teams_of(handle);  // once is enough, twice does no harm
  }
  bool agree(uint32_t word, int64_t sum) const {
    for (int i = 0; i < threads; ++i)
      if (words[i] != (word & control) || sums[i] != sum) {
        std::printf("thread %d computed with %x instead of %x, and got %ld instead of %ld\n", i, words[i], word & control,
                    static_cast<long>(sums[i]), static_cast<long>(sum));
        return false;
      }
    return true;
  }
  void* handle;
  void (*run)(int, int) = nullptr;
  uint32_t* words = nullptr;
  int64_t* sums = nullptr;
};

bool in_call(const Library& library, ctorch::Flush flush, uint32_t wanted, bool subnormals) {
  const ctorch::FloatCall call(flush);
  library.run(threads, 1);
  const bool right = library.agree(wanted, 7);
  library.run(threads, 40);
  if (call.met_subnormals() != subnormals) std::puts(subnormals ? "subnormals were not noticed" : "subnormals were made up");
  return right && library.agree(wanted, 780) && call.met_subnormals() == subnormals;
}

}  // namespace

// Arguments: which region is the first ("call" or "host"), the host's word (hexadecimal), libraries.
int main(int, char** argument) {
  using ctorch::Flush;
  uint32_t host = 0;
  std::sscanf(argument[2], "%x", &host);
  for (char** path = argument + 3; *path; ++path) {
    const Library library(*path);
    if (!library.run) return 1;
    __builtin_ia32_ldmxcsr(host);
    const auto outside = [&] {
      library.run(threads, 1);
      if (!library.agree(host, 7)) return false;
      library.run(threads, 40);
      return library.agree(host, 780);
    };
    if (std::strcmp(argument[1], "host") == 0 && !outside()) return 2;
    uint32_t before = __builtin_ia32_stmxcsr();
    const uint32_t inherited = ordinary | (host & flushing);
    if (!in_call(library, Flush::as_host, inherited, !(host & 0x40))) return 3;
    if (__builtin_ia32_stmxcsr() != before) return 4;
    if (!outside()) return 5;
    before = __builtin_ia32_stmxcsr();
    if (!in_call(library, Flush::on, ordinary | flushing, false) || !in_call(library, Flush::off, ordinary, true)) return 6;
    if (__builtin_ia32_stmxcsr() != before) return 7;
    if (!outside()) return 8;
  }
  __builtin_ia32_ldmxcsr(ordinary);
  std::puts("each has its own");
  return 0;
}
