#include "core/error.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <new>

#include "ctorch_runtime.h"

namespace ctorch {
namespace {

thread_local std::string message;

// The part of a PyTorch message that speaks to a user: TorchScript puts its own trace first, with lines of source code, and the
// cause last; when it cannot read a file it is the other way round.
std::string first_cause(const std::string& what) {
  const std::string runtime_error = "RuntimeError: ", here = "<--- HERE\n";
  if (auto at = what.rfind(runtime_error); at != std::string::npos) return what.substr(at + runtime_error.size());
  auto at = what.rfind(here);
  if (at == std::string::npos) return what;
  at += here.size();
  while (at < what.size() && what[at] == ' ') at = std::min(what.find('\n', at), what.size() - 1) + 1;
  if (what.find_first_not_of(" \n", at) != std::string::npos) return what.substr(at);
  const auto first = what.find_first_not_of(" \n");
  return what.substr(first, std::min(what.find("\n:\n", first), what.find("\n  File ", first)) - first);
}

void set_message(const char* prefix, std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  message = prefix + text;
}

}  // namespace

int32_t to_status(const std::string& what) {
  if (what.find("not enough memory") != std::string::npos || what.find("out of memory") != std::string::npos ||
      what.find("can't allocate memory") != std::string::npos ||
      what.find("Storage size calculation overflowed") != std::string::npos)
    return CTORCH_ERROR_MEMORY;
  if (what.find("same device") != std::string::npos) return CTORCH_ERROR_DEVICE;
  return CTORCH_ERROR_MODEL;
}

int32_t record_exception() noexcept {
  try {
    try {
      throw;
    } catch (const Error& error) {
      message = error.what();
      return error.status();
    } catch (const c10::OutOfMemoryError& error) {
      set_message("out of memory: ", error.what_without_backtrace());
      return CTORCH_ERROR_MEMORY;
    } catch (const c10::Error& error) {
      const std::string what = error.what_without_backtrace();
      set_message("PyTorch: ", first_cause(what));
      return to_status(what);
    } catch (const std::bad_alloc&) {
      message = "out of memory";
      return CTORCH_ERROR_MEMORY;
    } catch (const std::exception& error) {
      const std::string what = error.what();
      set_message("PyTorch: ", first_cause(what));
      return to_status(what);
    } catch (...) {
      message = "unknown C++ exception";
      return CTORCH_ERROR_INTERNAL;
    }
  } catch (...) {  // no memory left for the message itself
    return CTORCH_ERROR_MEMORY;
  }
}

const std::string& last_error() noexcept { return message; }

}  // namespace ctorch

extern "C" int32_t ctorch_last_error(const char** text, int64_t* length) {
  if (!text || !length) return CTORCH_ERROR_ARGUMENT;
  *text = ctorch::last_error().data();
  *length = static_cast<int64_t>(ctorch::last_error().size());
  return CTORCH_SUCCESS;
}
