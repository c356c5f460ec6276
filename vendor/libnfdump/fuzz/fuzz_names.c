/* Fuzz target: the input is one record of exporters, samplers or names. */
#include "use.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t empty[1];
    use_record(size == 0 ? empty : data, size);
    return 0;
}
