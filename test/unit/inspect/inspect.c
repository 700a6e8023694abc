/* The inspect tree: what is written, for which request, in which bytes, and what a reader makes of it. */
#include "common/base/err.h"
#include "common/base/fmt.h"
#include "common/inspect/view.h"
#include "common/protobuf/protobuf.h"
#include "test/unit/diag/golden_file.h"

#include <limits.h>

Suite *suite_inspect(void);

static uint8_t node[1 << 16];
static char shown[8192];

/* --- The tree as text: name=value, {} folders, _ unevaluated, !n failures ---------------- */

static void show(const char *fmt, ...) VL_PRINTF(1, 2);
static void show(const char *fmt, ...)
{
	size_t used = strlen(shown);
	va_list args;

	va_start(args, fmt);
	vl_vformat(shown + used, sizeof(shown) - used, fmt, args);
	va_end(args);
}

static void show_value(const struct inspect_value *v)
{
	switch (v->type) {
	case INSPECT_SIGNED: show("%lld", (long long)v->i64); break;
	case INSPECT_STRING: show("'%.*s'", (int)v->size, (const char *)v->bytes); break;
	case INSPECT_BYTES: show("<%zu>", v->size); break;
	case INSPECT_FLOAT:
	case INSPECT_DOUBLE: show("%llx", (unsigned long long)v->u64); break;
	default: show("%llu", (unsigned long long)v->u64);
	}
	if (v->flags)
		show("/%llu", (unsigned long long)v->flags);
}

static void show_node(struct inspect_node *n)
{
	struct inspect_entry e;
	const char *between = "";

	switch (n->kind) {
	case INSPECT_NODE_FAILED:
		show("!%d%.*s", n->error, (int)n->text_size, (const char *)n->text);
		break;
	case INSPECT_NODE_VALUE:
		show_value(&n->value);
		break;
	case INSPECT_NODE_DIR:
		show("{");
		while (inspect_next(&n->entries, &e)) {
			show("%s%.*s=", between, (int)e.name_size, (const char *)e.name);
			show_node(&e.node);
			between = " ";
		}
		ck_assert_int_eq(n->entries.err, 0);
		show("}");
		break;
	default:
		show("_");
	}
}

static const char *text_of(const void *data, size_t size)
{
	struct inspect_node n;

	shown[0] = 0;
	ck_assert_int_eq(inspect_node_read(data, size, &n), 0);
	show_node(&n);
	return shown;
}

/* --- A tree that a process could show ------------------------------------------------------- */

static char level_text[16];

static void walk(struct inspect *i)
{
	const char *wanted;

	inspect_u64(i, "vps", INSPECT_SAFE, 0, 2);
	if (inspect_open(i, "vp", INSPECT_UNSPECIFIED)) {
		if (inspect_open(i, "0", INSPECT_UNSPECIFIED)) {
			inspect_u64(i, "exits", INSPECT_UNSPECIFIED, INSPECT_COUNT, 7);
			inspect_u64(i, "pc", INSPECT_SENSITIVE, INSPECT_HEX, 255);
			inspect_close(i);
		}
		if (inspect_open(i, "1", INSPECT_UNSPECIFIED))
			inspect_close(i);
		inspect_close(i);
	}
	if (inspect_open(i, "log", INSPECT_SAFE)) {
		wanted = inspect_update(i, "level", INSPECT_SAFE);
		if (wanted && strlen(wanted) < sizeof(level_text))
			strcpy(level_text, wanted);
		if (wanted && strlen(wanted) >= sizeof(level_text))
			inspect_fail(i, "level", INSPECT_SAFE, INSPECT_UPDATE, "too long");
		else
			inspect_text(i, "level", INSPECT_SAFE, level_text);
		inspect_close(i);
	}
}

static const char *ask(const char *path, uint32_t depth, enum inspect_level level, const char *value)
{
	struct inspect_request q = { path, depth, level, value };
	struct inspect i;
	int64_t size;

	strcpy(level_text, "info");
	inspect_begin(&i, &q, node, sizeof(node));
	walk(&i);
	size = inspect_end(&i);
	ck_assert_int_gt(size, 0);
	ck_assert_int_eq(inspect_check(node, (size_t)size, level), 0);
	return text_of(node, (size_t)size);
}

#define IS(path, depth, level, want) ck_assert_str_eq(ask(path, depth, level, NULL), want)

