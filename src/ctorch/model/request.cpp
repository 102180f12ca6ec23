// Entries of requests: calls of models that are started, and waited for later.
#include <c10/core/InferenceMode.h>

#include <atomic>
#include <memory>

#include "ctorch_request.h"
#include "device/event.h"
#include "model/call.h"
#include "model/handle.h"

using namespace ctorch;

namespace {

// Every call goes through these, as in `infer`.
struct Computing {
  const HostEnvironment host;
  const c10::InferenceMode values_only;
};

}  // namespace

namespace ctorch {

class Request {
 public:
  Request(std::shared_ptr<Model> model, Arrays inputs, Arrays outputs, bool convert) : model_(std::move(model)) {
    if (model_->can_run_directly() && model_->run_directly(inputs, outputs, convert)) return;
    const Computing computing;
    const bool one = inputs.size() == 1 && outputs.size() == 1;
    call_.emplace(*model_, inputs, outputs, convert, one ? ArrayCall::Names{"x", "y"} : ArrayCall::Names{"inputs", "outputs"});
    if (model_->device().is_cpu())
      finish(/*waited=*/false);
    else
      queued_.emplace(model_->device());
  }

  // Whoever gives it up waits: buffers and arrays are the program's again.
  ~Request() {
    if (!queued_ || waited_for_.exchange(true)) return;
    try {
      queued_->wait();
      call_->give_up();
    } catch (...) {  // the device has failed, and tells it elsewhere
      record_exception();
    }
  }
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  bool under_way() const { return !waited_for_.load(); }
  bool done() const { return !queued_ || queued_->done(); }

  void wait() {
    if (waited_for_.exchange(true)) fail(CTORCH_ERROR_ARGUMENT, "the call has been waited for already; start another one");
    if (!queued_) return;
    const Computing computing;
    queued_->wait();
    finish(/*waited=*/true);
  }

 private:
  void finish(bool waited) {
    call_->finish(waited);
    call_.reset();
  }

  std::shared_ptr<Model> model_;
  std::optional<ArrayCall> call_;
  std::optional<Event> queued_;  // behind the work of the call, where a device does it
  std::atomic<bool> waited_for_{false};
};

template <>
struct Named<ctorch_request> {
  using Object = Request;
  static constexpr int32_t kind = CTORCH_HANDLE_REQUEST;
  static constexpr const char *argument = "request", *noun = "request";
};

}  // namespace ctorch

extern "C" {

int32_t ctorch_request_start(ctorch_request* request, const ctorch_model* model, const ctorch_array inputs[], int32_t n_inputs,
                             const ctorch_array outputs[], int32_t n_outputs, int32_t convert) {
  return guard([&] {
    require(request, "request");
    if (n_inputs < 1 || n_outputs < 1) fail(CTORCH_ERROR_ARGUMENT, "no inputs or no outputs are given");
    require(inputs, "inputs");
    require(outputs, "outputs");
    if (const auto* before = table_of<ctorch_request>().find(request->id); before && before->object->under_way())
      fail(CTORCH_ERROR_ARGUMENT,
           "the call that this request has started is still under way; wait for it first, or start with "
           "another request");
    const Arrays in(inputs, static_cast<size_t>(n_inputs)), out(outputs, static_cast<size_t>(n_outputs));
    store(request, std::make_shared<Request>(shared_of(model).object, in, out, convert != 0));
  });
}

int32_t ctorch_request_wait(const ctorch_request* request) {
  return guard([&] {
    require(request, "request");
    if (request->id == 0) fail(CTORCH_ERROR_HANDLE, "no call was started with this request, or it was deleted since");
    object_of(request).wait();
  });
}

int32_t ctorch_request_done(const ctorch_request* request, int32_t* answer) {
  return answer_with(answer, "answer", [&] { return object_of(request).done(); });
}

int32_t ctorch_request_share(const ctorch_request* source, ctorch_request* target) { return share_handle(source, target); }

int32_t ctorch_request_delete(ctorch_request* request) { return delete_handle(table_of<ctorch_request>(), request); }

}  // extern "C"
