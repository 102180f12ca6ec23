// What a trainer handle names.
#pragma once
#include <memory>

#include "core/handle_table.h"
#include "ctorch_trainer.h"

namespace ctorch {

class Trainer;

struct TrainerObject {
  std::shared_ptr<Trainer> trainer;
};

using TrainerTable = HandleTable<TrainerObject, CTORCH_HANDLE_TRAINER>;

inline TrainerTable& trainers() {
  static TrainerTable& table = TrainerTable::instance();
  return table;
}

inline Trainer& trainer_of(const ctorch_trainer* handle) {
  require(handle, "trainer");
  return *trainers().get(handle->id, "trainer").trainer;
}

}  // namespace ctorch