START_TEST(a_request_gets_what_lies_on_its_path)
{
	IS("", INSPECT_ALL, INSPECT_SENSITIVE,
		"{vps=2 vp={0={exits=7/2 pc=255/1} 1={}} log={level='info'}}");
	IS("vp/0", INSPECT_ALL, INSPECT_SENSITIVE, "{exits=7/2 pc=255/1}");
	IS("//vp//0/", INSPECT_ALL, INSPECT_SENSITIVE, "{exits=7/2 pc=255/1}");
	IS("vp/1", INSPECT_ALL, INSPECT_SENSITIVE, "{}");
	IS("vps", INSPECT_ALL, INSPECT_SENSITIVE, "2");
	IS("vp/0/exits", 0, INSPECT_SENSITIVE, "7/2");
	IS("v", INSPECT_ALL, INSPECT_SENSITIVE, "!6");
	IS("vp/00", INSPECT_ALL, INSPECT_SENSITIVE, "!6");
	IS("vp/2/exits", INSPECT_ALL, INSPECT_SENSITIVE, "!6");
	IS("vps/0", INSPECT_ALL, INSPECT_SENSITIVE, "!5");
}
END_TEST

START_TEST(a_folder_beyond_the_depth_is_named_and_not_opened)
{
	IS("", 0, INSPECT_SENSITIVE, "{vps=2 vp=_ log=_}");
	IS("", 1, INSPECT_SENSITIVE, "{vps=2 vp={0=_ 1=_} log={level='info'}}");
	IS("vp", 0, INSPECT_SENSITIVE, "{0=_ 1=_}");
	IS("vp", 1, INSPECT_SENSITIVE, "{0={exits=7/2 pc=255/1} 1={}}");
}
END_TEST

START_TEST(an_entry_above_the_level_does_not_exist)
{
	IS("", INSPECT_ALL, INSPECT_SAFE, "{vps=2 log={level='info'}}");
	IS("", INSPECT_ALL, INSPECT_UNSPECIFIED, "{vps=2 vp={0={exits=7/2} 1={}} log={level='info'}}");
	IS("vp/0/exits", INSPECT_ALL, INSPECT_SAFE, "!6");
	IS("vp/0/pc", INSPECT_ALL, INSPECT_UNSPECIFIED, "!6");
}
END_TEST

START_TEST(an_update_reaches_the_one_value_that_it_names)
{
	ck_assert_str_eq(ask("log/level", 0, INSPECT_SENSITIVE, "debug"), "'debug'");
	ck_assert_str_eq(level_text, "debug");
	ck_assert_str_eq(ask("log/level", 0, INSPECT_SENSITIVE, "a text that is too long"), "!4too long");
	ck_assert_str_eq(ask("log", 0, INSPECT_SENSITIVE, "debug"), "!3");
	ck_assert_str_eq(ask("vps", 0, INSPECT_SENSITIVE, "3"), "!3");
	ck_assert_str_eq(ask("log/levels", 0, INSPECT_SENSITIVE, "debug"), "!6");
	ck_assert_str_eq(level_text, "info");
}
END_TEST

/* --- What another process has ------------------------------------------------------------------ */

static struct inspect_request asked;
static unsigned asked_count;

static void walk_foreign(struct inspect *i)
{
	uint8_t other[4096];
	struct inspect inner;
	int64_t size;

	inspect_u64(i, "here", INSPECT_SAFE, 0, 1);
	if (!inspect_foreign(i, "vm", INSPECT_SAFE, &asked))
		return;
	asked_count++;
	inspect_begin(&inner, &asked, other, sizeof(other));
	walk(&inner);
	size = inspect_end(&inner);
	ck_assert_int_gt(size, 0);
	inspect_graft(i, "vm", INSPECT_SAFE, other, (size_t)size);
}

static const char *ask_foreign(const char *path, uint32_t depth, const char *value)
{
	struct inspect_request q = { path, depth, INSPECT_UNSPECIFIED, value };
	struct inspect i;
	int64_t size;

	asked_count = 0;
	strcpy(level_text, "info");
	inspect_begin(&i, &q, node, sizeof(node));
	walk_foreign(&i);
	size = inspect_end(&i);
	ck_assert_int_gt(size, 0);
	return text_of(node, (size_t)size);
}

