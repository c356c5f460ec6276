/* LZO1X decompression, bounds-checked.  Our own; see lzo1x.c. */
#ifndef NFDUMP_LZO1X_H
#define NFDUMP_LZO1X_H

#include <stddef.h>
#include <stdint.h>

enum {
    LZO1X_OK = 0,
    LZO1X_INPUT_OVERRUN = -1,  /* the input ends inside an instruction */
    LZO1X_OUTPUT_OVERRUN = -2, /* more output than `dst_cap` */
    LZO1X_LOOKBEHIND = -3,     /* a match reaches before the start of the output */
    LZO1X_TRAILING = -4,       /* input goes on after the end marker */
    LZO1X_NO_END = -5,         /* the input ends between two instructions, without end marker */
};

/* Decompresses one raw LZO1X stream.  `*dst_len` is what was produced and `*src_used` what was
 * consumed, also on error. */
int nfdump_lzo1x_decompress(const uint8_t *src, size_t src_len, uint8_t *dst, size_t dst_cap, size_t *dst_len,
                            size_t *src_used);

#endif
