/* Filling in the caller's nfdump_error. */
#ifndef NFDUMP_ERROR_H
#define NFDUMP_ERROR_H

#include "nfdump.h"

/* Returns `status` so that a failing function can end with it.  `error` may be null. */
nfdump_status nfdump_fail(nfdump_error *error, nfdump_status status, uint64_t offset, const char *reason);
nfdump_status nfdump_fail_value(nfdump_error *error, nfdump_status status, uint64_t offset, const char *reason,
                         uint64_t value, uint64_t limit);
nfdump_status nfdump_fail_errno(nfdump_error *error, int sys_errno, uint64_t offset, const char *reason);
void nfdump_clear_error(nfdump_error *error);

#endif