START_TEST(another_process_is_asked_only_for_what_is_wanted_of_it)
{
	ck_assert_str_eq(ask_foreign("", INSPECT_ALL, NULL),
		"{here=1 vm={vps=2 vp={0={exits=7/2} 1={}} log={level='info'}}}");
	ck_assert_str_eq(ask_foreign("", 0, NULL), "{here=1 vm=_}");
	ck_assert_uint_eq(asked_count, 0);
	ck_assert_str_eq(ask_foreign("", 1, NULL), "{here=1 vm={vps=2 vp=_ log=_}}");
	ck_assert_str_eq(ask_foreign("vm", 0, NULL), "{vps=2 vp=_ log=_}");
	ck_assert_str_eq(ask_foreign("vm/vp/0", 0, NULL), "{exits=7/2}");
	ck_assert_str_eq(asked.path, "vp/0");
	ck_assert_str_eq(ask_foreign("vm/nothing", 0, NULL), "!6");
	ck_assert_str_eq(ask_foreign("here", 0, NULL), "1");
	ck_assert_uint_eq(asked_count, 0);
	ck_assert_str_eq(ask_foreign("vm/log/level", 0, "warn"), "'warn'");
	ck_assert_str_eq(ask_foreign("vm/vps", 0, "3"), "!3");
}
END_TEST

static const char *ask_hung(const char *path)
{
	struct inspect_request q = { path, INSPECT_ALL, INSPECT_SAFE, NULL }, rest;
	struct inspect i;
	int64_t size;

	inspect_begin(&i, &q, node, sizeof(node));
	if (inspect_foreign(&i, "vm", INSPECT_SAFE, &rest))
		inspect_fail(&i, "vm", INSPECT_SAFE, INSPECT_UNRESOLVED, NULL);
	inspect_u64(&i, "here", INSPECT_SAFE, 0, 1);
	size = inspect_end(&i);
	ck_assert_int_gt(size, 0);
	return text_of(node, (size_t)size);
}

START_TEST(a_process_that_does_not_answer_is_one_failed_entry)
{
	ck_assert_str_eq(ask_hung(""), "{vm=!1 here=1}");
	ck_assert_str_eq(ask_hung("vm/vp/0"), "!1");
	ck_assert_str_eq(ask_hung("here"), "1");
}
END_TEST

/* --- Bytes ------------------------------------------------------------------------------------- */

#define S INSPECT_SAFE
#define U INSPECT_UNSPECIFIED

static void write_errors(struct inspect *i)
{
	if (!inspect_open(i, "errors", U))
		return;
	inspect_fail(i, "unresolved", S, INSPECT_UNRESOLVED, NULL);
	inspect_fail(i, "channel", S, INSPECT_CHANNEL, "gone");
	inspect_fail(i, "immutable", S, INSPECT_IMMUTABLE, NULL);
	inspect_fail(i, "update", S, INSPECT_UPDATE, "not a number");
	inspect_fail(i, "not_a_directory", S, INSPECT_NOT_A_DIRECTORY, NULL);
	inspect_fail(i, "not_found", S, INSPECT_NOT_FOUND, NULL);
	inspect_fail(i, "internal", S, INSPECT_INTERNAL, NULL);
	inspect_close(i);
}

/* What test/golden/diag/inspect-response.bin holds, but the kinds that we never write. */
static void write_golden(struct inspect *i)
{
	const uint8_t bytes[] = { 0, 255, 7 };

	if (inspect_open(i, "empty", S))
		inspect_close(i);
	inspect_i64(i, "signed", S, -5);
	inspect_i64(i, "signed0", S, 0);
	inspect_i64(i, "signed_min", S, INT64_MIN);
	inspect_u64(i, "unsigned", U, 0, 300);
	inspect_u64(i, "unsigned0", U, 0, 0);
	inspect_u64(i, "unsigned_max", INSPECT_SENSITIVE, 0, UINT64_MAX);
	inspect_bool(i, "true", S, true);
	inspect_bool(i, "false", S, false);
	inspect_text(i, "string", S, "text");
	inspect_text(i, "string0", S, "");
	inspect_bytes(i, "bytes", S, bytes, sizeof(bytes));
	inspect_u64(i, "hex", S, INSPECT_HEX, 255);
	inspect_u64(i, "count", S, INSPECT_COUNT, 7);
	inspect_u64(i, "binary", S, INSPECT_BINARY, 5);
	write_errors(i);
}

/* The entries of the golden response by name. */
static struct vl_reader golden_entry(const char *name, uint8_t *bytes, size_t room)
{
	struct vl_reader r, result = { 0 }, entry = { 0 };
	struct pb_field f, g;
	char got[64];

