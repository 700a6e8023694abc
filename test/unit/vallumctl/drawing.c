/* What vallumctl draws and takes apart by itself: flame graphs, charts, text that is safe, log records. */
#include "tools/vallumctl/chart.h"
#include "tools/vallumctl/flame.h"
#include "tools/vallumctl/kmsg.h"
#include "tools/vallumctl/svg.h"
#include "tools/vallumctl/utf8.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *suite_vallumctl_drawing(void);

static struct flame flame;
static char *text;
static size_t text_size;

static void setup(void)
{
	text = NULL;
	ck_assert_int_eq(flame_create(&flame), 0);
}

static void teardown(void)
{
	flame_destroy(&flame);
	free(text);
}

static FILE *page(void)
{
	free(text);
	text = NULL;
	return open_memstream(&text, &text_size);
}

static void add(const char *line, int wanted)
{
	ck_assert_msg(flame_add(&flame, line, strlen(line)) == wanted, "%s", line);
}

static void draw(void)
{
	const struct flame_text head = { "A <title> & more", "sub\"title" };
	FILE *out = page();

	ck_assert_int_eq(flame_svg(&flame, &head, out), 0);
	fclose(out);
}

static unsigned count_of(const char *what)
{
	unsigned n = 0;

	for (const char *p = text; (p = strstr(p, what)); p++)
		n++;
	return n;
}

START_TEST(lines_with_the_same_begin_share_their_frames)
{
	add("a;b;c 3", 0);
	add("a;b;d 4", 0);
	add("a;b 1", 0);
	add("e 2", 0);
	ck_assert_uint_eq(flame.node_count, 6);
	ck_assert_uint_eq(flame.nodes[0].count, 10);
	ck_assert_str_eq(flame_name(&flame, 1), "a");
	ck_assert_uint_eq(flame.nodes[1].count, 8);
	ck_assert_uint_eq(flame.nodes[2].count, 8);
	ck_assert_uint_eq(flame.depth, 3);
}
END_TEST

START_TEST(names_have_blanks_but_counts_do_not)
{
	add("a b;c d 3", 0);
	ck_assert_str_eq(flame_name(&flame, 1), "a b");
	ck_assert_str_eq(flame_name(&flame, 2), "c d");
}
END_TEST

START_TEST(a_graph_has_bounds_and_stays_usable_behind_them)
{
	char line[FLAME_LINE_MAX + 100];
	size_t used = 0;

	for (unsigned i = 0; i < FLAME_DEPTH_MAX; i++)
		used += (size_t)sprintf(line + used, "%sf", i ? ";" : "");
	strcpy(line + used, " 1");
	add(line, 0);
	strcpy(line + used, ";f 1");
	add(line, VL_E_LIMIT);
	memset(line, 'a', sizeof(line));
	ck_assert_int_eq(flame_add(&flame, line, sizeof(line)), VL_E_LIMIT);
	for (unsigned i = 0; flame.node_count < FLAME_NODE_MAX; i++) {
		sprintf(line, "n%u 1", i);
		add(line, 0);
	}
	add("one more 1", VL_E_LIMIT);
	add("f 1", 0);
	draw();
	ck_assert_ptr_nonnull(strstr(text, "</svg>"));
}
END_TEST

START_TEST(a_name_longer_than_the_room_is_cut_the_same_way_each_time)
{
	char line[2 * FLAME_NAME_MAX + 8];

	memset(line, 'x', 2 * FLAME_NAME_MAX);
	strcpy(line + 2 * FLAME_NAME_MAX, " 1");
	add(line, 0);
	add(line, 0);
	ck_assert_uint_eq(flame.node_count, 2);
	ck_assert_uint_eq(strlen(flame_name(&flame, 1)), FLAME_NAME_MAX - 1);
}
END_TEST

START_TEST(nothing_of_a_hostile_name_becomes_markup)
{
	add("p;</title><script>alert(1)</script> 5", 0);
	add("p;]]><x a=\"b\" c='d'>&amp;\x01\xff 5", 0);
	draw();
	ck_assert_uint_eq(count_of("<script>"), 1); /* ours */
	ck_assert_uint_eq(count_of("]]>"), 1);
	ck_assert_ptr_null(strstr(text, "<x "));
	ck_assert_ptr_null(strchr(text, 1));
	ck_assert_ptr_null(strchr(text, '\xff'));
	ck_assert_ptr_nonnull(strstr(text, "A &lt;title&gt; &amp; more"));
	ck_assert_ptr_nonnull(strstr(text, "&quot;b&quot; c=&#39;d&#39;"));
}
END_TEST

START_TEST(widths_are_in_proportion_and_narrow_frames_are_left_out)
{
	add("a 750", 0);
	add("b 250", 0);
	draw();
	ck_assert_ptr_nonnull(strstr(text, "a (750 samples, 75.00 %)</title>"
		"<rect x=\"10.000\" y=\"64\" width=\"885.000\""));
	ck_assert_ptr_nonnull(strstr(text, "b (250 samples, 25.00 %)</title>"
		"<rect x=\"895.000\" y=\"64\" width=\"295.000\""));
	add("wide 4000000", 0);
	draw();
	ck_assert_ptr_null(strstr(text, "data-name=\"b\""));
}
END_TEST

START_TEST(the_same_stacks_make_the_same_graph_in_any_order)
{
	char *first;

	add("p;b 1", 0), add("p;a 1", 0), add("o 3", 0);
	draw();
	first = strdup(text);
	flame_destroy(&flame);
	ck_assert_int_eq(flame_create(&flame), 0);
	add("o 3", 0), add("p;a 1", 0), add("p;b 1", 0);
	draw();
	ck_assert_str_eq(text, first);
	free(first);
}
END_TEST

