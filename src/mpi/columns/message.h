// Columns of several arrays as one message, read and written where they lie.
#pragma once
#include <vector>

#include "columns/field.h"
#include "core/header.h"

namespace ftorch {

// What is described once stays described: a time step sends what the one before has sent.
class Message {
 public:
  Message() = default;
  Message(Message&& other) noexcept;
  Message& operator=(Message&&) = delete;
  ~Message();

  // Describes the inputs, or the outputs, of some columns. In element order, with as many bytes for a column on every rank.
  void describe(const Arrays& arrays, bool outputs, int64_t first, int64_t count);

  // Both return at once. A message that has not been described, or is of no columns, has no bytes.
  void send(MPI_Comm comm, int to, int tag, MPI_Request* request) const;
  void receive(MPI_Comm comm, int from, int tag, MPI_Request* request) const;

  int64_t bytes() const { return bytes_; }

 private:
  void forget();

  MPI_Datatype type_ = MPI_DATATYPE_NULL;  // of addresses, so that it is sent from MPI_BOTTOM
  std::vector<int64_t> described_;
  int64_t bytes_ = 0;
};

}  // namespace ftorch
