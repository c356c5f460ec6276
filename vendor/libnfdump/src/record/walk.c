/* What is wrong with the records of a block. */
#include "walk.h"

#include "../error.h"

void nfdump_note_damage(nfdump_block_view *view, nfdump_status status, size_t at, const char *reason, uint64_t value,
                        uint64_t limit)
{
    if (view->damage.status == NFDUMP_OK) {
        (void)nfdump_fail_value(&view->damage, status, at, reason, value, limit);
        view->damage.record = view->walked;
    }
}

void nfdump_note_step(nfdump_block_view *view, const record_walk *walk, record_step step, span record)
{
    const size_t left = walk->data.length - walk->at;
    switch (step) {
    case RECORD_MISSING:
        nfdump_note_damage(view, NFDUMP_E_COUNT, walk->at, "fewer records than the block announces", walk->walked,
                           walk->announced);
        break;
    case RECORD_CUT:
        nfdump_note_damage(view, NFDUMP_E_RECORD, walk->at, "block ends inside a record header", left, RECORD_HEADER);
        break;
    case RECORD_SIZE:
        nfdump_note_damage(view, NFDUMP_E_RECORD, walk->at, "impossible record size", record.length, left);
        break;
    case RECORD_FOUND:
    case RECORD_END:
        break;
    }
}
