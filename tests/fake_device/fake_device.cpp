// A device for tests on machines without one: PyTorch's PrivateUse1, with two devices whose memory is ordinary memory and whose
// kernels are the CPU's. It counts the copies that cross its border and refuses operations on mixed devices.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/EmptyTensor.h>
#include <ATen/Functions.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <ATen/native/CPUFallback.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/resize_native.h>
#include <ATen/ops/set_native.h>
#include <ATen/ops/view_native.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

#include <atomic>
#include <cstdlib>

namespace {

constexpr c10::DeviceIndex n_devices = 2;
constexpr auto fake = c10::DeviceType::PrivateUse1;

std::atomic<int64_t> copies_in{0}, copies_out{0}, live_blocks{0};
thread_local c10::DeviceIndex current = 0;
thread_local bool inside_fallback = false;  // copies made by the CPU kernels are no copies of the program

void release(void* block) {
  if (block) --live_blocks;
  std::free(block);
}

void* obtain(size_t bytes) {
  void* block = std::aligned_alloc(64, (bytes + 127) / 64 * 64);
  if (block) ++live_blocks;
  return block;
}

struct FakeAllocator final : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) override {
    void* block = bytes ? obtain(bytes) : nullptr;
    return {block, block, &release, c10::Device(fake, current)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, std::size_t count) const override { default_copy_data(to, from, count); }
};

FakeAllocator allocator;
REGISTER_ALLOCATOR(fake, &allocator)

// Streams do not exist here; events do nothing.
struct FakeGuard final : c10::impl::DeviceGuardImplInterface {
  c10::DeviceType type() const override { return fake; }
  c10::Device exchangeDevice(c10::Device device) const override {
    const c10::Device old(fake, current);
    setDevice(device);
    return old;
  }
  c10::Device getDevice() const override { return c10::Device(fake, current); }
  void setDevice(c10::Device device) const override { current = device.index() < 0 ? current : device.index(); }
  void uncheckedSetDevice(c10::Device device) const noexcept override { setDevice(device); }
  c10::Stream getStream(c10::Device device) const override { return c10::Stream(c10::Stream::DEFAULT, device); }
  c10::Stream getDefaultStream(c10::Device device) const override { return getStream(device); }
  c10::Stream getStreamFromGlobalPool(c10::Device device, bool) const override { return getStream(device); }
  c10::Stream exchangeStream(c10::Stream stream) const override { return getStream(stream.device()); }
  c10::DeviceIndex deviceCount() const noexcept override { return n_devices; }
  void destroyEvent(void*, c10::DeviceIndex) const noexcept override {}
  void record(void**, const c10::Stream&, c10::DeviceIndex, c10::EventFlag) const override {}
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void*) const override { return true; }
  bool queryStream(const c10::Stream&) const override { return true; }
  void synchronizeStream(const c10::Stream&) const override {}
  void synchronizeEvent(void*) const override {}
  void synchronizeDevice(c10::DeviceIndex) const override {}
};
C10_REGISTER_GUARD_IMPL(PrivateUse1, FakeGuard)

struct FakeHooks final : at::PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  c10::DeviceIndex deviceCount() const override { return n_devices; }
  const at::Generator& getDefaultGenerator(c10::DeviceIndex) const override { return at::detail::getDefaultCPUGenerator(); }
  void resizePrivateUse1Bytes(const c10::Storage&, size_t) const override {}
};

at::Tensor empty(c10::IntArrayRef size, std::optional<c10::ScalarType> dtype, std::optional<c10::Layout>,
                 std::optional<c10::Device> device, std::optional<bool>, std::optional<c10::MemoryFormat> format) {
  const c10::DeviceGuard guard(device.value_or(c10::Device(fake, current)));
  return at::detail::empty_generic(size, &allocator, c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                   c10::dtype_or_default(dtype), format);
}

