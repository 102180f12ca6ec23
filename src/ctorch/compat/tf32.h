// TensorFloat-32 in PyTorch's settings, which are the process's. They have two forms, switches and a precision for each kind of
// operation, and PyTorch's own code stops where it finds that the two disagree.
#pragma once
#include <ATen/Context.h>

namespace ctorch::compat {

// Sets it for all products of matrices, convolutions and recurrent layers of devices; what the program had set comes back.
class Tf32 {
 public:
  explicit Tf32(bool allowed) {
    if (context_.hasXPU()) context_.setAllowTF32OneDNN(allowed);
    context_.setAllowTF32CuBLAS(allowed);
    context_.setAllowTF32CuDNN(allowed);
  }
  ~Tf32() {
    if (context_.hasXPU()) context_.setAllowTF32OneDNN(onednn_);
    if (switch_ == at::Float32MatmulPrecision::MEDIUM) {
      const auto host = context_.float32Precision(at::Float32Backend::MKLDNN, at::Float32Op::MATMUL);
      context_.setFloat32MatmulPrecision("medium");
      context_.setFloat32Precision(at::Float32Backend::MKLDNN, at::Float32Op::MATMUL, host);
    } else {
      context_.setAllowTF32CuBLAS(switch_ == at::Float32MatmulPrecision::HIGH);
    }
    context_.setAllowTF32CuDNN(cudnn_);
    restore(at::Float32Op::MATMUL, matmul_);
    restore(at::Float32Op::CONV, conv_);
    restore(at::Float32Op::RNN, rnn_);
  }
  Tf32(const Tf32&) = delete;
  Tf32& operator=(const Tf32&) = delete;

 private:
  at::Float32Precision now(at::Float32Op op) const { return context_.float32Precision(at::Float32Backend::CUDA, op); }
  void restore(at::Float32Op op, at::Float32Precision before) const {
    if (now(op) != before) context_.setFloat32Precision(at::Float32Backend::CUDA, op, before);
  }

  // A switch cannot be read where the program has set a precision beside it: then it is as PyTorch sets it at the start.
  template <class Value, class Read>
  static Value switch_or(Value at_start, Read&& read) {
    try {
      return read();
    } catch (const c10::Error&) {
      return at_start;
    }
  }

  at::Context& context_ = at::globalContext();
  at::Float32Precision matmul_ = now(at::Float32Op::MATMUL), conv_ = now(at::Float32Op::CONV), rnn_ = now(at::Float32Op::RNN);
  at::Float32MatmulPrecision switch_ =
      switch_or(at::Float32MatmulPrecision::HIGHEST, [this] { return context_.float32MatmulPrecision(); });
  bool cudnn_ = switch_or(true, [this] { return context_.allowTF32CuDNN(); });
  bool onednn_ = context_.allowTF32OneDNN();
};

}  // namespace ctorch::compat
