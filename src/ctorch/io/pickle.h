// Reads the pickles that torch.save makes of numbers, names and tensors in lists and dictionaries. Everything else, and so all
// that could run code, is refused.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace ctorch::pickle {

enum class Kind { none, boolean, integer, real, text, global, storage, tensor, list, dictionary };

struct Value {
  Kind kind = Kind::none;
  int64_t integer = 0;
  double real = 0;
  std::string text;                           // of a text, and the dotted name of a global
  at::Tensor tensor;                          // of a tensor; all elements of a storage
  std::vector<std::shared_ptr<Value>> items;  // of a list or tuple; keys and values in turn of a dictionary
  int depth = 0;                              // how deeply things are nested in it

  std::string description() const;
};

struct Unreadable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// `storage` gives the memory that is kept under a key beside the pickle.
std::shared_ptr<Value> read(const std::string& bytes, const std::function<c10::Storage(const std::string& key)>& storage);

}  // namespace ctorch::pickle
