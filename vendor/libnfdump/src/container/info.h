/* Ident and statistics of a file, which each layout stores in its own place. */
#ifndef NFDUMP_CONTAINER_INFO_H
#define NFDUMP_CONTAINER_INFO_H

#include "../bytes.h"
#include "nfdump.h"

/* Bytes of a statistics record without its header, in layouts 2 and 3. */
#define STAT_PAYLOAD 144u

/* Sets the ident to `field`, or to its bytes in front of a NUL.  `field` is shorter than nfdump_info.ident. */
void nfdump_info_set_ident(nfdump_info *info, span field);
/* Sets the statistics to those in STAT_PAYLOAD bytes. */
void nfdump_info_set_stat(nfdump_info *info, const uint8_t *payload);

#endif
