#include "graphs.h"

#include <ATen/ops/from_blob.h>

#include <memory>
#include <utility>
#include <vector>

#include "memory.h"
#include "streams.h"
#if __has_include(<ATen/core/GraphImplInterface.h>)
#include <ATen/core/GraphImplInterface.h>
#endif

namespace fake {
namespace {

struct Recorded {
  int64_t begun = 0;  // blocks with larger serial numbers are its own
  std::vector<std::function<void()>> work;
};
thread_local std::shared_ptr<Recorded> current;

}  // namespace

bool recording() { return current != nullptr; }
void record(std::function<void()> work) { current->work.push_back(std::move(work)); }
void refuse_while_recording(const char* what) {
  TORCH_CHECK(!recording(), "operation not permitted when stream is capturing: ", what);
}

at::Tensor as_recorded(const at::Tensor& tensor) {
  if (!tensor.defined() || tensor.is_cpu() || !tensor.has_storage()) return tensor;
  const Block block = block_at(tensor.storage().data());
  if (block && block.serial > current->begun) return tensor;
  return at::for_blob(tensor.data_ptr(), tensor.sizes())
      .strides(tensor.strides())
      .options(tensor.options())
      .target_device(tensor.device())
      .make_tensor();
}

}  // namespace fake

#if __has_include(<ATen/core/GraphImplInterface.h>)
namespace at {
namespace {

using namespace fake;

struct FakeGraph final : GraphImplInterface {
  explicit FakeGraph(const GraphImplArgs&) {}
  void capture_begin(MempoolId_t, GraphCaptureMode) override {
    const c10::Stream stream = current_stream(c10::Device(type, current_device()));
    TORCH_CHECK(stream.id() != 0, "graphs must be captured on a stream that is not the default one");
    current = std::make_shared<Recorded>();
    current->begun = last_serial();
  }
  void capture_end() override {
    TORCH_CHECK(recording(), "nothing is being captured");
    recorded_ = std::exchange(current, nullptr);
  }
  void replay() override {
    count_launch();
    current_queue(current_device()).add([work = recorded_] {
      for (const auto& each : work->work) each();
    });
  }
  void instantiate() override {}
  void reset() override { recorded_.reset(); }
  MempoolId_t pool() const override { return {0, 0}; }
  void enable_debug_mode() override {}
  void debug_dump(const std::string&) override {}

 private:
  std::shared_ptr<Recorded> recorded_;
};

REGISTER_GRAPH_IMPL(PRIVATEUSEONE, FakeGraph)

}  // namespace
}  // namespace at
#endif
