// PyTorch's zip archives and pickles: reader and writer.
#pragma once
#include <caffe2/serialize/inline_container.h>
#include <torch/csrc/jit/serialization/pickle.h>
#include <torch/csrc/jit/serialization/pickler.h>

#include <string>
#include <utility>
#include <vector>

namespace ctorch::compat {

using ArchiveReader = caffe2::serialize::PyTorchStreamReader;
using ArchiveWriter = caffe2::serialize::PyTorchStreamWriter;

// A value as a pickle, and the tensors whose memory goes beside it.
struct Pickled {
  std::string text;
  std::vector<at::Tensor> tensors;
};

inline Pickled pickle(const c10::IValue& value) {
  Pickled made;
  // Lists and dictionaries without TorchScript's type tags, which Python would have to be told to trust.
  torch::jit::Pickler pickler([&](const char* bytes, size_t size) { made.text.append(bytes, size); }, nullptr, nullptr, nullptr,
                              nullptr, /*tag_aggregates=*/false);
  pickler.protocol();
  pickler.pushIValue(value);
  pickler.stop();
  made.tensors = pickler.tensorData();
  return made;
}

inline c10::IValue unpickle(const std::vector<char>& archive) { return torch::jit::pickle_load(archive); }

}  // namespace ctorch::compat