	vl_reader_init(&r, bytes, golden_read("inspect-response.bin", bytes, room));
	for (int deeper = 0; deeper < 2; deeper++) { /* response -> Node -> Dir */
		ck_assert(pb_next(&r, &f));
		r = pb_message(&r, &f);
	}
	result = r;
	while (pb_next(&result, &f)) {
		struct vl_reader e = pb_message(&result, &f);

		entry = e;
		while (pb_next(&e, &g))
			if (g.number == 1)
				pb_string(&e, &g, got, sizeof(got));
		if (strcmp(got, name) == 0)
			return entry;
	}
	ck_abort_msg("the golden response has no entry %s", name);
	return entry;
}

START_TEST(each_entry_has_the_bytes_of_the_reference_implementation)
{
	struct inspect_request q = { "", INSPECT_ALL, INSPECT_SENSITIVE, NULL };
	uint8_t bytes[4096];
	unsigned count = 0;
	struct vl_reader r, dir;
	struct pb_field f, g;
	struct inspect i;
	int64_t size;

	inspect_begin(&i, &q, node, sizeof(node));
	write_golden(&i);
	size = inspect_end(&i);
	ck_assert_int_gt(size, 0);
	vl_reader_init(&r, node, (size_t)size);
	ck_assert(pb_next(&r, &f));
	dir = pb_message(&r, &f);
	while (pb_next(&dir, &f)) {
		struct vl_reader mine = pb_message(&dir, &f), e = mine, theirs;
		char name[64] = "";

		while (pb_next(&e, &g))
			if (g.number == 1)
				pb_string(&e, &g, name, sizeof(name));
		theirs = golden_entry(name, bytes, sizeof(bytes));
		ck_assert_msg(mine.size == theirs.size && memcmp(mine.data, theirs.data, mine.size) == 0,
			"entry %s differs", name);
		count++;
	}
	ck_assert_uint_eq(count, 16);
}
END_TEST

START_TEST(an_unevaluated_folder_has_the_bytes_of_the_reference_implementation)
{
	struct inspect_request q = { "", 0, INSPECT_SENSITIVE, NULL };
	uint8_t bytes[4096];
	struct vl_reader r, theirs = golden_entry("unevaluated", bytes, sizeof(bytes));
	struct pb_field f;
	struct inspect i;
	int64_t size;

	inspect_begin(&i, &q, node, sizeof(node));
	ck_assert(!inspect_open(&i, "unevaluated", U));
	size = inspect_end(&i);
	ck_assert_int_gt(size, 0);
	vl_reader_init(&r, node, (size_t)size);
	ck_assert(pb_next(&r, &f));
	r = pb_message(&r, &f);
	ck_assert(pb_next(&r, &f));
	ck_assert_uint_eq(f.size, theirs.size);
	ck_assert_mem_eq(f.bytes, theirs.data, f.size);
}
END_TEST

static void response_is(const char *file, const void *data, size_t size)
{
	uint8_t bytes[256];
	struct vl_writer w;

	vl_writer_init(&w, bytes, sizeof(bytes));
	pb_put_bytes(&w, 1, data, size);
	golden_is(file, bytes, w.pos);
}

START_TEST(a_node_alone_has_the_bytes_of_the_reference_implementation)
{
	struct inspect_request q = { "a", 0, INSPECT_SENSITIVE, NULL };
	struct inspect i;
	int64_t size;

	inspect_begin(&i, &q, node, sizeof(node));
	size = inspect_end(&i);
	response_is("inspect-not-found.bin", node, (size_t)size);
	inspect_begin(&i, &q, node, sizeof(node));
	inspect_u64(&i, "a", S, 0, 42);
	size = inspect_end(&i);
	response_is("inspect-value.bin", node, (size_t)size);
	size = inspect_failed_node(node, sizeof(node), INSPECT_NOT_FOUND, NULL);
	response_is("inspect-not-found.bin", node, (size_t)size);
}
END_TEST

