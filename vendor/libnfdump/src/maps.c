/*
 * The extension maps of a file, as they are in front of each of its blocks.
 *
 * A flow of layout 1 is unreadable without its map, which may stand in any earlier block and may be
 * redefined at any place.  Blocks are decoded in any order and on any thread, so a file keeps a
 * book: every change of a map with the place of the block that made it.  Changes are entered
 * in the order of blocks: by whoever decodes a block, when all blocks before it are entered.
 * A block whose flows need earlier maps waits for blocks that are in work on other threads;
 * those that nobody works on are read here.  Waiting ends: the first block not yet entered
 * waits for nobody.
 *
 * Reading blocks in order, on one thread or many, so never decompresses anything twice.  Loading a
 * block somewhere in the middle decompresses all blocks before it, once for an open file, and only
 * if the block does not define its maps itself.
 */
#if !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif
#include "maps.h"

#include <pthread.h>
#include <stdlib.h>

#include "block.h"
#include "file.h"
#include "record/index.h"
#include "record/types.h"

/* What a map id stands for from some block on. */
typedef struct map_change {
    uint64_t since; /* offset of the header of the block that made it */
    uint32_t older; /* change of the same id before it: index + 1, 0 = none */
    uint32_t jump;  /* some older change, so that going back takes few steps; its own index + 1 for the first */
    uint32_t depth; /* changes before it */
    bool usable;
    ext_list list;
} map_change;

#define IDS 65536u

struct map_book {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* something was entered, or is no longer in work */
    /* The first block of layout 1 records whose maps are not entered. */
    nfdump_cursor cursor;
    nfdump_block_ref front;
    bool started;
    bool ended;     /* there is no such block */
    bool advancing; /* a thread looks for the next one, and `front` is the one before it */
    /* Places of the blocks that somebody is decoding.  Where memory is short for one, it may be decoded twice. */
    uint64_t *works;
    size_t num_works, cap_works;

    map_change *changes;
    size_t num_changes, cap_changes;
    uint32_t *latest; /* by map id: index + 1 of the last change */
    uint64_t full_since; /* maps defined in or after the block here are not kept */
    bool failed; /* memory was short for a change */
};

map_book *nfdump_maps_new(void)
{
    map_book *book = calloc(1, sizeof *book);
    if (book == NULL) {
        return NULL;
    }
    if (pthread_mutex_init(&book->lock, NULL) != 0) {
        free(book);
        return NULL;
    }
    if (pthread_cond_init(&book->changed, NULL) != 0) {
        (void)pthread_mutex_destroy(&book->lock);
        free(book);
        return NULL;
    }
    book->full_since = UINT64_MAX;
    return book;
}

void nfdump_maps_free(map_book *book)
{
    if (book != NULL) {
        (void)pthread_cond_destroy(&book->changed);
        (void)pthread_mutex_destroy(&book->lock);
        free(book->changes);
        free(book->latest);
        free(book->works);
        free(book);
    }
}

/* ---- changes, under the lock --------------------------------------------------- */

static map_change *change_at(const map_book *book, uint32_t number)
{
    return &book->changes[number - 1];
}

static bool same(const map_change *change, const ext_list *list)
{
    if (list == NULL || !change->usable) {
        return (list != NULL) == change->usable;
    }
    return change->list.count == list->count && memcmp(change->list.ids, list->ids, list->count) == 0;
}

/* Room for one more.  False when memory is short. */
static bool reserve_change(map_book *book)
{
    if (book->latest == NULL) {
        book->latest = calloc(IDS, sizeof *book->latest);
    }
    if (book->latest == NULL) {
        return false;
    }
    if (book->num_changes == book->cap_changes) {
        const size_t grown = book->cap_changes == 0 ? 64 : book->cap_changes * 2;
        map_change *changes = realloc(book->changes, grown * sizeof *changes);
        if (changes == NULL) {
            return false;
        }
        book->changes = changes;
        book->cap_changes = grown;
    }
    return true;
}

