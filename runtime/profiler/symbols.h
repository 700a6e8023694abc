/*
 * Names for addresses, from tables of lines "address type name" in ascending
 * order: /proc/kallsyms, and for each of our programs the file of its symbols
 * that tools/image puts beside it in /bin. A table is read once, in pieces, and
 * only the names that some address needs are kept. The kernel's table is the
 * kernel's word, ours are measured with the image; a broken line is refused.
 */
#ifndef VL_PROFILER_SYMBOLS_H
#define VL_PROFILER_SYMBOLS_H

#include "common/base/err.h"
#include "common/base/types.h"

#define SYMBOLS_ADDRESS_MAX 32768
#define SYMBOLS_NAMES_BYTES 262144
#define SYMBOL_NAME_MAX 128 /* bytes with the NUL; longer names are cut */
/* A function that no other follows is at most this long; what is behind it has no name. */
#define SYMBOL_SPAN_MAX 0x100000u

struct symbol_address {
	uint64_t address; /* in its table's terms */
	uint32_t table;   /* which table: whatever number the caller gives it */
	uint32_t name;    /* offset in names[] */
};

struct symbols {
	uint32_t count, names_used; /* names[0] is "", the name of what has none */
	struct symbol_address addresses[SYMBOLS_ADDRESS_MAX];
	char names[SYMBOLS_NAMES_BYTES];
};

void symbols_init(struct symbols *s);

/* Asks for a name; symbols_sort() follows the last one. VL_E_LIMIT: no room, it will have no name. */
int symbols_want(struct symbols *s, uint32_t table, uint64_t address);
void symbols_sort(struct symbols *s);

/* A table in pieces: `line` and the rest are the reader's memory between them. */
struct symbol_table {
	struct symbols *symbols;
	uint32_t at, end;       /* its addresses that still want a name */
	uint64_t last;          /* the symbol before the present line */
	char last_name[SYMBOL_NAME_MAX];
	char line[256];
	size_t line_bytes;
};

void symbols_table(struct symbol_table *t, struct symbols *s, uint32_t table);
/* The next piece. VL_E_FORMAT (a line that is none), VL_E_ORDER (not ascending). */
int symbols_feed(struct symbol_table *t, const char *data, size_t size);
/* After the last piece. VL_E_DENIED: every address is 0, for the kernel hides them. */
int symbols_end(struct symbol_table *t);

/* The name, or "" when there is none. */
const char *symbols_name(const struct symbols *s, uint32_t table, uint64_t address);

#endif
