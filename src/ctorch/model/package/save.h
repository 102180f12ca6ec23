// Writes a package again, with the weights that it has now.
#pragma once
#include <memory>

#include "contract/backend.h"
#include "model/package/variants.h"

namespace ctorch {

// The members come from the file that the package was loaded from. Variants that have replaced weights built in are left out,
// and the TorchScript one gets the new values.
void save_package(const Writer& write, const PackageInfo& info, const std::shared_ptr<const OpenFile>& file,
                  const Weights& weights, const Variants& variants, const Extras& extras);

}  // namespace ctorch
