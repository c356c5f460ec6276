/* The extension maps of a file, as they are in front of each of its blocks. */
#ifndef NFDUMP_MAPS_H
#define NFDUMP_MAPS_H

#include "nfdump.h"
#include "record/convert1.h"

typedef struct map_book map_book;

/* Null when memory is short. */
map_book *nfdump_maps_new(void);
void nfdump_maps_free(map_book *book);

/* To be called before a block of layout 1 records is read, and after it was converted or could not be
 * read: between the two, others wait for it. */
void nfdump_maps_begin(const nfdump_file *file, const nfdump_block_ref *ref);
void nfdump_maps_done(const nfdump_file *file, const nfdump_block_ref *ref);

/* Between the two, when the records are there: enters the maps of this block, and if its flows need
 * earlier ones, sees to it that those of all blocks before are entered.  False when memory is short. */
bool nfdump_maps_settle(const nfdump_file *file, const nfdump_block_ref *ref, span data, const block_scan *scan);

/* The map that is valid in front of the block at `offset`.  False if there is none, or no valid one. */
bool nfdump_maps_find(const nfdump_file *file, uint64_t offset, uint16_t id, ext_list *list);

#endif
