// Operations: the CPU's kernels, whose results come into sight when the stream gets there.
#include <ATen/Context.h>
#include <ATen/EmptyTensor.h>
#include <ATen/Functions.h>
#include <ATen/native/CPUFallback.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/resize_native.h>
#include <ATen/ops/set_native.h>
#include <ATen/ops/view_native.h>
#include <torch/library.h>

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "copies.h"
#include "graphs.h"
#include "memory.h"
#include "products.h"
#include "streams.h"

namespace fake {
namespace {

thread_local bool inside_kernel = false;  // copies made by the CPU kernels are no copies of the program

at::Tensor empty(c10::IntArrayRef size, std::optional<c10::ScalarType> dtype, std::optional<c10::Layout>,
                 std::optional<c10::Device> device, std::optional<bool>, std::optional<c10::MemoryFormat> format) {
  const c10::DeviceGuard guard(device.value_or(c10::Device(type, current_device())));
  return at::detail::empty_generic(size, &allocator(), c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                   c10::dtype_or_default(dtype), format);
}

at::Tensor empty_strided(c10::IntArrayRef size, c10::IntArrayRef stride, std::optional<c10::ScalarType> dtype,
                         std::optional<c10::Layout>, std::optional<c10::Device> device, std::optional<bool>) {
  const c10::DeviceGuard guard(device.value_or(c10::Device(type, current_device())));
  return at::detail::empty_strided_generic(size, stride, &allocator(), c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                           c10::dtype_or_default(dtype));
}

at::Tensor copy_from(const at::Tensor& from, const at::Tensor& to, bool non_blocking) {
  if (inside_kernel)
    seen_by_cpu(to).copy_(seen_by_cpu(from));
  else
    cross(from, to, non_blocking);
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

using Bytes = std::vector<char>;

template <class Visit>
void for_each_tensor(const c10::IValue& value, Visit&& visit) {
  if (value.isTensor() && value.toTensor().defined()) visit(value.toTensor());
  if (value.isTensorList())
    for (const at::Tensor& tensor : value.toTensorVector()) visit(tensor);
}

// The memory of tensors before and after a kernel: it writes at once, and nobody sees it yet.
class Hidden {
 public:
  void before(const at::Tensor& tensor) {
    if (const Block block = block_of(tensor))
      old_.try_emplace(block.serial, block, Bytes(block.first, block.first + block.bytes));
  }
  void known(const at::Tensor& tensor) {
    if (const Block block = block_of(tensor)) inputs_.insert({block.serial, block});
  }
  void result(const at::Tensor& tensor) {
    const Block block = block_of(tensor);
    if (block && !inputs_.contains(block.serial)) old_.try_emplace(block.serial, block, Bytes(block.bytes, '\xff'));
  }
  void hide(Queue& queue) {
    for (auto& [serial, entry] : old_) {
      const Block& block = entry.first;
      if (!is_alive(block)) continue;
      queue.add([block, now = Bytes(block.first, block.first + block.bytes)] {
        if (is_alive(block)) std::memcpy(block.first, now.data(), now.size());
      });
    }
    undo();
  }
  void undo() {
    for (auto& [serial, entry] : old_)
      if (is_alive(entry.first)) std::memcpy(entry.first.first, entry.second.data(), entry.second.size());
  }

 private:
  static Block block_of(const at::Tensor& tensor) {
    return tensor.is_cpu() || !tensor.has_storage() ? Block{} : block_at(tensor.storage().data());
  }
  std::map<int64_t, std::pair<Block, Bytes>> old_;
  std::map<int64_t, Block> inputs_;
};

// The device of an operation, once all its tensors are known to live on one.
c10::Device common_device(const std::vector<c10::IValue>& arguments) {
  std::optional<c10::Device> device;
  for (const c10::IValue& argument : arguments)
    for_each_tensor(argument, [&](const at::Tensor& tensor) {
      if (tensor.is_cpu() && tensor.dim() == 0) return;
      TORCH_CHECK(!device || *device == tensor.device(), "Expected all tensors to be on the same device, but found ", *device,
                  " and ", tensor.device());
      device = tensor.device();
    });
  return device.value_or(c10::Device(type, current_device()));
}

// Other devices bring convolutions of their own; this one has the CPU's, like everything else.
c10::OperatorHandle on_cpu(const c10::OperatorHandle& op) {
  if (op.schema().name() != "aten::convolution_overrideable") return op;
  return c10::Dispatcher::singleton().findSchemaOrThrow("aten::convolution", "");
}

struct Inside {
  bool before = std::exchange(inside_kernel, true);
  ~Inside() { inside_kernel = before; }
};

std::vector<at::Tensor> results_on(const torch::jit::Stack& stack, const c10::OperatorHandle& op) {
  std::vector<at::Tensor> results;
  for (const c10::IValue& value : torch::jit::last(stack, op.schema().returns().size()))
    for_each_tensor(value, [&](const at::Tensor& tensor) { results.push_back(tensor); });
  return results;
}

c10::IValue argument_as_recorded(const c10::IValue& value) {
  if (value.isTensor()) return as_recorded(value.toTensor());
  if (!value.isTensorList()) return value;
  c10::List<at::Tensor> list;
  for (const at::Tensor& tensor : value.toTensorVector()) list.push_back(as_recorded(tensor));
  return list;
}

// The kernel again, with its results where they were.
void record_kernel(const c10::OperatorHandle& op, torch::jit::Stack arguments, std::vector<at::Tensor> results,
                   c10::Device device) {
  for (c10::IValue& argument : arguments) argument = argument_as_recorded(argument);
  for (at::Tensor& result : results) result = as_recorded(result);
  record([=] {
    const c10::InferenceMode values_only;
    const c10::DeviceGuard guard(device);
    const Inside inside;
    torch::jit::Stack stack = arguments;
    at::native::cpu_fallback(on_cpu(op), &stack);
    const std::vector<at::Tensor> now = results_on(stack, op);
    for (size_t i = 0; i < now.size(); ++i)
      if (now[i].data_ptr() != results[i].data_ptr()) seen_by_cpu(results[i]).copy_(seen_by_cpu(now[i]));
  });
}

void run_on_cpu(const c10::OperatorHandle& op, c10::Stack* stack) {
  const auto& arguments = op.schema().arguments();
  const auto last = torch::jit::last(*stack, arguments.size());
  std::vector<c10::IValue> given(last.begin(), last.end());
  const c10::Device device = common_device(given);
  const c10::DeviceGuard guard(device);
  const std::string& name = op.schema().name();
  if (name == "aten::addmm" || name == "aten::convolution_overrideable") note_products();
  Queue& queue = current_queue(device.index());
  const bool recorded = recording() && !inside_kernel;
  for (const auto& result : op.schema().returns())
    if (recorded && result.type()->kind() == c10::TypeKind::NumberType) refuse_while_recording("a number for the host");
  if (!recording()) queue.finish();
  Hidden hidden;
  for (size_t i = 0; i < arguments.size(); ++i) {
    for_each_tensor(given[i], [&](const at::Tensor& tensor) {
      hidden.known(tensor);
      if (arguments[i].alias_info() && arguments[i].alias_info()->isWrite()) hidden.before(tensor);
    });
    // Random numbers are the device's, not the CPU's.
    if (given[i].isNone() && arguments[i].name() == "generator")
      given[i] = (*stack)[stack->size() - arguments.size() + i] = at::globalContext().defaultGenerator(device);
  }
  const Inside inside;
  at::native::cpu_fallback(on_cpu(op), stack);
  const std::vector<at::Tensor> results = results_on(*stack, op);
  for (const at::Tensor& result : results) hidden.result(result);
  if (inside.before) return;
  if (recorded) {
    hidden.undo();
    return record_kernel(op, std::move(given), results, device);
  }
  count_launch();
  hidden.hide(queue);
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
  m.impl("convolution_overrideable", torch::CppFunction::makeFromBoxedFunction<&run_on_cpu>());
}

TORCH_LIBRARY_IMPL(_, PrivateUse1, m) { m.fallback(torch::CppFunction::makeFromBoxedFunction<&run_on_cpu>()); }

}  // namespace
}  // namespace fake