/* Enters one map of the block at the front; `list` is null for one that is not valid. */
static void enter(void *context, uint16_t id, const ext_list *list)
{
    map_book *book = context;
    const uint64_t since = book->front.offset;
    const uint32_t known = book->latest == NULL ? 0 : book->latest[id];
    if (book->full_since <= since || (known != 0 && same(change_at(book, known), list))) {
        return;
    }
    if (known != 0 && change_at(book, known)->since == since) {
        /* Redefined in the same block: for later ones only the last counts. */
        change_at(book, known)->usable = list != NULL;
        change_at(book, known)->list = list == NULL ? (ext_list){0} : *list;
        return;
    }
    if (book->num_changes == NFDUMP_MAP_CHANGES_MAX) {
        book->full_since = since;
        return;
    }
    if (!reserve_change(book)) {
        book->failed = true;
        return;
    }
    map_change *made = &book->changes[book->num_changes++];
    const uint32_t number = (uint32_t)book->num_changes;
    *made = (map_change){.since = since, .older = known, .jump = number, .usable = list != NULL};
    if (list != NULL) {
        made->list = *list;
    }
    if (known != 0) {
        /* Jumps of lengths that double and are then taken together: any change is few steps away. */
        const map_change *last = change_at(book, known);
        const map_change *jump = change_at(book, last->jump);
        const map_change *farther = change_at(book, jump->jump);
        made->depth = last->depth + 1;
        made->jump = last->depth - jump->depth == jump->depth - farther->depth ? jump->jump : known;
    }
    book->latest[id] = number;
}

static const map_change *valid_before(const map_book *book, uint64_t offset, uint16_t id)
{
    uint32_t number = book->latest == NULL ? 0 : book->latest[id];
    while (number != 0 && change_at(book, number)->since >= offset) {
        const map_change *change = change_at(book, number);
        const bool skip = change->jump != number && change_at(book, change->jump)->since >= offset;
        number = skip ? change->jump : change->older;
    }
    return number == 0 ? NULL : change_at(book, number);
}

/* ---- order, under the lock ------------------------------------------------------ */

/* Finds the next front.  False when memory is short; then nothing has moved.  The lock is let go meanwhile, since
 * looking for a block behind damage can take long. */
static bool advance(map_book *book, const nfdump_file *file)
{
    nfdump_error error;
    nfdump_status status;
    nfdump_cursor cursor = book->cursor;
    nfdump_block_ref front = {0};
    /* After damage the chain may go on.  When a file of layout 1 is salvaged, another type is damage. */
    const bool any_type = file->info.layout == 1 && file->info.flags & NFDUMP_OPEN_PARTIAL;
    book->advancing = true;
    (void)pthread_mutex_unlock(&book->lock);
    do {
        status = nfdump_file_next(file, &cursor, &front, &error);
    } while (status != NFDUMP_END && status != NFDUMP_E_NOMEM &&
             (status != NFDUMP_OK || (!any_type && front.type != BLOCK_LAYOUT1)));
    (void)pthread_mutex_lock(&book->lock);
    book->advancing = false;
    if (status != NFDUMP_E_NOMEM) {
        book->cursor = cursor;
        book->front = front;
        book->ended = status == NFDUMP_END;
        book->started = true;
    }
    (void)pthread_cond_broadcast(&book->changed);
    return status != NFDUMP_E_NOMEM;
}

/* The block at the front is `data`.  When memory is short it stays there, to be entered once more: that makes no
 * difference. */
static bool enter_front(map_book *book, const nfdump_file *file, span data)
{
    const uint32_t records = book->front.num_records;
    book->failed = false;
    if (book->front.type == BLOCK_LAYOUT1 || nfdump_records_block_type(data, records) == BLOCK_LAYOUT1) {
        nfdump_convert1_maps(data, records, enter, book);
    }
    return !book->failed && advance(book, file);
}

static bool in_work(const map_book *book, uint64_t offset)
{
    for (size_t i = 0; i < book->num_works; i++) {
        if (book->works[i] == offset) {
            return true;
        }
    }
    return false;
}