at::Tensor empty_strided(c10::IntArrayRef size, c10::IntArrayRef stride, std::optional<c10::ScalarType> dtype,
                         std::optional<c10::Layout>, std::optional<c10::Device> device, std::optional<bool>) {
  const c10::DeviceGuard guard(device.value_or(c10::Device(fake, current)));
  return at::detail::empty_strided_generic(size, stride, &allocator, c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                           c10::dtype_or_default(dtype));
}

// The same memory as a CPU tensor.
at::Tensor seen_by_cpu(const at::Tensor& tensor) {
  if (tensor.is_cpu()) return tensor;
  return at::from_blob(tensor.data_ptr(), tensor.sizes(), tensor.strides(), at::TensorOptions(tensor.scalar_type()));
}

at::Tensor copy_from(const at::Tensor& from, const at::Tensor& to, bool) {
  if (!inside_fallback && from.device() != to.device()) {
    if (from.is_cpu()) ++copies_in;
    if (to.is_cpu()) ++copies_out;
  }
  seen_by_cpu(to).copy_(seen_by_cpu(from));
  return to;
}

at::Tensor copy_from_and_resize(const at::Tensor& from, const at::Tensor& to) {
  if (to.sizes() != from.sizes()) to.resize_(from.sizes());
  return copy_from(from, to, false);
}

at::Tensor as_strided(const at::Tensor& self, c10::IntArrayRef size, c10::IntArrayRef stride, std::optional<int64_t> offset) {
  return at::native::as_strided_tensorimpl(self, size, stride, offset);
}

at::Tensor view(const at::Tensor& self, c10::IntArrayRef size) { return at::native::view(self, size); }

const at::Tensor& resize(const at::Tensor& self, c10::IntArrayRef size, std::optional<c10::MemoryFormat> format) {
  return at::native::resize_(self, size, format);
}

at::Tensor& set_storage(at::Tensor& self, at::Storage source, int64_t offset, c10::IntArrayRef size, c10::IntArrayRef stride) {
  return at::native::set_storage_cpu_(self, std::move(source), offset, size, stride);
}

// Every other operation: the CPU's kernel, once all tensors are known to live on one device.
void run_on_cpu(const c10::OperatorHandle& op, c10::Stack* stack) {
  const auto n_arguments = op.schema().arguments().size();
  std::optional<c10::Device> device;
  for (const c10::IValue& argument : torch::jit::last(*stack, n_arguments)) {
    if (!argument.isTensor() || !argument.toTensor().defined()) continue;
    const at::Tensor& tensor = argument.toTensor();
    if (tensor.is_cpu() && tensor.dim() == 0) continue;
    TORCH_CHECK(!device || *device == tensor.device(), "Expected all tensors to be on the same device, but found ", *device,
                " and ", tensor.device());
    device = tensor.device();
  }
  struct Inside {
    bool before = std::exchange(inside_fallback, true);
    ~Inside() { inside_fallback = before; }
  } inside;
  const c10::DeviceGuard guard(device.value_or(c10::Device(fake, current)));
  at::native::cpu_fallback(op, stack);
}

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  m.impl("empty.memory_format", &empty);
  m.impl("empty_strided", &empty_strided);
  m.impl("_copy_from", &copy_from);
  m.impl("_copy_from_and_resize", &copy_from_and_resize);
  m.impl("as_strided", &as_strided);
  m.impl("view", &view);
  m.impl("resize_", &resize);
  m.impl("set_.source_Storage_storage_offset", &set_storage);
}

TORCH_LIBRARY_IMPL(_, PrivateUse1, m) { m.fallback(torch::CppFunction::makeFromBoxedFunction<&run_on_cpu>()); }

const bool registered = [] {
  static FakeHooks hooks;
  at::RegisterPrivateUse1HooksInterface(&hooks);
  return true;
}();

}  // namespace

// What the test programs ask and do beside the library.
extern "C" {
int64_t fake_copies_in() { return copies_in; }
int64_t fake_copies_out() { return copies_out; }
int64_t fake_live_blocks() { return live_blocks; }
void* fake_allocate(int64_t bytes) { return obtain(static_cast<size_t>(bytes)); }
void fake_release(void* block) { release(block); }
}
