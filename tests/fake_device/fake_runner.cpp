// Compiled code on the fake device: the CPU's, which sees the device's memory as its own. And what generation the device is of,
// by the call of CUDA's run time that the library looks for.
#include <c10/core/Device.h>
#include <torch/csrc/inductor/aoti_runner/model_container_runner_cpu.h>

#include <atomic>
#include <cstdlib>
#include <stdexcept>

namespace {

std::atomic<int64_t> runs{0};

class FakeRunner final : public torch::inductor::AOTIModelContainerRunnerCpu {
 public:
  FakeRunner(const std::string& library, size_t models, std::string device, bool single_threaded)
      : AOTIModelContainerRunnerCpu(library, models, single_threaded), device_(device) {}

 protected:
  std::vector<at::Tensor> run_impl(std::vector<AtenTensorHandle>& inputs, void* stream) override {
    ++runs;
    for (const AtenTensorHandle handle : inputs) {
      auto& tensor = *reinterpret_cast<at::Tensor*>(handle);
      if (tensor.device() != device_) throw std::runtime_error("an input of compiled code is not on its device");
      tensor = at::from_blob(tensor.data_ptr(), tensor.sizes(), tensor.strides(), at::TensorOptions(tensor.scalar_type()));
    }
    std::vector<at::Tensor> outputs = AOTIModelContainerRunnerCpu::run_impl(inputs, stream);
    for (at::Tensor& output : outputs) output = output.to(device_);
    return outputs;
  }

 private:
  c10::Device device_;
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
