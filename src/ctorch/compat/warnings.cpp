#include "compat/warnings.h"

#include <c10/util/Exception.h>

namespace ctorch::compat {
namespace {

class Nowhere final : public c10::WarningHandler {
 public:
  void process(const c10::Warning&) override {}
};

// For ever: threads may compute while the program ends. A few bytes, when the library is loaded.
// NOLINTNEXTLINE(bugprone-throwing-static-initialization)
Nowhere* const nowhere = new Nowhere;

// One variable: finding what belongs to a thread is most of the work here.
struct Quiet {
  int depth = 0;
  c10::WarningHandler* of_the_host = nullptr;
};
constinit thread_local Quiet quiet;

}  // namespace

void begin_quiet() noexcept {
  Quiet& mine = quiet;
  if (mine.depth++ > 0) return;
  mine.of_the_host = c10::WarningUtils::get_warning_handler();
  c10::WarningUtils::set_warning_handler(nowhere);
}

void end_quiet() noexcept {
  Quiet& mine = quiet;
  if (--mine.depth == 0) c10::WarningUtils::set_warning_handler(mine.of_the_host);
}

}  // namespace ctorch::compat
