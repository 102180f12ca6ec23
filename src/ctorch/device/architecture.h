// Which code a device can run, by NVIDIA's names: sm_90 is machine code of generation 9.0, compute_90 is translated when
// loaded.
#pragma once
#include <c10/core/Device.h>

#include <string>
#include <vector>

namespace ctorch {

// "sm_90"; empty where the device's run time does not say.
std::string architecture_of(c10::Device device);

// Machine code runs on its generation and later ones of the same major number, the other on all later ones. What is not known
// may run.
bool runs_on(const std::string& here, const std::vector<std::string>& built_for);

}  // namespace ctorch
