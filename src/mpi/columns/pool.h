// Columns of many ranks, computed by some of them.
#pragma once
#include <ctorch_model.h>

#include <memory>
#include <optional>
#include <vector>

#include "columns/field.h"
#include "columns/message.h"
#include "columns/owners.h"
#include "core/group.h"
#include "core/subgroup.h"

namespace ftorch {

struct PoolOptions {
  int32_t owner = owner_by_default;
  double local_share = 0;     // of a rank's columns that it computes itself though it is no owner
  int64_t largest_batch = 0;  // columns in one call of the network; 0: all that there are
};

struct PoolStats {
  int64_t calls = 0, columns = 0, bytes = 0;  // columns that this rank computed; bytes that it sent and received
  double waiting = 0, network = 0;            // seconds
};

// A call has two halves, so that the host can compute between them. The first agrees on what is computed, sends, and computes
// this rank's part; the second waits for what others have computed. What fails on one rank fails on all, in the second half.
//
// An owner and those it computes for are a group, and talk only among themselves until the second half. An owner's own columns
// are read and written where they lie; those of the others are received into memory of its own, in the same order.
class ColumnPool {
 public:
  ColumnPool(const Group& all, const ctorch_model* model, const PoolOptions& options);
  ColumnPool(const ColumnPool&) = delete;
  ColumnPool& operator=(const ColumnPool&) = delete;
  ~ColumnPool();

  void start(const ctorch_array* inputs, int32_t n_inputs, const ctorch_array* outputs, int32_t n_outputs, int32_t convert);
  void finish();
  void serve();  // until the others end the pool
  void end();    // all ranks, before the destructor

  bool is_broken() const { return is_broken_; }  // ranks have waited in vain: nothing may be sent any more
  bool is_owner() const { return group_.leads(); }
  const PoolStats& stats() const { return stats_; }

 private:
  enum class Turn : int64_t { call, serve, end, failed };
  struct Header {  // what each rank of a group says before anything else is sent
    Turn turn = Turn::call;
    int64_t columns = 0;  // that it sends to its owner
    uint64_t signature = 0;
  };
  struct Client {  // what an owner knows of a rank that it computes for
    Message inputs, outputs;
  };

  std::vector<Header> exchange(const Header& mine);
  bool agree_on_call(const std::vector<Header>& said, Outcome& mine);
  void take_turn(Turn turn, Outcome& mine);
  void compute_for_others(const std::vector<Header>& said);
  void send_to_owner(int64_t columns);
  void run(const Arrays& arrays);
  void wait(std::vector<MPI_Request>& requests);
  void begin_agreement(Turn turn, const Outcome& mine);
  void need_use() const;
  void withdraw() noexcept;
  Outcome try_part(const std::vector<Header>& said);

  Subgroup own_;  // all ranks, on a communicator of our own
  Group all_;
  Subgroup group_;  // an owner, which is rank 0, and its clients
  ctorch_model model_{};
  PoolOptions options_;
  PoolStats stats_;

  Arrays arrays_;  // of the call under way
  Signature served_;
  Arrays gathered_;
  std::vector<char> memory_;
  std::vector<Client> clients_;
  Message inputs_, outputs_, nothing_;
  std::vector<MPI_Request> results_;
  std::unique_ptr<int> failed_;
  MPI_Request agreement_ = MPI_REQUEST_NULL;
  Outcome outcome_;
  bool is_under_way_ = false, is_broken_ = false, has_ended_ = false;
};

}  // namespace ftorch
