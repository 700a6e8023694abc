/* The JSON walker: RFC 8259's grammar, and its limits. */
#include "common/json/json.h"
#include "common/base/fmt.h"

#include <check.h>
#include <string.h>

Suite *suite_json(void);

static char seen[1024];

/* Lists what was reported as "path=text;". */
static int note(void *context, const struct json_value *v)
{
	size_t used = strlen(seen);

	vl_format(seen + used, sizeof(seen) - used, "%s=%.*s;", v->path, (int)v->size, v->text);
	return context && strcmp(v->path, context) == 0 ? VL_E_DENIED : 0;
}

static int walk(const char *text)
{
	seen[0] = 0;
	return json_walk(text, strlen(text), note, NULL, NULL);
}

START_TEST(scalars_are_reported_with_their_paths_in_order)
{
	ck_assert_int_eq(walk(" { \"a\" : 1 , \"b\" : { \"c\" : [ true , \"x\" ] } , \"d\":null } "), 0);
	ck_assert_str_eq(seen, "a=1;b.c.0=true;b.c.1=x;d=null;");
	ck_assert_int_eq(walk("[]"), 0);
	ck_assert_str_eq(seen, "");
	ck_assert_int_eq(walk("-0.5e+10"), 0);
	ck_assert_str_eq(seen, "=-0.5e+10;");
}
END_TEST

START_TEST(what_is_no_json_is_refused)
{
	static const char *const bad[] = { "", " ", "{", "[1", "[1,]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}",
		"{a:1}", "01", "-", "1.", "1e", "+1", "tru", "nul", "\"", "\"\\", "\"\x01\"", "1 2", "[1]]",
		"{\"a\" 1}", "'a'", "[1 2]" };

	for (size_t i = 0; i < VL_ARRAY_COUNT(bad); i++)
		ck_assert_msg(walk(bad[i]) == VL_E_FORMAT, "%s", bad[i]);
}
END_TEST

START_TEST(depth_is_bounded)
{
	char text[2 * JSON_DEPTH_MAX + 8];

	memset(text, '[', JSON_DEPTH_MAX);
	memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
	text[2 * JSON_DEPTH_MAX] = 0;
	ck_assert_int_eq(walk(text), 0);
	memset(text, '[', JSON_DEPTH_MAX + 1);
	memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
	text[2 * JSON_DEPTH_MAX + 2] = 0;
	ck_assert_int_eq(walk(text), VL_E_LIMIT);
}
END_TEST

START_TEST(a_path_that_is_too_long_is_refused)
{
	char text[JSON_PATH_MAX + 16] = "{\"";

	memset(text + 2, 'n', JSON_PATH_MAX);
	strcpy(text + 2 + JSON_PATH_MAX, "\":1}");
	ck_assert_int_eq(walk(text), VL_E_LIMIT);
	strcpy(text + 2 + JSON_PATH_MAX - 1, "\":1}");
	ck_assert_int_eq(walk(text), 0);
}
END_TEST

START_TEST(the_visitors_error_ends_the_walk)
{
	char path[] = "b";

	seen[0] = 0;
	ck_assert_int_eq(json_walk("{\"a\":1,\"b\":2,\"c\":3}", 19, note, path, NULL), VL_E_DENIED);
	ck_assert_str_eq(seen, "a=1;b=2;");
}
END_TEST

static int string_of(const char *text, char *out, size_t room)
{
	struct json_value v = { .type = JSON_STRING, .text = text, .size = strlen(text) };

	return json_string(&v, out, room);
}

START_TEST(escapes_are_resolved)
{
	char out[32];

	ck_assert_int_eq(string_of("\\\"\\\\\\/\\b\\f\\n\\r\\t", out, sizeof(out)), 0);
	ck_assert_str_eq(out, "\"\\/\b\f\n\r\t");
	ck_assert_int_eq(string_of("\\u00e9\\u20AC\\uD83D\\uDC27", out, sizeof(out)), 0);
	ck_assert_str_eq(out, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xa7");
}
END_TEST

START_TEST(bad_escapes_are_refused)
{
	static const char *const bad[] = { "\\x", "\\u12", "\\u12g4", "\\u0000", "\\ud800",
		"\\ud800\\u0041", "\\udc00" };
	char out[32];

	for (size_t i = 0; i < VL_ARRAY_COUNT(bad); i++)
		ck_assert_msg(string_of(bad[i], out, sizeof(out)) == VL_E_FORMAT, "%s", bad[i]);
}
END_TEST

START_TEST(a_string_never_exceeds_its_room)
{
	char out[4] = "zzz";

	ck_assert_int_eq(string_of("abc", out, 4), 0);
	ck_assert_int_eq(string_of("abcd", out, 4), VL_E_LIMIT);
	ck_assert_int_eq(string_of("ab\\u20ac", out, 4), VL_E_LIMIT);
}
END_TEST

Suite *suite_json(void)
{
	Suite *s = suite_create("json");
	TCase *c = tcase_create("walk");

	tcase_add_test(c, scalars_are_reported_with_their_paths_in_order);
	tcase_add_test(c, what_is_no_json_is_refused);
	tcase_add_test(c, depth_is_bounded);
	tcase_add_test(c, a_path_that_is_too_long_is_refused);
	tcase_add_test(c, the_visitors_error_ends_the_walk);
	tcase_add_test(c, escapes_are_resolved);
	tcase_add_test(c, bad_escapes_are_refused);
	tcase_add_test(c, a_string_never_exceeds_its_room);
	suite_add_tcase(s, c);
	return s;
}
