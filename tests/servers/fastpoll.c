/* To be preloaded into sogod: before each IMAP command SOPE asks whether the socket still lives by a poll() of 5 ms, which on
 * a connection that lives and says nothing always takes the 5 ms, some three times a message.  Later versions do not wait. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <poll.h>

int poll(struct pollfd *fds, nfds_t count, int timeout) {
  static int (*real)(struct pollfd *, nfds_t, int);
  if (!real) real = (int (*)(struct pollfd *, nfds_t, int))dlsym(RTLD_NEXT, "poll");
  return real(fds, count, count == 1 && timeout == 5 ? 0 : timeout);
}
