#include "placement/devices.h"

#include "core/error.h"
#include "core/group.h"
#include "ctorch_mpi.h"
#include "placement/node.h"

namespace ftorch {
namespace {

constexpr int32_t any = -1;

// In the order in which they are preferred.
constexpr DeviceKind kinds[] = {{CTORCH_DEVICE_CUDA, "cuda"},
                                {CTORCH_DEVICE_XPU, "xpu"},
                                {CTORCH_DEVICE_MPS, "mps"},
                                {CTORCH_DEVICE_PRIVATEUSE1, "privateuse1"}};

static_assert(device_of(5, 8, 0) == -1);
static_assert(device_of(1, 2, 4) == 1, "one each, and two devices are idle");
static_assert(device_of(1, 4, 2) == 0 && device_of(2, 4, 2) == 1, "neighbours share");
static_assert(device_of(4, 5, 4) == 3 && device_of(1, 5, 4) == 0, "no device has two ranks more than another");
static_assert(device_of(63, 64, 1) == 0, "a launcher that shows each rank only its own device");

}  // namespace

DeviceKind devices_of(int32_t wanted) {
  if (wanted == CTORCH_DEVICE_CPU) return {};
  bool known = wanted == any;
  for (DeviceKind kind : kinds) {
    if (wanted != any && wanted != kind.type) continue;
    known = true;
    int32_t count = 0;
    need(ctorch_device_count(kind.type, &count));
    kind.count = count;
    if (count > 0) return kind;
  }
  if (!known) fail(CTORCH_ERROR_ARGUMENT, "argument 'wanted': ", wanted, " is no torch_k* device constant");
  return {};
}

}  // namespace ftorch

using namespace ftorch;

int32_t ctorch_mpi_device(int32_t comm, int32_t wanted, int32_t* device_type, int32_t* device_index) {
  return guard([&] {
    const Group all = group_of(comm);
    DeviceKind kind;
    all.together([&] { kind = devices_of(wanted); });
    const Node node(all);
    *device_type = kind.type;
    *device_index = device_of(node.rank(), node.size(), kind.count);
  });
}
