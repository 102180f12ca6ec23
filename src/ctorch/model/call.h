// A call of a model between arrays, in two halves, so that the program can compute between them.
#pragma once
#include <optional>

#include "device/staging.h"
#include "model/model.h"

namespace ctorch {

// Results may be views of inputs, of weights or of each other: those that share memory with a target are replaced by copies,
// before anything is written.
void detach_aliases(Results& results, c10::ArrayRef<const at::Tensor*> targets);

// Whether somebody else holds this tensor or its memory: an input or a weight that the network returns as it is, or a view.
bool shared(const at::Tensor& result);

class ArrayCall {
 public:
  using Names = std::pair<const char*, const char*>;  // of the arguments, in messages

  // Checks everything and queues everything: inputs to the device, the network, results that lie on the device into their
  // places, the others towards the host. The caller has entered the host environment and the inference mode, here and below.
  ArrayCall(const Model& network, Arrays inputs, Arrays outputs, bool convert, Names names);

  // Puts results into the arrays of the host, after waiting for them, unless somebody has.
  void finish(bool waited = false);
  void give_up() { has_waited(); }

 private:
  void has_waited() {
    if (staging_) (*staging_)->has_waited();
  }
  bool fits_as_it_lies(const ArrayView& view, int32_t type) const;  // the only result

  Results results_;
  c10::SmallVector<at::Tensor, 4> sources_;    // kept: a result that is an input itself is recognized by them
  c10::SmallVector<at::Tensor, 4> targets_;    // undefined where the result has been written
  void* place_ = nullptr;                      // of the only output, where its result lies as the array does
  std::optional<StagingPool::Lease> staging_;  // not where all arrays are on the device: then nobody waits
};

}  // namespace ctorch
