// Compiled code on the fake device: the CPU's, which sees the device's memory as its own. And what generation the device is of,
// by the call of CUDA's run time that the library looks for.
#include <ATen/Functions.h>
#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <torch/csrc/inductor/aoti_runner/model_container_runner_cpu.h>

#include <atomic>
#include <cstdlib>
#include <list>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include "copies.h"
#include "graphs.h"
#include "products.h"
#include "streams.h"

namespace {

using fake::seen_by_cpu;

std::atomic<int64_t> runs{0};

using Constants = std::unordered_map<std::string, AtenTensorHandle>;
decltype(&AOTInductorModelContainerUpdateUserManagedConstantBuffer) of_the_cpu = nullptr;

// The code looks where its weights are. What it is given instead stays.
AOTIRuntimeError take_constants(AOTInductorModelContainerHandle container, AOTInductorConstantMapHandle handle, bool inactive,
                                bool whole) {
  static std::list<at::Tensor> kept;
  Constants seen;
  for (const auto& [name, tensor] : *reinterpret_cast<Constants*>(handle)) {
    kept.push_back(seen_by_cpu(*reinterpret_cast<at::Tensor*>(tensor)));
    seen[name] = reinterpret_cast<AtenTensorHandle>(&kept.back());
  }
  return of_the_cpu(container, reinterpret_cast<AOTInductorConstantMapHandle>(&seen), inactive, whole);
}

class FakeRunner final : public torch::inductor::AOTIModelContainerRunnerCpu {
 public:
  FakeRunner(const std::string& library, size_t models, std::string device, bool single_threaded)
      : AOTIModelContainerRunnerCpu(library, models, single_threaded), device_(device), locks_(!single_threaded) {
    of_the_cpu = std::exchange(update_user_managed_constant_buffer_func_, &take_constants);
  }

 protected:
  std::vector<at::Tensor> run_impl(std::vector<AtenTensorHandle>& inputs, void* stream) override {
    if (again_) return AOTIModelContainerRunnerCpu::run_impl(inputs, stream);
    if (locks_) {  // as on CUDA
      fake::refuse_while_recording("asking whether the call before is done");
      fake::count_wait();
    }
    ++runs;
    fake::note_products();
    if (!fake::recording()) fake::current_queue(device_.index()).finish();  // the code comes after what was queued before it
    std::vector<at::Tensor> held;                                           // a view does not hold the memory
    for (const AtenTensorHandle handle : inputs) {
      auto& tensor = *reinterpret_cast<at::Tensor*>(handle);
      if (tensor.device() != device_) throw std::runtime_error("an input of compiled code is not on its device");
      held.push_back(std::exchange(tensor, seen_by_cpu(tensor)));
    }
    std::vector<at::Tensor> outputs = AOTIModelContainerRunnerCpu::run_impl(inputs, stream);
    if (fake::recording()) return recorded(held, outputs);
    for (at::Tensor& output : outputs) output = fake::made_there(output, device_);
    return outputs;
  }

 private:
  // What the graph does is the same call, with results where they are now.
  std::vector<at::Tensor> recorded(std::vector<at::Tensor> inputs, std::vector<at::Tensor> outputs) {
    for (at::Tensor& input : inputs) input = fake::as_recorded(input);
    for (at::Tensor& output : outputs) output = at::empty_like(output, output.options().device(device_));
    fake::record([this, inputs, outputs] {
      std::vector<at::Tensor> given;
      for (const at::Tensor& input : inputs) given.push_back(seen_by_cpu(input));
      again_ = true;
      const std::vector<at::Tensor> now = run(given);
      again_ = false;
      for (size_t i = 0; i < now.size(); ++i) seen_by_cpu(outputs[i]).copy_(now[i]);
    });
    return outputs;
  }

  c10::Device device_;
  bool locks_, again_ = false;
};

std::unique_ptr<torch::inductor::AOTIModelContainerRunner> make(const std::string& library, size_t models,
                                                                const std::string& device, const std::string&, bool single) {
  return std::make_unique<FakeRunner>(library, models, device, single);
}

const torch::inductor::RegisterAOTIModelRunner registered("privateuseone", &make);

}  // namespace

extern "C" int64_t fake_runs() { return runs; }

extern "C" int cudaDeviceGetAttribute(int* value, int attribute, int) {
  const char* generation = std::getenv("FAKE_GENERATION");  // 86 for sm_86
  if (!generation) return 1;
  const int number = std::atoi(generation);
  *value = attribute == 75 ? number / 10 : number % 10;
  return 0;
}
