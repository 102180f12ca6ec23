// What the loader asks for once, when it has loaded this library.
#define CTORCH_IS_THE_LIBRARY
#include <c10/util/Logging.h>

#include "ctorch_version.h"
#include "host/memory_pool.h"
#include "runtime/prepare.h"

extern "C" {

__attribute__((visibility("default"))) void ctorch_implementation_interface(int32_t* major, int32_t* minor) {
  *major = CTORCH_INTERFACE_MAJOR;
  *minor = CTORCH_INTERFACE_MINOR;
}

// With `shared` the host uses PyTorch too, or is Python, which may: its allocator and its log are then not ours to change.
__attribute__((visibility("default"))) void ctorch_implementation_start(int32_t shared) {
  ctorch::use_pool(shared != 0);
#ifndef C10_USE_GLOG
  if (shared == 0) FLAGS_caffe2_log_level = c10::GLOG_FATAL;  // its errors come back as statuses; nothing is written
#endif
  ctorch::prepare();
}

}  // extern "C"
