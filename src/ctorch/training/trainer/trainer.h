// A compiled training step: the code of a package, the state that it works on, and the contract that every call is checked
// against.
#pragma once
#include <c10/util/SmallVector.h>

#include <memory>
#include <mutex>
#include <string>

#include "device/staging.h"
#include "model/model.h"
#include "model/package/aoti.h"
#include "training/trainer/contract.h"

namespace ctorch {

class Trainer {
 public:
  Trainer(const FileSource& source, c10::Device device, const std::string& sha256);

  using Tensors = c10::SmallVector<at::Tensor, 4>;

  // Takes a step or the first half of one, or only evaluates: CTORCH_RUN_*. Gives the loss before the step, for which a device
  // must be waited for; null: nobody waits. The tensors are checked and taken over. Those of arrays may be on the host.
  void run(int32_t function, Tensors inputs, Tensors targets, bool convert, bool of_arrays, double* loss);

  // The second half of a step, with what the first one or an exchange among ranks has left; the loss is NaN if it is skipped.
  double apply();

  // For a batch without samples instead of the first half.
  void pass_on_nothing();

  // Whether what is passed on may be applied: not while ranks exchange it.
  void mark(bool is_whole);

  // What is passed on, for who exchanges it; the memory stays where it is for the life of the trainer.
  const std::vector<Exchange::Flat>& exchanged();

  double learning_rate(bool last) const;
  void set_learning_rate(double rate);
  void set_seed(int64_t seed);
  int64_t count() const;

  void save(const std::string& path) const;
  void restore(const std::string& path);

  std::string names() const;
  at::Tensor tensor(const std::string& name) const;  // a copy; also of what is passed on between halves
  void set_tensor(const std::string& name, const at::Tensor& values, bool convert);

  void give_weights(const Model& model) const;
  const std::string& contract() const { return file_.contract; }
  c10::Device device() const { return device_; }

 private:
  void check(const Spec& spec, const char* noun, Tensors& tensors, bool convert, bool of_arrays, Bindings& bindings) const;
  at::Tensor find(const std::string& name) const;
  void need_halves() const;

  // The compiled forms of one function, each for some sizes; the first one that admits those of a call is the best for it.
  struct Form {
    Variant variant;
    std::unique_ptr<AotiModel> code;
  };
  struct Forms {
    const char* function = "";
    std::vector<Form> list;
  };
  void require_code(const PackageInfo& info) const;
  Forms load(const Package& package, const char* function, size_t tensors) const;
  std::unique_ptr<AotiModel> load(const Package& package, const Variant& variant, size_t tensors) const;
  const Form& choose(const Forms& forms, const Bindings& bindings) const;
  const Forms& forms_of(int32_t function) const;
  void compute_loss(const Form& form, std::vector<at::Tensor>&& given, double* loss);

  c10::Device device_;
  TrainerFile file_;
  StagingPool staging_;  // for arrays of the host, and for the loss, where the device is another one
  Forms step_, evaluate_, gradients_, apply_;
  bool is_whole_ = false;  // what is passed on comes from one batch, or from all ranks, and has not been applied
  // Threads that share a trainer take turns: a step reads and writes the state.
  mutable std::mutex turn_;
};

}  // namespace ctorch
