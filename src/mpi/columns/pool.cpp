#include "columns/pool.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <utility>

#include "core/waiting.h"

namespace ftorch {
namespace {

enum Tag { inputs_tag = 1, outputs_tag = 2 };

// Adds the time of its life.
class Stopwatch {
 public:
  explicit Stopwatch(double& seconds) : seconds_(seconds) {}
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;
  ~Stopwatch() { seconds_ += std::chrono::duration<double>(Clock::now() - start_).count(); }

 private:
  using Clock = std::chrono::steady_clock;
  double& seconds_;
  Clock::time_point start_ = Clock::now();
};

// Steps of which none is taken after one has failed.
class Attempt {
 public:
  template <class Step>
  void operator()(Step&& step) {
    if (failed()) return;
    try {
      step();
    } catch (...) {
      error_ = std::current_exception();
    }
  }
  bool failed() const { return error_ != nullptr; }
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  std::exception_ptr error_;
};

// Receives a message that there is no room for: it is cut off, which is an error that nobody need know of.
void discard(MPI_Comm comm, int from, int tag) { MPI_Recv(nullptr, 0, MPI_BYTE, from, tag, comm, MPI_STATUS_IGNORE); }

Subgroup group_of_owner(const Group& all, int32_t wanted) {
  const std::vector<int> owners = owners_of(places_of(all, wanted));
  const int owner = owners[static_cast<size_t>(all.rank())];
  return Subgroup::of_color(all, owner, owner == all.rank() ? 0 : all.rank() + 1);
}

PoolOptions checked(const Group& all, const ctorch_model* model, const PoolOptions& options) {
  all.together([&] {
    if (!(options.local_share >= 0 && options.local_share <= 1))
      fail(CTORCH_ERROR_ARGUMENT, "argument 'local_share': expected a number from 0 to 1, got ", options.local_share);
    if (options.largest_batch < 0)
      fail(CTORCH_ERROR_ARGUMENT, "argument 'largest_batch': expected a number of columns, got ", options.largest_batch);
    if (options.local_share > 0 && model->id == 0)
      fail(CTORCH_ERROR_HANDLE, "argument 'model': a rank that computes a share of its columns needs a model");
  });
  return options;
}

}  // namespace

ColumnPool::ColumnPool(const Group& all, const ctorch_model* model, const PoolOptions& options)
    : own_(Subgroup::copy_of(all)),
      all_(own_.comm()),
      group_(group_of_owner(all_, options.owner)),
      options_(checked(all_, model, options)) {
  all_.together([&] {
    if (is_owner() && model->id == 0) fail(CTORCH_ERROR_HANDLE, "argument 'model': an owner computes, and has no model");
    if (model->id != 0) need(ctorch_model_share(model, &model_));
  });
  if (is_owner()) clients_.resize(static_cast<size_t>(group_.size()));
}

ColumnPool::~ColumnPool() {
  if (is_under_way_) withdraw();
  ctorch_model_delete(&model_);
}

void ColumnPool::start(const ctorch_array* inputs, int32_t n_inputs, const ctorch_array* outputs, int32_t n_outputs,
                       int32_t convert) {
  need_use();
  if (is_under_way_) fail(CTORCH_ERROR_ARGUMENT, "a call of this pool is under way; finish it first, or make another pool");
  outcome_ = {};
  try {
    arrays_ = Arrays(inputs, n_inputs, outputs, n_outputs, convert);
  } catch (...) {
    outcome_ = outcome_in_flight();
  }
  take_turn(Turn::call, outcome_);
}

void ColumnPool::need_use() const {
  if (is_broken_) fail(CTORCH_ERROR_HANDLE, "the pool is of no use since ranks have waited in vain for others");
  if (has_ended_) fail(CTORCH_ERROR_HANDLE, "the pool was ended by those that it served");
}

// Everything of a call but its end. Every rank takes as many turns as the others, whatever it does in them.
void ColumnPool::take_turn(Turn turn, Outcome& mine) {
  Header header{mine.status == CTORCH_SUCCESS ? turn : Turn::failed, 0, served_.digest()};
  if (header.turn == Turn::call) {
    const int64_t columns = arrays_.columns();
    header.columns =
        is_owner() ? 0 : columns - static_cast<int64_t>(std::floor(options_.local_share * static_cast<double>(columns)));
    header.signature = arrays_.signature().digest();
  }
  const std::vector<Header> said = exchange(header);
  if (agree_on_call(said, mine)) {
    const Outcome part = try_part(said);
    if (part.status != CTORCH_SUCCESS) mine = part;
  }
  begin_agreement(turn, mine);
}

std::vector<ColumnPool::Header> ColumnPool::exchange(const Header& mine) {
  const Stopwatch watch(stats_.waiting);
  auto said = std::make_unique<std::vector<Header>>(static_cast<size_t>(group_.size() + 1));
  said->back() = mine;  // memory that stays where it is
  constexpr int words = sizeof(Header) / sizeof(int64_t);
  MPI_Request request = MPI_REQUEST_NULL;
  check(MPI_Iallgather(&said->back(), words, MPI_INT64_T, said->data(), words, MPI_INT64_T, group_.comm(), &request),
        "MPI_Iallgather");
  is_broken_ = true;  // unless it comes to its end
  wait_for_all(request, said);
  is_broken_ = false;
  said->pop_back();
  return std::move(*said);
}

// Whether the group has a call to carry out. Where something is wrong, one rank at least knows what, and says so in `mine`.
bool ColumnPool::agree_on_call(const std::vector<Header>& said, Outcome& mine) {
  const Header& own = said[static_cast<size_t>(group_.rank())];
  const auto has = [&](Turn turn) {
    return std::any_of(said.begin(), said.end(), [turn](const Header& one) { return one.turn == turn; });
  };
  const auto set = [&mine](const char* words) { mine = {-1, CTORCH_ERROR_ARGUMENT, words}; };
  if (has(Turn::failed) || !has(Turn::call)) return false;
  if (has(Turn::end)) {
    if (own.turn == Turn::end) set("the pool is being deleted by some ranks and called by others");
    return false;
  }
  const auto first = std::find_if(said.begin(), said.end(), [](const Header& one) { return one.turn == Turn::call; });
  const bool same = std::all_of(said.begin(), said.end(), [&](const Header& one) { return one.signature == first->signature; });
  if (same) {
    if (own.turn == Turn::serve) arrays_ = Arrays::within(served_, 0, memory_);
    return true;
  }
  // Somebody calls otherwise, or serves and does not know these arrays yet: the first one tells what it has.
  const Group group(group_.comm());
  const std::string text = own.turn == Turn::call ? arrays_.signature().to_text() : std::string();
  const Signature wanted = Signature::from_text(group.from(static_cast<int>(first - said.begin()), text));
  bool agreed = true;
  for (const Header& one : said) agreed &= one.turn == Turn::serve || one.signature == first->signature;
  if (own.turn == Turn::serve) {
    served_ = wanted;
    arrays_ = Arrays::within(served_, 0, memory_);
  } else if (own.signature != first->signature) {
    const std::string difference = arrays_.signature().difference(wanted);
    set(("the arrays differ from those of other ranks: " + difference + " there").c_str());
  }
  return agreed;
}

Outcome ColumnPool::try_part(const std::vector<Header>& said) {
  try {
    ++stats_.calls;
    if (is_owner())
      compute_for_others(said);
    else
      send_to_owner(said[static_cast<size_t>(group_.rank())].columns);
  } catch (...) {
    return outcome_in_flight();
  }
  return {};
}

// The owner's part. Whatever fails in it, those that wait get a message: an empty one leaves their arrays as they are.
void ColumnPool::compute_for_others(const std::vector<Header>& said) {
  Attempt mine;
  int64_t columns = 0, at = 0;
  for (const Header& one : said) columns += one.columns;
  mine([&] { gathered_ = Arrays::within(arrays_.signature(), columns, memory_); });
  std::vector<MPI_Request> arriving;
  std::vector<size_t> served;
  for (size_t i = 1; i < said.size(); ++i) {
    if (said[i].columns == 0) continue;
    served.push_back(i);
    mine([&] {
      clients_[i].inputs.describe(gathered_, false, at, said[i].columns);
      clients_[i].outputs.describe(gathered_, true, at, said[i].columns);
      arriving.push_back(MPI_REQUEST_NULL);
    });
    at += said[i].columns;
    if (mine.failed())
      discard(group_.comm(), static_cast<int>(i), inputs_tag);
    else
      clients_[i].inputs.receive(group_.comm(), static_cast<int>(i), inputs_tag, &arriving.back());
    stats_.bytes += clients_[i].inputs.bytes() + clients_[i].outputs.bytes();
  }
  mine([&] { run(arrays_); });  // while the others' columns are on their way
  wait(arriving);
  mine([&] { run(gathered_); });
  for (const size_t i : served) {
    results_.push_back(MPI_REQUEST_NULL);
    const Message& message = mine.failed() ? nothing_ : clients_[i].outputs;
    message.send(group_.comm(), static_cast<int>(i), outputs_tag, &results_.back());
  }
  mine.rethrow();
}

// The part of all others: the first columns go to the owner, the rest is computed meanwhile. The owner waits for a message, and
// answers it, whatever fails here.
void ColumnPool::send_to_owner(int64_t columns) {
  Attempt mine;
  if (columns > 0) {
    results_.assign(2, MPI_REQUEST_NULL);
    mine([&] {
      inputs_.describe(arrays_, false, 0, columns);
      outputs_.describe(arrays_, true, 0, columns);
    });
    (mine.failed() ? nothing_ : inputs_).send(group_.comm(), 0, inputs_tag, &results_[0]);
    if (mine.failed())
      discard(group_.comm(), 0, outputs_tag);
    else
      outputs_.receive(group_.comm(), 0, outputs_tag, &results_[1]);
    stats_.bytes += inputs_.bytes() + outputs_.bytes();
  }
  mine([&] { run(arrays_.part(columns, arrays_.columns() - columns)); });
  mine.rethrow();
}

void ColumnPool::run(const Arrays& arrays) {
  if (arrays.columns() == 0) return;
  const Stopwatch watch(stats_.network);
  const Signature& signature = arrays.signature();
  const int64_t most = options_.largest_batch > 0 ? options_.largest_batch : arrays.columns();
  const auto inputs = signature.inputs, outputs = static_cast<int32_t>(signature.size()) - inputs;
  for (int64_t first = 0; first < arrays.columns(); first += most) {
    const Arrays some = arrays.part(first, std::min(most, arrays.columns() - first));
    need(ctorch_model_infer_arrays(&model_, some.inputs(), inputs, some.outputs(), outputs, signature.convert));
  }
  stats_.columns += arrays.columns();
}

void ColumnPool::wait(std::vector<MPI_Request>& requests) {
  if (requests.empty()) return;
  const Stopwatch watch(stats_.waiting);
  is_broken_ = true;
  if (!wait_for(requests.data(), static_cast<int>(requests.size()))) fail_waiting();
  is_broken_ = false;
  requests.clear();
}

// The least of these numbers is what has happened: a rank that failed, else a call somewhere, else the end; if all serve,
// nothing.
void ColumnPool::begin_agreement(Turn turn, const Outcome& mine) {
  const bool failed = mine.status != CTORCH_SUCCESS;
  const int otherwise = all_.size() + (turn == Turn::call ? 0 : turn == Turn::end ? 1 : 2);
  failed_ = std::make_unique<int>(failed ? all_.rank() : otherwise);
  check(MPI_Iallreduce(MPI_IN_PLACE, failed_.get(), 1, MPI_INT, MPI_MIN, all_.comm(), &agreement_), "MPI_Iallreduce");
  is_under_way_ = true;
}

void ColumnPool::finish() {
  if (!is_under_way_) fail(CTORCH_ERROR_ARGUMENT, "no call of this pool is under way; start one first");
  try {
    wait(results_);
    const Stopwatch watch(stats_.waiting);
    is_broken_ = true;
    wait_for_all(std::exchange(agreement_, MPI_REQUEST_NULL), failed_);
    is_broken_ = is_under_way_ = false;
  } catch (...) {
    withdraw();
    throw;
  }
  if (*failed_ < all_.size()) all_.throw_if_failed(*failed_, outcome_);
  has_ended_ = *failed_ == all_.size() + 1;
  if (*failed_ > all_.size() + 1)
    throw AgreedError(0, CTORCH_ERROR_ARGUMENT, "all ranks serve, and none calls: there is nothing to wait for");
}

// After this MPI writes into no array of the program any more.
void ColumnPool::withdraw() noexcept {
  for (MPI_Request& request : results_)
    if (request != MPI_REQUEST_NULL) {
      MPI_Cancel(&request);
      MPI_Request_free(&request);
    }
  results_.clear();
  static_cast<void>(failed_.release());
  is_under_way_ = false;
}

void ColumnPool::serve() {
  need_use();
  while (!has_ended_) {
    outcome_ = {};
    arrays_ = Arrays();
    take_turn(Turn::serve, outcome_);
    try {
      finish();
    } catch (const AgreedError&) {  // who called was told, and may call again
      if (*failed_ > all_.size()) throw;
    }
  }
}

void ColumnPool::end() {
  if (is_broken_ || has_ended_) return;
  outcome_ = {};
  if (is_under_way_) finish();
  take_turn(Turn::end, outcome_);
  finish();
  if (!has_ended_) fail(CTORCH_ERROR_ARGUMENT, "other ranks still call the pool; all must delete it at the same time");
}

}  // namespace ftorch
