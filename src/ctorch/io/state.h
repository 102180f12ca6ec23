// States: named tensors in a file that Python's torch.load reads and Python's torch.save writes.
#pragma once
#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>

#include <string>
#include <utility>
#include <vector>

#include "io/atomic_file.h"

namespace ctorch {

using State = std::vector<std::pair<std::string, at::Tensor>>;

// Writes anything made of tensors, texts, numbers, untyped lists and dictionaries in the form of torch.save.
void write_archive(const Writer& write, const c10::IValue& content);

// Writes a dictionary of tensors, readable with torch.load(path, weights_only=True). Atomic: see write_file.
void write_state(const std::string& path, const State& state);

// Reads a dictionary of tensors, also one that Python's torch.save(module.state_dict(), path) wrote. The tensors are on the CPU
// and have memory of their own. Throws for a file that is missing, damaged or holds something else; runs no code from the file.
State read_state(const std::string& path);

// Each tensor once, by its first name.
State without_second_names(const State& all);

// As a tensor goes into a file: on the CPU, and without the rest of a memory that it is a view of.
at::Tensor plain_copy(const at::Tensor& tensor);

}  // namespace ctorch