static void add_work(map_book *book, uint64_t offset)
{
    if (book->num_works == book->cap_works) {
        const size_t grown = book->cap_works == 0 ? 16 : book->cap_works * 2;
        uint64_t *works = realloc(book->works, grown * sizeof *works);
        if (works == NULL) {
            return;
        }
        book->works = works;
        book->cap_works = grown;
    }
    book->works[book->num_works++] = offset;
}

static void remove_work(map_book *book, uint64_t offset)
{
    for (size_t i = 0; i < book->num_works; i++) {
        if (book->works[i] == offset) {
            book->works[i] = book->works[--book->num_works];
            (void)pthread_cond_broadcast(&book->changed);
            return;
        }
    }
}

/* Reads the block at the front, which nobody works on, and enters its maps.  The lock is let go meanwhile.
 * A block that cannot be read has no maps, one that can be in part those in front of its damage.  False when
 * memory is short. */
static bool read_front(map_book *book, const nfdump_file *file, nfdump_block *reader)
{
    const nfdump_block_ref ref = book->front;
    span data = {0};
    nfdump_error error;
    add_work(book, ref.offset);
    (void)pthread_mutex_unlock(&book->lock);
    const nfdump_status status = nfdump_block_plain(reader, file, &ref, &data, &error);
    (void)pthread_mutex_lock(&book->lock);
    remove_work(book, ref.offset);
    if (book->advancing || book->ended || book->front.offset != ref.offset) {
        return true; /* another thread has entered it */
    }
    return status != NFDUMP_E_NOMEM && enter_front(book, file, data);
}

/* ---- interface ------------------------------------------------------------------ */

void nfdump_maps_begin(const nfdump_file *file, const nfdump_block_ref *ref)
{
    map_book *book = file->maps;
    (void)pthread_mutex_lock(&book->lock);
    add_work(book, ref->offset);
    (void)pthread_mutex_unlock(&book->lock);
}

void nfdump_maps_done(const nfdump_file *file, const nfdump_block_ref *ref)
{
    map_book *book = file->maps;
    (void)pthread_mutex_lock(&book->lock);
    remove_work(book, ref->offset);
    (void)pthread_mutex_unlock(&book->lock);
}

bool nfdump_maps_settle(const nfdump_file *file, const nfdump_block_ref *ref, span data, const block_scan *scan)
{
    map_book *book = file->maps;
    nfdump_block *reader = NULL;
    bool settled = true;
    (void)pthread_mutex_lock(&book->lock);
    while (settled) {
        if (book->advancing) {
            /* Without need of earlier maps there is nothing to wait for: the maps of this block are entered by the
             * thread that needs them, which reads it once more. */
            if (!scan->needs_earlier) {
                break;
            }
            (void)pthread_cond_wait(&book->changed, &book->lock);
        } else if (!book->started) {
            settled = advance(book, file);
        } else if (book->ended || book->front.offset > ref->offset) {
            break;
        } else if (book->front.offset == ref->offset) {
            settled = enter_front(book, file, scan->defines_maps ? data : (span){0});
            break;
        } else if (!scan->needs_earlier) {
            break;
        } else if (in_work(book, book->front.offset)) {
            (void)pthread_cond_wait(&book->changed, &book->lock);
        } else {
            reader = reader == NULL ? nfdump_block_new() : reader;
            settled = reader != NULL && read_front(book, file, reader);
        }
    }
    (void)pthread_mutex_unlock(&book->lock);
    nfdump_block_free(reader);
    return settled;
}

bool nfdump_maps_find(const nfdump_file *file, uint64_t offset, uint16_t id, ext_list *list)
{
    map_book *book = file->maps;
    (void)pthread_mutex_lock(&book->lock);
    /* After the book was full, what it says of an id may be out of date. */
    const map_change *change = offset > book->full_since ? NULL : valid_before(book, offset, id);
    const bool usable = change != NULL && change->usable;
    if (usable) {
        *list = change->list;
    }
    (void)pthread_mutex_unlock(&book->lock);
    return usable;
}
