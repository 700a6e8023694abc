/* Names for addresses (symbols.h): addresses and table are both sorted, one pass joins them. */
#include "runtime/profiler/symbols.h"

#include <stdlib.h>
#include <string.h>

void symbols_init(struct symbols *s)
{
	s->count = 0;
	s->names[0] = 0;
	s->names_used = 1;
}

int symbols_want(struct symbols *s, uint32_t table, uint64_t address)
{
	if (s->count == SYMBOLS_ADDRESS_MAX)
		return VL_E_LIMIT;
	s->addresses[s->count++] = (struct symbol_address){ .address = address, .table = table };
	return 0;
}

static int compare(const void *left, const void *right)
{
	const struct symbol_address *a = left, *b = right;

	if (a->table != b->table)
		return a->table < b->table ? -1 : 1;
	return a->address < b->address ? -1 : a->address > b->address;
}

/* Also once more while it fills: the same address is wanted by many stacks. */
void symbols_sort(struct symbols *s)
{
	uint32_t kept = 0;

	qsort(s->addresses, s->count, sizeof(s->addresses[0]), compare);
	for (uint32_t i = 0; i < s->count; i++)
		if (!kept || compare(&s->addresses[kept - 1], &s->addresses[i]))
			s->addresses[kept++] = s->addresses[i];
	s->count = kept;
}

/* The first address of `table` that is not below `address`. */
static uint32_t lower_bound(const struct symbols *s, uint32_t table, uint64_t address)
{
	const struct symbol_address key = { .address = address, .table = table };
	uint32_t low = 0, high = s->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (compare(&s->addresses[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const char *symbols_name(const struct symbols *s, uint32_t table, uint64_t address)
{
	uint32_t i = lower_bound(s, table, address);

	if (i == s->count || s->addresses[i].table != table || s->addresses[i].address != address)
		return "";
	return s->names + s->addresses[i].name;
}

/* --- A table ----------------------------------------------------------------------------- */

void symbols_table(struct symbol_table *t, struct symbols *s, uint32_t table)
{
	memset(t, 0, sizeof(*t));
	t->symbols = s;
	t->at = lower_bound(s, table, 0);
	t->end = lower_bound(s, table + 1, 0);
}

/* Offset of a name that is now kept; 0, the empty one, without room. */
static uint32_t keep(struct symbols *s, const char *name)
{
	size_t size = strlen(name) + 1;
	uint32_t at = s->names_used;

	if (size > SYMBOLS_NAMES_BYTES - at)
		return 0;
	memcpy(s->names + at, name, size);
	s->names_used += (uint32_t)size;
	return at;
}

/* Gives the last symbol to every address before `next`. */
static void pass(struct symbol_table *t, uint64_t next)
{
	struct symbols *s = t->symbols;
	uint32_t name = 0;

	for (; t->at < t->end && s->addresses[t->at].address < next; t->at++) {
		struct symbol_address *a = &s->addresses[t->at];

		if (!t->last_name[0] || a->address < t->last || a->address - t->last >= SYMBOL_SPAN_MAX)
			continue;
		if (!name)
			name = keep(s, t->last_name);
		a->name = name;
	}
}

/* Hexadecimal digits up to a blank; NULL when there are none, too many, or something else. */
static const char *hexadecimal(const char *p, uint64_t *value)
{
	unsigned digits = 0;

	for (*value = 0; *p && *p != ' '; p++, digits++) {
		unsigned digit = *p >= '0' && *p <= '9' ? (unsigned)(*p - '0') :
			*p >= 'a' && *p <= 'f' ? (unsigned)(*p - 'a') + 10 : 16;

		if (digit > 15 || digits == 16)
			return NULL;
		*value = *value << 4 | digit;
	}
	return digits && *p == ' ' ? p + 1 : NULL;
}

/* Code only: a variable between two functions must not end the first one's span. */
static bool is_code(char type)
{
	return type == 't' || type == 'T' || type == 'w' || type == 'W';
}

static int take_line(struct symbol_table *t)
{
	const char *p;
	uint64_t address;
	size_t name_bytes;

	t->line[t->line_bytes] = 0;
	t->line_bytes = 0;
	p = hexadecimal(t->line, &address);
	if (!p || !p[0] || p[1] != ' ' || !p[2])
		return VL_E_FORMAT;
	if (!is_code(p[0]))
		return 0;
	if (address < t->last)
		return VL_E_ORDER;
	/* Of names for the same address the first one stays. */
	if (address == t->last && t->last_name[0])
		return 0;
	pass(t, address);
	t->last = address;
	name_bytes = strcspn(p + 2, "\t ;");
	if (name_bytes >= SYMBOL_NAME_MAX)
		name_bytes = SYMBOL_NAME_MAX - 1;
	memcpy(t->last_name, p + 2, name_bytes);
	t->last_name[name_bytes] = 0;
	return 0;
}

int symbols_feed(struct symbol_table *t, const char *data, size_t size)
{
	int err = 0;

	for (size_t i = 0; !err && i < size; i++) {
		if (data[i] == '\n')
			err = take_line(t);
		else if (t->line_bytes < sizeof(t->line) - 1)
			t->line[t->line_bytes++] = data[i];
	}
	return err;
}

int symbols_end(struct symbol_table *t)
{
	int err = t->line_bytes ? take_line(t) : 0;

	if (!err && t->last_name[0] && t->last == 0)
		return VL_E_DENIED;
	pass(t, UINT64_MAX);
	return err;
}
