// PyTorch's warnings, which it would write to the host's standard error.
#pragma once

namespace ctorch::compat {

// Between the two, warnings of this thread go nowhere. They nest; after the last end the host's own handler is back.
void begin_quiet() noexcept;
void end_quiet() noexcept;

}  // namespace ctorch::compat
