// The backend for compiled packages.
#pragma once
#include <memory>

#include "contract/backend.h"
#include "io/archive.h"

namespace ctorch {

// `trust` admits a package without our contract. Packages are for inference: requires_grad and is_training are refused.
std::unique_ptr<Backend> load_package(Archive archive, c10::Device device, bool requires_grad, bool is_training, bool trust,
                                      Extras& extras);

}  // namespace ctorch
