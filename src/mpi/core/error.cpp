#include "core/error.h"

#include <new>
#include <utility>

#include "ctorch_mpi.h"

namespace ftorch {
namespace {

thread_local Outcome last;

}  // namespace

Outcome outcome_in_flight() noexcept {
  Outcome found;
  try {
    throw;
  } catch (const AgreedError& error) {
    found.rank = error.rank();
    found.status = error.status();
    found.message = error.what();
  } catch (const Error& error) {
    found.status = error.status();
    found.message = error.what();
  } catch (const std::bad_alloc&) {
    found.status = CTORCH_ERROR_MEMORY;
    found.message = "no memory";  // short enough to need none
  } catch (const std::exception& error) {
    found.status = CTORCH_ERROR_INTERNAL;
    found.message = error.what();
  } catch (...) {
    found.status = CTORCH_ERROR_INTERNAL;
  }
  return found;
}

void need(int32_t status) {
  if (status == CTORCH_SUCCESS) return;
  const char* text = nullptr;
  int64_t length = 0;
  if (ctorch_last_error(&text, &length) != CTORCH_SUCCESS) length = 0;
  throw Error(status, std::string(text ? text : "", static_cast<size_t>(length)));
}

const Outcome& last_error() noexcept { return last; }

int32_t record(Outcome&& outcome) noexcept {
  last = std::move(outcome);
  return last.status;
}

}  // namespace ftorch

extern "C" int32_t ctorch_mpi_last_error(const char** text, int64_t* length, int32_t* rank) {
  const ftorch::Outcome& error = ftorch::last_error();
  *text = error.message.c_str();
  *length = static_cast<int64_t>(error.message.size());
  *rank = error.rank;
  return CTORCH_SUCCESS;
}