START_TEST(text_is_cut_at_characters)
{
	static const struct { const char *text; size_t most; const char *wanted; } cases[] = {
		{ "abcdef", 6, "abcdef" }, { "abcdef", 5, "abc.." }, { "abcdef", 2, "" },
		{ "\xc3\xa4\xc3\xb6\xc3\xbc!", 3, "\xc3\xa4.." }, { "\xc3", 5, "\xef\xbf\xbd" },
		{ "\xed\xa0\x80", 9, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xe2\x80\xae" "x", 9, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx" }, { "", 3, "" },
	};

	for (size_t i = 0; i < VL_ARRAY_COUNT(cases); i++) {
		FILE *out = page();

		svg_text(out, cases[i].text, cases[i].most);
		fclose(out);
		ck_assert_str_eq(text, cases[i].wanted);
	}
}
END_TEST

START_TEST(only_characters_that_control_nothing_are_shown)
{
	static const char *const shown[] = { "a", "\t", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80" };
	static const char *const hidden[] = { "\x01", "\x1b", "\x7f", "\xc2\x85", "\xc0\x80", "\xe2\x80\xae",
		"\xef\xbf\xbf", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\x80", "\xe2\x82" };

	for (size_t i = 0; i < VL_ARRAY_COUNT(shown); i++)
		ck_assert_uint_eq(utf8_size(shown[i], strlen(shown[i])), strlen(shown[i]));
	for (size_t i = 0; i < VL_ARRAY_COUNT(hidden); i++)
		ck_assert_msg(utf8_size(hidden[i], strlen(hidden[i])) == 0, "case %zu", i);
	ck_assert_uint_eq(utf8_size("", 1), 0);
}
END_TEST

START_TEST(durations_have_three_digits_that_count)
{
	static const struct { uint64_t ns; const char *wanted; } cases[] = {
		{ 0, "0 ns" }, { 999, "999 ns" }, { 1000, "1.00 us" }, { 1234567, "1.23 ms" },
		{ 12345678, "12.3 ms" },
		{ 123456789, "123 ms" }, { 999400000, "999 ms" }, { 999600000, "1.00 s" },
		{ 83000000000, "83.0 s" },
		{ UINT64_MAX, "18446744074 s" },
	};
	char out[24];

	for (size_t i = 0; i < VL_ARRAY_COUNT(cases); i++) {
		svg_duration(out, sizeof(out), cases[i].ns);
		ck_assert_str_eq(out, cases[i].wanted);
	}
}
END_TEST

START_TEST(a_chart_of_any_times_ends)
{
	static const uint64_t ends[] = { 0, 1, 999, 1000000007, UINT64_MAX };
	static struct chart chart = { .phases = { { "<a>", 0 } }, .count = 2 };

	for (size_t i = 0; i < VL_ARRAY_COUNT(ends); i++) {
		FILE *out = page();

		strcpy(chart.phases[1].name, "end");
		chart.phases[1].start_ns = ends[i];
		chart_svg(&chart, "t", out);
		fclose(out);
		ck_assert_ptr_nonnull(strstr(text, "&lt;a&gt;"));
		ck_assert_uint_le(count_of("<line"), 12);
	}
}
END_TEST

START_TEST(log_records_are_taken_apart_and_others_refused)
{
	static const char *const bad[] = { "", "6", "6,1,5", "6,1,;x", ",1,1,-;x", "x,1,1,-;x", "6,1,1,-",
		"6,1,1 ;x", "6,1,99999999999999999999,-;x" };
	static const char good[] = "11,3,2500000,-,caller=T1;vallum-vm: disk: failed\n KEY=x";
	static const char shim[] = "14,4,3000000,-;vallum: shim: VTL2 has 64 MiB";
	struct kmsg_record r;

	ck_assert_int_eq(kmsg_parse(good, strlen(good), &r), 0);
	ck_assert_uint_eq(r.level, 3);
	ck_assert_uint_eq(r.us, 2500000);
	ck_assert_uint_eq(r.text_size, strlen("vallum-vm: disk: failed"));
	ck_assert_uint_eq(r.process_size, strlen("vallum-vm"));
	ck_assert_int_eq(kmsg_parse(shim, strlen(shim), &r), 0);
	ck_assert_int_eq(strncmp(r.process, "shim", r.process_size), 0);
	ck_assert_uint_eq(r.process_size, strlen("shim"));
	for (size_t i = 0; i < VL_ARRAY_COUNT(bad); i++)
		ck_assert_msg(kmsg_parse(bad[i], strlen(bad[i]), &r) == VL_E_FORMAT, "'%s'", bad[i]);
}
END_TEST

Suite *suite_vallumctl_drawing(void)
{
	Suite *s = suite_create("vallumctl_drawing");
	TCase *c = tcase_create("drawing");

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, lines_with_the_same_begin_share_their_frames);
	tcase_add_test(c, names_have_blanks_but_counts_do_not);
	tcase_add_test(c, a_graph_has_bounds_and_stays_usable_behind_them);
	tcase_add_test(c, a_name_longer_than_the_room_is_cut_the_same_way_each_time);
	tcase_add_test(c, nothing_of_a_hostile_name_becomes_markup);
	tcase_add_test(c, widths_are_in_proportion_and_narrow_frames_are_left_out);
	tcase_add_test(c, the_same_stacks_make_the_same_graph_in_any_order);
	tcase_add_test(c, text_is_cut_at_characters);
	tcase_add_test(c, only_characters_that_control_nothing_are_shown);
	tcase_add_test(c, durations_have_three_digits_that_count);
	tcase_add_test(c, a_chart_of_any_times_ends);
	tcase_add_test(c, log_records_are_taken_apart_and_others_refused);
	suite_add_tcase(s, c);
	return s;
}
