/* Filling in the caller's nfdump_error. */
#include "error.h"

void nfdump_clear_error(nfdump_error *error)
{
    if (error != NULL) {
        *error = (nfdump_error){.status = NFDUMP_OK, .block = NFDUMP_NONE, .record = NFDUMP_NONE, .reason = ""};
    }
}

nfdump_status nfdump_fail_value(nfdump_error *error, nfdump_status status, uint64_t offset, const char *reason,
                         uint64_t value, uint64_t limit)
{
    if (error != NULL) {
        nfdump_clear_error(error);
        error->status = (int32_t)status;
        error->offset = offset;
        error->reason = reason;
        error->value = value;
        error->limit = limit;
    }
    return status;
}

nfdump_status nfdump_fail(nfdump_error *error, nfdump_status status, uint64_t offset, const char *reason)
{
    return nfdump_fail_value(error, status, offset, reason, 0, 0);
}

nfdump_status nfdump_fail_errno(nfdump_error *error, int sys_errno, uint64_t offset, const char *reason)
{
    (void)nfdump_fail(error, NFDUMP_E_IO, offset, reason);
    if (error != NULL) {
        error->sys_errno = sys_errno;
    }
    return NFDUMP_E_IO;
}

uint32_t nfdump_abi_version(void)
{
    return NFDUMP_ABI_VERSION;
}
