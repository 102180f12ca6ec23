// What a training package says about itself: inputs, targets and the tensors of the state.
#pragma once
#include <string>
#include <vector>

#include "contract/spec.h"
#include "model/package/package.h"
#include "training/trainer/exchange.h"

namespace ctorch {

// Names of the trainer's own tensors in the state.
constexpr const char* trainer_step = "trainer.step";
constexpr const char* trainer_rate = "trainer.learning_rate";
constexpr const char* trainer_last_rate = "trainer.last_learning_rate";
constexpr const char* trainer_seed = "trainer.seed";

enum class Role { parameter, buffer, moment, counter, setting, constant };

struct StateTensor {
  std::string name;
  Role role;
  at::Tensor value;  // memory of its own, where compiled code reads and writes; it never moves
};

struct TrainerFile {
  std::string contract;  // JSON text
  Spec inputs;
  Spec targets;  // its `inputs` are the targets
  std::vector<StateTensor> state;
  Exchange exchange;  // between the halves of a step, where the package has them

  State values() const;  // of the state, by name

  // Reads the contract of a package that has been verified, the state onto a device; throws for one that contradicts itself.
  static TrainerFile read(const Package& package, c10::Device device);
};

}  // namespace ctorch
