// Which variants of a package a device can run: asked before anything of them is loaded.
#pragma once
#include <c10/core/Device.h>

#include <string>
#include <vector>

#include "model/package/package.h"

namespace ctorch {

bool is_for(const Variant& variant, c10::Device device);

// Why the processor or the device cannot run it, in words; empty if it can.
std::string why_not(const Variant& variant, c10::Device device);

std::string devices_of(const std::vector<Variant>& variants);  // "cpu, cuda"

}  // namespace ctorch
