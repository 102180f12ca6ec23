#include "compat/warnings.h"

#include <c10/util/Exception.h>

namespace ctorch::compat {
namespace {

class Nowhere final : public c10::WarningHandler {
 public:
  void process(const c10::Warning&) override {}
};

// For ever: threads may compute while the program ends.
Nowhere* const nowhere = new Nowhere;

thread_local int depth = 0;
thread_local c10::WarningHandler* of_the_host = nullptr;

}  // namespace

void begin_quiet() noexcept {
  if (depth++ > 0) return;
  of_the_host = c10::WarningUtils::get_warning_handler();
  c10::WarningUtils::set_warning_handler(nowhere);
}

void end_quiet() noexcept {
  if (--depth == 0) c10::WarningUtils::set_warning_handler(of_the_host);
}

}  // namespace ctorch::compat