START_TEST(the_reader_takes_all_that_the_reference_implementation_writes)
{
	uint8_t bytes[4096];
	size_t size = golden_read("inspect-response.bin", bytes, sizeof(bytes));
	struct vl_reader r;
	struct pb_field f;

	vl_reader_init(&r, bytes, size);
	ck_assert(pb_next(&r, &f));
	ck_assert_str_eq(text_of(f.bytes, f.size),
		"{unevaluated=_ empty={} signed=-5 signed0=0 signed_min=-9223372036854775808 unsigned=300 "
		"unsigned0=0 unsigned_max=18446744073709551615 float=3fc00000 "
		"double=c002000000000000 double0=0 "
		"true=1 false=0 string='text' string0='' bytes=<3> hex=255/1 count=7/2 binary=5/4 "
		"dir={leaf=1 =_} errors={unresolved=!1 channel=!2gone immutable=!3 update=!4not a number "
		"not_a_directory=!5 not_found=!6 internal=!7}}");
}
END_TEST

START_TEST(an_update_response_of_the_reference_implementation_is_read)
{
	uint8_t bytes[256];
	size_t size = golden_read("update-response.bin", bytes, sizeof(bytes));
	struct inspect_value v;
	struct vl_reader r;
	struct pb_field f;

	vl_reader_init(&r, bytes, size);
	ck_assert(pb_next(&r, &f));
	ck_assert_int_eq(inspect_value_read(f.bytes, f.size, &v), 0);
	ck_assert_int_eq(v.type, INSPECT_UNSIGNED);
	ck_assert_uint_eq(v.u64, 16);
	ck_assert_uint_eq(v.flags, INSPECT_HEX);
}
END_TEST

/* --- Limits -------------------------------------------------------------------------------------- */

START_TEST(a_tree_that_does_not_fit_is_an_error_at_every_size)
{
	struct inspect_request q = { "", INSPECT_ALL, INSPECT_SENSITIVE, NULL };
	struct inspect i;
	int64_t size;

	inspect_begin(&i, &q, node, sizeof(node));
	write_golden(&i);
	size = inspect_end(&i);
	for (size_t room = 0; room < (size_t)size; room++) {
		uint8_t *exact = malloc(room ? room : 1); /* so that the sanitizer sees a byte too many */

		inspect_begin(&i, &q, exact, room);
		write_golden(&i);
		ck_assert_int_eq(inspect_end(&i), VL_E_NOSPACE);
		free(exact);
	}
}
END_TEST

static unsigned nest(struct inspect *i, unsigned depth)
{
	unsigned opened = 0;

	for (unsigned n = 0; n < depth && inspect_open(i, "d", S); n++)
		opened++;
	for (unsigned n = 0; n < opened; n++)
		inspect_close(i);
	return opened;
}

START_TEST(folders_stop_at_the_greatest_depth)
{
	struct inspect_request q = { "", INSPECT_ALL, INSPECT_SENSITIVE, NULL };
	char path[3 * INSPECT_DEPTH_MAX] = "";
	struct inspect i;
	int64_t size;

	inspect_begin(&i, &q, node, sizeof(node));
	ck_assert_uint_eq(nest(&i, INSPECT_DEPTH_MAX + 5), INSPECT_DEPTH_MAX);
	size = inspect_end(&i);
	ck_assert_int_gt(size, 0);
	ck_assert_int_eq(inspect_check(node, (size_t)size, S), 0);
	for (unsigned n = 0; n < INSPECT_DEPTH_MAX + 5; n++)
		strcat(path, n ? "/d" : "d");
	q.path = path;
	inspect_begin(&i, &q, node, sizeof(node));
	ck_assert_uint_eq(nest(&i, INSPECT_DEPTH_MAX + 5), INSPECT_DEPTH_MAX);
	ck_assert_int_gt(inspect_end(&i), 0);
}
END_TEST

START_TEST(a_text_that_is_not_utf8_is_shown_without_what_is_not)
{
	struct inspect_request q = { "", INSPECT_ALL, INSPECT_SENSITIVE, NULL };
	char longer[INSPECT_TEXT_MAX + 8];
	struct inspect i;
	int64_t size;

	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = 0;
	inspect_begin(&i, &q, node, sizeof(node));
	inspect_text(&i, "bad", S, "a\xff" "b");
	inspect_text(&i, "good", S, "\xc3\xa4");
	size = inspect_end(&i);
	ck_assert_str_eq(text_of(node, (size_t)size), "{bad='a?b' good='\xc3\xa4'}");
	inspect_begin(&i, &q, node, sizeof(node));
	inspect_text(&i, "long", S, longer);
	size = inspect_end(&i);
	ck_assert_uint_eq(strlen(text_of(node, (size_t)size)), strlen("{long=''}") + INSPECT_TEXT_MAX - 1);
}
END_TEST

