/* Asks the library for one number and prints the status and the message. */
#include <ctorch.h>
#include <stdio.h>

int main(void) {
  int64_t live = -1, length = 0;
  const char *text = "";
  const int32_t status = ctorch_live_handles(CTORCH_HANDLE_ANY, &live);
  if (status) ctorch_last_error(&text, &length);
  printf("%d %.*s\n", (int)status, (int)length, text);
  return 0;
}
