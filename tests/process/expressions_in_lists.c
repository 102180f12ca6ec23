/* A list of tensors in which one is stale, among expressions that nobody else will release. */
#include <stdio.h>

#include "ctorch.h"

static ctorch_tensor expression(void) {
  const int64_t shape[1] = {3};
  ctorch_tensor made = {0};
  ctorch_tensor_full_real(1, 1, shape, CTORCH_DTYPE_FLOAT32, 0, -1, 0, &made);
  ctorch_tensor_yield(&made, 1);
  return made;
}

int main(void) {
  int64_t before = -1, after = -1;
  ctorch_tensor stale = expression(), result = {0};
  ctorch_tensor_delete(&(ctorch_tensor){stale.id});
  ctorch_live_handles(CTORCH_HANDLE_ANY, &before);
  for (int place = 0; place < 3; ++place) {
    ctorch_tensor list[3];
    for (int k = 0; k < 3; ++k) list[k] = k == place ? stale : expression();
    const int32_t status = ctorch_op_stack(list, 3, 1, CTORCH_LIFETIME_NAMED, &result);
    if (status != CTORCH_ERROR_HANDLE) printf("status %d\n", (int)status);
  }
  ctorch_live_handles(CTORCH_HANDLE_ANY, &after);
  printf("before %d after %d\n", (int)before, (int)after);
  return 0;
}
