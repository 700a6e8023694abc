/* Folded lines (fold.h). */
#include "runtime/profiler/fold.h"
#include "common/base/fmt.h"

#include <string.h>

#define COUNT_ROOM 16 /* " 4294967295\n" */
#define NO_TABLE UINT32_MAX

/* Where a frame's name is to be found. */
struct place {
	uint32_t table; /* NO_TABLE: nowhere */
	uint64_t address;
};

struct line {
	char text[FOLD_LINE_MAX];
	size_t used;
};

static uint32_t process_of(const struct profiler_request *q, uint32_t pid)
{
	uint32_t i = 0;

	while (i < q->process_count && q->processes[i].pid != pid)
		i++;
	return i;
}

/*
 * The leaf's address is where it stood; the others are where a call returns to,
 * which may be the first byte of the next function: one less lies in the call.
 */
static struct place place_of(const struct stack *e, unsigned frame, uint64_t address,
	const struct profiler_request *q, uint32_t process)
{
	struct place p = { .table = FOLD_TABLE_KERNEL, .address = frame && address ? address - 1 : address };

	if (frame < e->kernel_count)
		return p;
	/* The first frame of the process below a system call is a return address too. */
	if (process == q->process_count || q->processes[process].text_base == 0 ||
			p.address < q->processes[process].text_base)
		return (struct place){ .table = NO_TABLE };
	p.table = FOLD_TABLE_PROCESS + process;
	p.address -= q->processes[process].text_base;
	return p;
}

void fold_want(const struct stacks *s, const struct profiler_request *q, struct symbols *names)
{
	for (uint32_t i = 0; i < s->count; i++) {
		const struct stack *e = &s->entries[i];
		uint32_t process = process_of(q, e->pid);

		for (unsigned k = 0; k < e->frame_count; k++) {
			struct place p = place_of(e, k, s->frames[e->first + k], q, process);

			if (p.table == NO_TABLE)
				continue;
			/* Full of repetitions: make room once. What then has none stays nameless. */
			if (names->count == SYMBOLS_ADDRESS_MAX)
				symbols_sort(names);
			if (symbols_want(names, p.table, p.address) != 0)
				return symbols_sort(names);
		}
	}
	symbols_sort(names);
}

static void put(struct line *l, const char *text)
{
	size_t size = strlen(text);

	if (size <= sizeof(l->text) - COUNT_ROOM - l->used) {
		memcpy(l->text + l->used, text, size);
		l->used += size;
	}
}

static void put_process(struct line *l, const struct stack *e, const struct profiler_request *q,
	uint32_t process)
{
	char text[24];

	if (process < q->process_count) {
		put(l, q->processes[process].name);
	} else if (e->kernel_count == e->frame_count) {
		put(l, "[kernel]");
	} else {
		vl_format(text, sizeof(text), "pid-%u", e->pid);
		put(l, text);
	}
}

static void put_frame(struct line *l, const struct symbols *names, struct place p, bool kernel)
{
	const char *name = p.table == NO_TABLE ? "" : symbols_name(names, p.table, p.address);
	char text[SYMBOL_NAME_MAX + 8];

	vl_format(text, sizeof(text), ";%s%s", *name ? name : "[unknown]", kernel ? "_[k]" : "");
	put(l, text);
}

static void make_line(struct line *l, const struct stacks *s, const struct stack *e,
	const struct profiler_request *q, const struct symbols *names)
{
	uint32_t process = process_of(q, e->pid);

	l->used = 0;
	put_process(l, e, q, process);
	for (unsigned k = e->frame_count; k-- > 0;)
		put_frame(l, names, place_of(e, k, s->frames[e->first + k], q, process), k < e->kernel_count);
	l->used += vl_format(l->text + l->used, COUNT_ROOM, " %u\n", e->count);
}

int fold_write(const struct stacks *s, const struct profiler_request *q, const struct symbols *names,
	fold_sink *sink, void *context)
{
	struct line l = { .used = 0 };
	int err = 0;

	for (uint32_t i = 0; !err && i < s->count; i++) {
		make_line(&l, s, &s->entries[i], q, names);
		err = sink(context, l.text, l.used);
	}
	if (err || !s->lost)
		return err;
	l.used = vl_format(l.text, sizeof(l.text), "[lost] %u\n", s->lost);
	return sink(context, l.text, l.used);
}
