// Errors: what one rank finds is an Error; what all have agreed on is an AgreedError. One guard at the border.
#pragma once
#include <ctorch.h>

#include <cstdint>
#include <sstream>
#include <stdexcept>
#include <string>

namespace ftorch {

// An error of this rank; the status tells a program what to do, the message a person.
class Error : public std::runtime_error {
 public:
  Error(int32_t status, const std::string& message) : std::runtime_error(message), status_(status) {}
  int32_t status() const { return status_; }

 private:
  int32_t status_;
};

// An error that every rank of a communicator throws at the same place, because one of them failed.
class AgreedError : public Error {
 public:
  AgreedError(int32_t rank, int32_t status, const std::string& message) : Error(status, message), rank_(rank) {}
  int32_t rank() const { return rank_; }

 private:
  int32_t rank_;
};

// Throws an Error whose message is the concatenation of the parts.
template <class... Parts>
[[noreturn]] void fail(int32_t status, const Parts&... parts) {
  std::ostringstream message;
  (message << ... << parts);
  throw Error(status, message.str());
}

// What a rank has to say about its part of the work.
struct Outcome {
  int32_t rank = -1;  // where it comes from, once all have agreed
  int32_t status = CTORCH_SUCCESS;
  std::string message;
};

// The exception in flight. Never throws: where there is no memory for the message, the status must do.
Outcome outcome_in_flight() noexcept;

// Throws what libctorch says about a call of its own that failed.
void need(int32_t status);

const Outcome& last_error() noexcept;
int32_t record(Outcome&& outcome) noexcept;

// THE border: every entry runs its body through here.
template <class Body>
int32_t guard(Body&& body) noexcept {
  try {
    body();
    return CTORCH_SUCCESS;
  } catch (...) {
    return record(outcome_in_flight());
  }
}

}  // namespace ftorch
