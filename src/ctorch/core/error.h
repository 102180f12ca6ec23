// Errors: one exception type inside the library, one guard at its border.
#pragma once
#include <cstdint>
#include <sstream>
#include <stdexcept>
#include <string>

#include "core/reclaim.h"
#include "ctorch_types.h"

namespace ctorch {

// An error this library found itself; the status tells a program what to do, the message a person.
class Error : public std::runtime_error {
 public:
  Error(int32_t status, const std::string& message) : std::runtime_error(message), status_(status) {}
  int32_t status() const { return status_; }

 private:
  int32_t status_;
};

// Throws an Error whose message is the concatenation of the parts. Cold: what leads here is kept apart from the instructions of
// calls that succeed, which compete with the network's own for the cache.
template <class... Parts>
[[noreturn]] [[gnu::cold, gnu::noinline]] void fail(int32_t status, const Parts&... parts) {
  std::ostringstream message;
  (message << ... << parts);
  throw Error(status, message.str());
}

// The status that a message of PyTorch's stands for.
int32_t to_status(const std::string& what);

// Turns the exception in flight into a status and the thread's message. Never throws.
int32_t record_exception() noexcept;

const std::string& last_error() noexcept;

// THE border: every entry runs its body through here. What it looks up stays until it ends, whatever other threads delete.
template <class Body>
int32_t guard(Body&& body) noexcept {
  try {
    const InCall inside;
    body();
    return CTORCH_SUCCESS;
  } catch (...) {
    return record_exception();
  }
}

// For arguments that a C program may have left out.
template <class Pointer>
void require(const Pointer* argument, const char* name) {
  if (!argument) fail(CTORCH_ERROR_ARGUMENT, "argument '", name, "' is a null pointer");
}

// An entry that gives one value, in the argument of that name.
template <class Value, class Question>
int32_t answer_with(Value* out, const char* name, Question&& question) noexcept {
  return guard([&] {
    require(out, name);
    *out = static_cast<Value>(question());
  });
}

}  // namespace ctorch
