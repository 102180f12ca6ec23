#include "compat/version.h"

#include <ATen/Functions.h>
#include <ATen/Version.h>
#include <c10/util/Logging.h>
#include <torch/version.h>

namespace ctorch::compat {

const std::string& torch_version() {
  static const std::string version = [] {
    const std::string config = at::show_config();
    const std::string key = "TORCH_VERSION=";
    const auto at = config.find(key);
    if (at == std::string::npos) return std::string(TORCH_VERSION);
    const auto start = at + key.size();
    return config.substr(start, config.find_first_of(", \n", start) - start);
  }();
  return version;
}

const void* address_in_libtorch_cpu() { return reinterpret_cast<const void*>(&at::_ops::exp::call); }

void silence_log() {
#ifndef C10_USE_GLOG
  FLAGS_caffe2_log_level = c10::GLOG_FATAL;
#endif
}

}  // namespace ctorch::compat
