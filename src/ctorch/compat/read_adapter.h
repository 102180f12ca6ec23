// What PyTorch's reader of zip archives reads from.
#pragma once
#include <caffe2/serialize/read_adapter_interface.h>

namespace ctorch::compat {

using ReadAdapter = caffe2::serialize::ReadAdapterInterface;

}  // namespace ctorch::compat