/* One hostile tree and what the check says of it. */
static int checked(enum inspect_level level, const char *name, enum inspect_level least)
{
	struct inspect_request q = { "", INSPECT_ALL, INSPECT_SENSITIVE, NULL };
	struct inspect i;
	int64_t size;

	inspect_begin(&i, &q, node, sizeof(node));
	inspect_u64(&i, name, level, 0, 1);
	size = inspect_end(&i);
	ck_assert_int_gt(size, 0);
	return inspect_check(node, (size_t)size, least);
}

START_TEST(the_check_refuses_what_another_process_may_not_say)
{
	char longer[INSPECT_NAME_MAX + 1];

	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = 0;
	ck_assert_int_eq(checked(S, "a", S), 0);
	ck_assert_int_eq(checked(U, "a", S), VL_E_DENIED);
	ck_assert_int_eq(checked(INSPECT_SENSITIVE, "a", U), VL_E_DENIED);
	ck_assert_int_eq(checked(S, "a/b", S), VL_E_FORMAT);
	ck_assert_int_eq(checked(S, "", S), VL_E_FORMAT);
	ck_assert_int_eq(checked(S, longer, S), VL_E_LIMIT);
	ck_assert_int_eq(inspect_check("", 0, S), VL_E_MISSING);
	ck_assert_int_eq(inspect_check("\x22\x02\x0a", 3, S), VL_E_TRUNCATED);
	ck_assert_int_eq(inspect_check("\x22\x02\x0a\x00", 4, S), VL_E_MISSING); /* an entry without a node */
}
END_TEST

/* A Node of `depth` folders in each other. */
static size_t nested_node(uint8_t *out, size_t room, unsigned depth)
{
	static uint8_t inner[4096];
	struct vl_writer w;

	vl_writer_init(&w, out, room);
	vl_write_bytes(&w, "\x22\x00", 2);
	for (unsigned n = 1; n < depth; n++) {
		size_t size = w.pos, entry, dir;

		memcpy(inner, out, size);
		vl_writer_init(&w, out, room);
		dir = pb_open(&w, 4);
		entry = pb_open(&w, 1);
		pb_put_string(&w, 1, "d");
		pb_put_bytes(&w, 2, inner, size);
		pb_put_bytes(&w, 3, "\x0a\x00", 2);
		pb_close(&w, entry);
		pb_close(&w, dir);
	}
	ck_assert_int_eq(w.err, 0);
	return w.pos;
}

START_TEST(the_check_refuses_folders_in_each_other_beyond_the_greatest_depth)
{
	uint8_t tree[4096];

	ck_assert_int_eq(inspect_check(tree, nested_node(tree, sizeof(tree), INSPECT_DEPTH_MAX + 1), S), 0);
	ck_assert_int_eq(inspect_check(tree, nested_node(tree, sizeof(tree), INSPECT_DEPTH_MAX + 2), S),
		VL_E_LIMIT);
}
END_TEST

Suite *suite_inspect(void)
{
	Suite *s = suite_create("inspect");
	TCase *t = tcase_create("inspect");

	tcase_add_test(t, a_request_gets_what_lies_on_its_path);
	tcase_add_test(t, a_folder_beyond_the_depth_is_named_and_not_opened);
	tcase_add_test(t, an_entry_above_the_level_does_not_exist);
	tcase_add_test(t, an_update_reaches_the_one_value_that_it_names);
	tcase_add_test(t, another_process_is_asked_only_for_what_is_wanted_of_it);
	tcase_add_test(t, a_process_that_does_not_answer_is_one_failed_entry);
	tcase_add_test(t, each_entry_has_the_bytes_of_the_reference_implementation);
	tcase_add_test(t, an_unevaluated_folder_has_the_bytes_of_the_reference_implementation);
	tcase_add_test(t, a_node_alone_has_the_bytes_of_the_reference_implementation);
	tcase_add_test(t, the_reader_takes_all_that_the_reference_implementation_writes);
	tcase_add_test(t, an_update_response_of_the_reference_implementation_is_read);
	tcase_add_test(t, a_tree_that_does_not_fit_is_an_error_at_every_size);
	tcase_add_test(t, folders_stop_at_the_greatest_depth);
	tcase_add_test(t, a_text_that_is_not_utf8_is_shown_without_what_is_not);
	tcase_add_test(t, the_check_refuses_what_another_process_may_not_say);
	tcase_add_test(t, the_check_refuses_folders_in_each_other_beyond_the_greatest_depth);
	suite_add_tcase(s, t);
	return s;
}
