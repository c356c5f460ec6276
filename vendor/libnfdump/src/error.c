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

const char *nfdump_status_name(int32_t status)
{
    static const char *const names[] = {
        [NFDUMP_OK] = "NFDUMP_OK",
        [NFDUMP_END] = "NFDUMP_END",
        [NFDUMP_E_ARGUMENT] = "NFDUMP_E_ARGUMENT",
        [NFDUMP_E_NOMEM] = "NFDUMP_E_NOMEM",
        [NFDUMP_E_IO] = "NFDUMP_E_IO",
        [NFDUMP_E_TRUNCATED] = "NFDUMP_E_TRUNCATED",
        [NFDUMP_E_MAGIC] = "NFDUMP_E_MAGIC",
        [NFDUMP_E_BYTE_ORDER] = "NFDUMP_E_BYTE_ORDER",
        [NFDUMP_E_UNSUPPORTED] = "NFDUMP_E_UNSUPPORTED",
        [NFDUMP_E_SIZE] = "NFDUMP_E_SIZE",
        [NFDUMP_E_COMPRESSED] = "NFDUMP_E_COMPRESSED",
        [NFDUMP_E_RECORD] = "NFDUMP_E_RECORD",
        [NFDUMP_E_ELEMENT] = "NFDUMP_E_ELEMENT",
        [NFDUMP_E_COUNT] = "NFDUMP_E_COUNT",
        [NFDUMP_E_CHECKSUM] = "NFDUMP_E_CHECKSUM",
        [NFDUMP_E_ENCRYPTED] = "NFDUMP_E_ENCRYPTED",
        [NFDUMP_E_LIMIT] = "NFDUMP_E_LIMIT",
    };
    const size_t number = (size_t)status;
    return status >= 0 && number < sizeof names / sizeof *names ? names[number] : "unknown status";
}

const char *nfdump_version(void)
{
    return NFDUMP_VERSION;
}

uint32_t nfdump_abi_version(void)
{
    return NFDUMP_ABI_VERSION;
}
