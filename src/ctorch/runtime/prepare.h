// What must have been done before the first call.
#pragma once

namespace ctorch {

// Called once, by one thread, when libtorch has just been loaded.
void prepare() noexcept;

}  // namespace ctorch
