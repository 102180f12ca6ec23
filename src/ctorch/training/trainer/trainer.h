// A compiled training step: the code of a package, the state that it works on, and the contract that every call is checked
// against.
#pragma once
#include <c10/util/SmallVector.h>

#include <memory>
#include <mutex>
#include <string>

#include "model/model.h"
#include "model/package/aoti.h"
#include "training/trainer/contract.h"

namespace ctorch {

class Trainer {
 public:
  Trainer(const FileSource& source, const std::string& sha256);

  using Tensors = c10::SmallVector<at::Tensor, 4>;

  // Takes a step, or only evaluates; returns the loss before the step. The tensors are checked and taken over.
  double run(bool update, Tensors inputs, Tensors targets, bool convert);

  double learning_rate(bool last) const;
  void set_learning_rate(double rate);
  void set_seed(int64_t seed);
  int64_t count() const;

  void save(const std::string& path) const;
  void restore(const std::string& path);

  std::string names() const;
  at::Tensor tensor(const std::string& name) const;  // a copy
  void set_tensor(const std::string& name, const at::Tensor& values, bool convert);

  void give_weights(const Model& model) const;
  const std::string& contract() const { return file_.contract; }

 private:
  void check(const Spec& spec, const char* noun, Tensors& tensors, bool convert, Bindings& bindings) const;
  const at::Tensor& find(const std::string& name) const;

  // The compiled forms of one function, each for some sizes; the first one that admits those of a call is the best for it.
  struct Form {
    Variant variant;
    std::unique_ptr<AotiModel> code;
  };
  using Forms = std::vector<Form>;
  Forms load(const Package& package, const char* function) const;
  std::unique_ptr<AotiModel> load(const Package& package, const Variant& variant) const;
  const Form& choose(bool update, const Bindings& bindings) const;

  TrainerFile file_;
  Forms step_, evaluate_;
  // Threads that share a trainer take turns: a step reads and writes the state.
  mutable std::mutex turn_;
};

}  // namespace ctorch
