/* vallumctl's commands against a diagnostics server with a script (fake_server.h). */
#include "test/unit/vallumctl/fake_server.h"
#include "common/diag/diag.h"
#include "common/protobuf/protobuf.h"
#include "common/ttrpc/ttrpc.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

Suite *suite_vallumctl(void);

static struct fake_run run;

#define RUN(steps, arguments, wanted) do { \
	fake_run(&run, steps, arguments); \
	ck_assert_msg(run.status == (wanted), "'%s' gave %d: %s", arguments, run.status, run.err); \
} while (0)
#define SAYS(where, text) ck_assert_msg(strstr(where, text), "'%s' is not in: %s", text, where)

/* --- A tree ----------------------------------------------------------------------------------- */

static uint8_t tree[8192], wrapped[8300];

/* InspectResponse {1: Node}. */
static struct fake_step tree_step(int64_t size)
{
	struct vl_writer w;

	ck_assert_int_gt(size, 0);
	vl_writer_init(&w, wrapped, sizeof(wrapped));
	pb_put_bytes(&w, DIAG_RESPONSE_FIELD, tree, (size_t)size);
	return (struct fake_step){ .method = "Inspect", .answer = wrapped, .answer_size = w.pos };
}

static int64_t make_tree(void)
{
	const struct inspect_request all = { .path = "", .depth = INSPECT_ALL, .level = INSPECT_SENSITIVE };
	struct inspect i;

	inspect_begin(&i, &all, tree, sizeof(tree));
	inspect_text(&i, "name", INSPECT_SAFE, "a \"quoted\" \033[31mred\033[0m text");
	ck_assert(inspect_open(&i, "vp0", INSPECT_SAFE));
	inspect_u64(&i, "exits", INSPECT_SAFE, INSPECT_COUNT, 1234);
	inspect_u64(&i, "rip", INSPECT_SENSITIVE, INSPECT_HEX, 0xffff8000);
	inspect_i64(&i, "offset", INSPECT_SAFE, -5);
	inspect_bool(&i, "running", INSPECT_SAFE, true);
	inspect_bytes(&i, "id", INSPECT_SAFE, "\x01\xfe", 2);
	inspect_close(&i);
	ck_assert(inspect_open(&i, "empty", INSPECT_SAFE));
	inspect_close(&i);
	inspect_fail(&i, "disk", INSPECT_SAFE, INSPECT_UNRESOLVED, NULL);
	return inspect_end(&i);
}

static int64_t make_hostile(void)
{
	const struct inspect_request all = { .path = "", .depth = INSPECT_ALL, .level = INSPECT_SENSITIVE };
	struct inspect i;

	inspect_begin(&i, &all, tree, sizeof(tree));
	inspect_text(&i, "a\"\\\x01\n\x7f", INSPECT_SAFE, "\b\f\r\n\t\x1f\x7f\"\\/<\xe2\x80\xa8\xc2\x85");
	inspect_u64(&i, "most", INSPECT_SAFE, INSPECT_PLAIN, UINT64_MAX);
	inspect_i64(&i, "least", INSPECT_SAFE, INT64_MIN);
	inspect_bytes(&i, "bytes", INSPECT_SAFE, "\x00\xff\x22", 3);
	inspect_bytes(&i, "none", INSPECT_SAFE, "", 0);
	return inspect_end(&i);
}

START_TEST(inspect_shows_the_tree_indented_and_lets_no_control_character_through)
{
	const struct fake_step steps[] = { tree_step(make_tree()), { 0 } };

	RUN(steps, "inspect", CTL_UNREACHABLE); /* the disk's process did not answer */
	ck_assert_str_eq(run.out,
		"name: a \"quoted\" ?[31mred?[0m text\n"
		"vp0/\n"
		"  exits: 1234\n"
		"  rip: 0xffff8000\n"
		"  offset: -5\n"
		"  running: true\n"
		"  id: 01fe\n"
		"empty/\n"
		"disk: (no answer in time)\n");
	ck_assert_str_eq(run.asked, "inspect.InspectService.Inspect 1040\n");
}
END_TEST

START_TEST(inspect_asks_for_the_path_and_the_depth)
{
	const struct fake_step steps[] = { tree_step(make_tree()), { 0 } };

	RUN(steps, "inspect vm/vp0 --depth 3", CTL_UNREACHABLE);
	ck_assert_str_eq(run.asked, "inspect.InspectService.Inspect 0a06766d2f7670301003\n");
}
END_TEST

START_TEST(inspect_writes_json_that_has_the_same_values)
{
	const struct fake_step steps[] = { tree_step(make_tree()), { 0 } };

	RUN(steps, "inspect --json", CTL_UNREACHABLE);
	ck_assert_str_eq(run.out,
		"{\n"
		"  \"name\": \"a \\\"quoted\\\" \\u001b[31mred\\u001b[0m text\",\n"
		"  \"vp0\": {\n"
		"    \"exits\": 1234,\n"
		"    \"rip\": 4294934528,\n"
		"    \"offset\": -5,\n"
		"    \"running\": true,\n"
		"    \"id\": \"01fe\"\n"
		"  },\n"
		"  \"empty\": {},\n"
		"  \"disk\": { \"$error\": \"no answer in time\" }\n"
		"}\n");
}
END_TEST

START_TEST(watch_asks_again_on_the_same_connection_until_the_vm_is_gone)
{
	const struct fake_step steps[] = { tree_step(make_tree()), tree_step(make_tree()),
		{ .method = "Inspect", .raw = "", .raw_size = 0, .silent = true }, { 0 } };

	/* The third call is never answered: the client's own time-out ends it. */
	RUN(steps, "inspect --watch=0.1 --timeout 1", CTL_UNREACHABLE);
	SAYS(run.err, "no answer within 1 s");
	ck_assert_ptr_nonnull(strstr(strstr(run.out, "vp0/") + 1, "vp0/"));
}
END_TEST

START_TEST(a_path_that_does_not_exist_is_refused)
{
	const struct fake_step steps[] = {
		tree_step(inspect_failed_node(tree, sizeof(tree), INSPECT_NOT_FOUND, NULL)), { 0 } };

	RUN(steps, "inspect nowhere", CTL_REFUSED);
	SAYS(run.err, "there is no 'nowhere'");
}
END_TEST

/* --- Boot --------------------------------------------------------------------------------------- */

static int64_t make_marks(void)
{
	static const struct { const char *name; uint64_t at; } marks[] = {
		{ "vtl0-start", 31000000 }, { "shim-start", 12000000 }, { "kernel-start", 13000000 } };
	const struct inspect_request all = { .path = "", .depth = INSPECT_ALL, .level = INSPECT_SENSITIVE };
	struct inspect i;

	inspect_begin(&i, &all, tree, sizeof(tree));
	for (size_t k = 0; k < VL_ARRAY_COUNT(marks); k++)
		inspect_u64(&i, marks[k].name, INSPECT_SAFE, INSPECT_PLAIN, marks[k].at);
	return inspect_end(&i);
}

START_TEST(boot_shows_the_phases_in_order_with_what_each_took)
{
	const struct fake_step steps[] = { tree_step(make_marks()), { 0 } };

	RUN(steps, "boot", CTL_OK);
	SAYS(run.out, "shim-start        1.20 s      100 ms");
	SAYS(run.out, "kernel-start      1.30 s      1.80 s");
	SAYS(run.out, "vtl0-start        3.10 s            ");
	ck_assert(strstr(run.out, "shim-start") < strstr(run.out, "kernel-start"));
	ck_assert(strstr(run.out, "kernel-start") < strstr(run.out, "vtl0-start"));
}
END_TEST

START_TEST(boot_draws_the_phases_as_svg)
{
	const struct fake_step steps[] = { tree_step(make_marks()), { 0 } };

	RUN(steps, "boot --svg -", CTL_OK);
	ck_assert_ptr_eq(strstr(run.out, "<?xml"), run.out);
	SAYS(run.out, ">shim-start</text>");
	SAYS(run.out, "</svg>\n");
}
END_TEST

START_TEST(a_tree_that_has_no_marks_is_refused)
{
	const struct fake_step steps[] = { tree_step(make_hostile()), { 0 } };

	RUN(steps, "boot", CTL_PROTOCOL);
	SAYS(run.err, "marks of the boot");
}
END_TEST

/* --- Log ------------------------------------------------------------------------------------------- */

static const char records[] =
	"6,1,1500000,-;Linux version 7.2\0"
	"12,2,2000000,-;init: mounts\n SUBSYSTEM=x\0"
	"11,3,2500000,-;vallum-vm: disk \x1b[2J failed\0"
	"14,4,3000000,-;no process here\0";

START_TEST(log_shows_every_record_with_its_time)
{
	const struct fake_step steps[] = { { .method = "Kmsg", .data = records,
		.data_size = sizeof(records) - 1 }, { 0 } };

	RUN(steps, "log", CTL_OK);
	ck_assert_str_eq(run.out,
		"[    1.500000] Linux version 7.2\n"
		"[    2.000000] init: mounts\n"
		"[    2.500000] vallum-vm: disk ?[2J failed\n"
		"[    3.000000] no process here\n");
	ck_assert_str_eq(run.asked, "diag.UnderhillDiag.Kmsg 1088ef99abc5e88c9111\n");
}
END_TEST

START_TEST(log_takes_only_the_process_and_the_time_that_were_asked_for)
{
	const struct fake_step steps[] = { { .method = "Kmsg", .data = records,
		.data_size = sizeof(records) - 1 }, { 0 } };

	RUN(steps, "log --process vallum-vm", CTL_OK);
	ck_assert_str_eq(run.out, "[    2.500000] vallum-vm: disk ?[2J failed\n");
	RUN(steps, "log --process kernel", CTL_OK);
	ck_assert_str_eq(run.out, "[    1.500000] Linux version 7.2\n");
	RUN(steps, "log --since 2.5", CTL_OK);
	ck_assert_str_eq(run.out,
			"[    2.500000] vallum-vm: disk ?[2J failed\n[    3.000000] no process here\n");
}
END_TEST

START_TEST(log_goes_on_after_an_early_answer_until_the_data_ends)
{
	const struct fake_step steps[] = { { .method = "Kmsg", .data = records,
		.data_size = sizeof(records) - 1, .answer_first = true }, { 0 } };

	RUN(steps, "log --follow", CTL_OK);
	SAYS(run.out, "no process here");
	ck_assert_str_eq(run.asked, "diag.UnderhillDiag.Kmsg 08011088ef99abc5e88c9111\n");
}
END_TEST

START_TEST(a_log_that_is_none_is_refused)
{
	static char endless[10000];
	struct fake_step steps[] = { { .method = "Kmsg", .data = "nonsense", .data_size = 9 }, { 0 } };

	RUN(steps, "log", CTL_PROTOCOL);
	memset(endless, 'x', sizeof(endless));
	steps[0].data = endless, steps[0].data_size = sizeof(endless);
	RUN(steps, "log", CTL_PROTOCOL);
	SAYS(run.err, "longer than");
}
END_TEST

/* --- Profile ------------------------------------------------------------------------------------- */

static const char folded[] = "vallum-vm;main;run 30\nvallum-vm;main;stop 10\n[kernel];idle_[k] 2\n";

START_TEST(profile_lists_the_functions_with_most_samples)
{
	const struct fake_step steps[] = { { .method = "Profile", .data = folded,
		.data_size = sizeof(folded) - 1 }, { 0 } };

	RUN(steps, "profile --seconds 1 --hertz 250", CTL_OK);
	ck_assert_str_eq(run.out, "  71.4 %  run\n  23.8 %  stop\n   4.8 %  idle_[k]\n");
	/* Connection, duration, and "hertz=250". */
	ck_assert_str_eq(run.asked,
		"profile.AzureProfiler.Profile 0888ef99abc5e88c911110011a0968657274" "7a3d323530\n");
}
END_TEST

START_TEST(profile_draws_a_graph_and_keeps_the_stacks)
{
	const struct fake_step steps[] = { { .method = "Profile", .data = folded,
		.data_size = sizeof(folded) - 1 }, { 0 } };

	RUN(steps, "profile --seconds 1 --svg -", CTL_OK);
	SAYS(run.out, "run (30 samples, 71.43 %)");
	SAYS(run.out, "</script>\n</svg>\n");
	RUN(steps, "profile --seconds 1 --folded -", CTL_OK);
	ck_assert_str_eq(run.out, folded);
}
END_TEST

START_TEST(a_profile_that_fails_leaves_no_file)
{
	char name[] = "/tmp/vallumctl-test-XXXXXX", arguments[200], part[64];
	const struct fake_step steps[] = { { .method = "Profile", .data = folded, .data_size = 30,
		.code = TTRPC_UNKNOWN, .text = "only 3 KiB of VTL2's memory are free" }, { 0 } };

	ck_assert_ptr_nonnull(mkdtemp(name));
	snprintf(arguments, sizeof(arguments), "profile --seconds 1 --svg %s/a.svg --folded %s/b",
			name, name);
	RUN(steps, arguments, CTL_REFUSED);
	SAYS(run.err, "the paravisor refuses: only 3 KiB of VTL2's memory are free");
	snprintf(part, sizeof(part), "%s", name);
	/* Removes an empty folder only. */
	ck_assert_int_eq(rmdir(part), 0);
}
END_TEST

START_TEST(a_file_that_is_there_stays_as_it_is_until_the_new_one_is_complete)
{
	char name[] = "/tmp/vallumctl-test-XXXXXX", arguments[300], file[64], link[64], text[128] = "",
			command[256];
	const struct fake_step good[] = { { .method = "Profile", .data = folded,
		.data_size = sizeof(folded) - 1 }, { 0 } };
	const struct fake_step bad[] = { { .method = "Profile", .data = folded, .data_size = 30,
		.code = TTRPC_UNKNOWN, .text = "no" }, { 0 } };
	struct stat s;
	FILE *f;

	ck_assert_ptr_nonnull(mkdtemp(name));
	snprintf(file, sizeof(file), "%s/file", name);
	snprintf(link, sizeof(link), "%s/link", name);
	f = fopen(file, "w");
	fputs("old", f);
	fclose(f);
	ck_assert_int_eq(chmod(file, 0604), 0);
	ck_assert_int_eq(symlink("file", link), 0);
	snprintf(arguments, sizeof(arguments), "profile --seconds 1 --folded %s", link);
	RUN(bad, arguments, CTL_REFUSED);
	f = fopen(file, "r");
	ck_assert_uint_eq(fread(text, 1, sizeof(text), f), 3);
	fclose(f);
	RUN(good, arguments, CTL_OK);
	f = fopen(file, "r");
	ck_assert_uint_eq(fread(text, 1, sizeof(text), f), sizeof(folded) - 1);
	fclose(f);
	ck_assert_mem_eq(text, folded, sizeof(folded) - 1);
	ck_assert_int_eq(lstat(link, &s), 0);
	ck_assert(S_ISLNK(s.st_mode));
	ck_assert_int_eq(stat(file, &s), 0);
	ck_assert_uint_eq(s.st_mode & 0777, 0604);
	snprintf(command, sizeof(command), "rm %s %s && rmdir %s", file, link, name);
	ck_assert_int_eq(system(command), 0); /* nothing else is there */
}
END_TEST

START_TEST(a_device_is_written_to_and_not_replaced)
{
	char name[] = "/tmp/vallumctl-test-XXXXXX", arguments[200], device[64];
	const struct fake_step steps[] = { { .method = "Profile", .data = folded,
		.data_size = sizeof(folded) - 1 }, { 0 } };
	struct stat s;

	ck_assert_ptr_nonnull(mkdtemp(name));
	snprintf(device, sizeof(device), "%s/device", name);
	ck_assert_int_eq(symlink("/dev/null", device), 0);
	snprintf(arguments, sizeof(arguments), "profile --seconds 1 --svg %s", device);
	RUN(steps, arguments, CTL_OK);
	ck_assert_int_eq(stat(device, &s), 0);
	ck_assert(S_ISCHR(s.st_mode));
	ck_assert_int_eq(unlink(device), 0);
	ck_assert_int_eq(rmdir(name), 0);
	RUN(steps, "profile --seconds 1 --svg /dev/full", CTL_USAGE);
	SAYS(run.err, "/dev/full cannot be written: No space left");
}
END_TEST

START_TEST(a_file_that_cannot_be_made_is_told_before_the_time_is_spent)
{
	const struct fake_step none[] = { { 0 } };

	RUN(none, "profile --svg /no/such/folder/x.svg", CTL_USAGE);
	SAYS(run.err, "/no/such/folder/x.svg cannot be written: No such file or directory");
	ck_assert_str_eq(run.asked, "");
	RUN(none, "profile --folded /tmp", CTL_USAGE);
	SAYS(run.err, "/tmp cannot be written: Is a directory");
	ck_assert_str_eq(run.asked, "");
}
END_TEST

START_TEST(no_name_of_a_function_controls_the_terminal)
{
	static const char names[] = "vallum\033[2J;f\033]0;x\007\xe2\x80\xaeg 3\n";
	const struct fake_step steps[] = { { .method = "Profile", .data = names,
		.data_size = sizeof(names) - 1 }, { 0 } };

	RUN(steps, "profile --seconds 1", CTL_OK);
	ck_assert_ptr_null(strpbrk(run.out, "\033\007\xe2"));
	RUN(steps, "profile --seconds 1 --folded -", CTL_OK);
	ck_assert_ptr_null(strpbrk(run.out, "\033\007\xe2"));
}
END_TEST

START_TEST(an_idle_vtl2_has_no_samples_and_that_is_said)
{
	const struct fake_step steps[] = { { .method = "Profile", .data = "", .data_size = 0 }, { 0 } };

	RUN(steps, "profile --seconds 1 --svg -", CTL_OK);
	SAYS(run.err, "no samples");
	SAYS(run.out, "No samples.");
}
END_TEST

START_TEST(a_profile_that_is_none_is_refused)
{
	static const char *const bad[] = { "x\n", "a;b\n", "a;;b 1\n", ";a 1\n", "a 0\n",
		"a 4294967296\n", "a -1\n", "a 1", " 1\n", "a 1 \n" };

	for (size_t i = 0; i < VL_ARRAY_COUNT(bad); i++) {
		const struct fake_step steps[] = { { .method = "Profile", .data = bad[i],
			.data_size = strlen(bad[i]) }, { 0 } };

		RUN(steps, "profile --seconds 1", CTL_PROTOCOL);
	}
}
END_TEST

/* --- Calls without results, and broken servers ------------------------------------------------------ */

START_TEST(pause_resume_and_restart_are_calls_of_that_name)
{
	static const struct { const char *command, *method, *asked, *done; } calls[] = {
		{ "pause", "Pause", "diag.UnderhillDiag.Pause \n", "paused\n" },
		{ "resume", "Resume", "diag.UnderhillDiag.Resume \n", "running\n" },
		{ "restart", "Restart", "diag.UnderhillDiag.Restart \n", "restarted\n" },
	};

	for (size_t i = 0; i < VL_ARRAY_COUNT(calls); i++) {
		const struct fake_step steps[] = { { .method = calls[i].method }, { 0 } };

		RUN(steps, calls[i].command, CTL_OK);
		ck_assert_str_eq(run.asked, calls[i].asked);
		ck_assert_str_eq(run.out, calls[i].done);
	}
}
END_TEST

START_TEST(a_call_that_fails_says_the_servers_reason_and_nothing_else_of_it)
{
	const struct fake_step steps[] = { { .method = "Pause", .code = TTRPC_PERMISSION_DENIED,
		.text = "the VM is\nisolated \033[1m" }, { 0 } };
	const struct fake_step unknown[] = { { .method = "Pause", .code = TTRPC_UNIMPLEMENTED,
		.text = "Pause" },
		{ 0 } };

	RUN(steps, "pause", CTL_REFUSED);
	ck_assert_str_eq(run.out, "");
	ck_assert_str_eq(run.err, "vallumctl: the paravisor refuses: the VM is?isolated ?[1m\n");
	RUN(unknown, "pause", CTL_REFUSED);
	SAYS(run.err, "does not offer that");
}
END_TEST

START_TEST(answers_that_are_none_are_refused)
{
	static const struct { const char *bytes; size_t size; int status; } bad[] = {
		{ "", 0, CTL_UNREACHABLE },
		{ "\0\0\0", 3, CTL_UNREACHABLE },
		{ "\0\0\0\0" "\0\0\0\1" "\1\0", 10, CTL_PROTOCOL },          /* a request */
		{ "\0\0\0\0" "\0\0\0\3" "\2\0", 10, CTL_PROTOCOL },          /* another call's */
		{ "\377\377\377\377" "\0\0\0\1" "\2\0", 10, CTL_PROTOCOL },  /* 4 GiB */
		{ "\0\0\0\5" "\0\0\0\1" "\2\0" "ab", 12, CTL_UNREACHABLE },  /* ends early */
		{ "\0\0\0\2" "\0\0\0\1" "\2\0" "\377\377", 12, CTL_PROTOCOL },
		{ "\0\0\0\2" "\0\0\0\1" "\2\0" "\022\0", 12, CTL_PROTOCOL }, /* an empty node */
	};

	for (size_t i = 0; i < VL_ARRAY_COUNT(bad); i++) {
		/* The second step never comes: the server ends after the first. */
		const struct fake_step steps[] = { { .method = "Inspect", .raw = bad[i].bytes,
			.raw_size = bad[i].size }, { 0 } };

		RUN(steps, "inspect --timeout 1", bad[i].status);
	}
}
END_TEST

START_TEST(a_silent_server_is_given_up_after_the_time_out)
{
	const struct fake_step steps[] = { { .method = "Inspect", .silent = true }, { 0 } };
	const struct fake_step log[] = { { .method = "Kmsg", .silent = true }, { 0 } };

	RUN(steps, "version --timeout 1", CTL_UNREACHABLE);
	SAYS(run.err, "no answer within 1 s");
	RUN(log, "log --timeout 1", CTL_UNREACHABLE);
	SAYS(run.err, "nothing came for 1 s");
}
END_TEST

START_TEST(a_command_of_vtl2_has_its_output_and_its_exit_code_passed_on)
{
	static const uint8_t pid[] = { 0x08, 0x2a }, code[] = { 0x08, 0x07 };
	const struct fake_step steps[] = { { .method = "Exec", .answer = pid, .answer_size = sizeof(pid) },
		{ .method = "Wait", .answer = code, .answer_size = sizeof(code), .data = "out\n",
			.data_size = 4 }, { 0 } };
	const struct fake_step none[] = { { .method = "Exec", .code = 12, .text = "there is no Exec here" },
		{ 0 } };
	const struct fake_step broken[] = { { .method = "Exec", .answer = "\x08", .answer_size = 1 }, { 0 } };

	RUN(steps, "exec -- ls -l", 7);
	ck_assert_str_eq(run.out, "out\n");
	SAYS(run.asked, "Exec 0a026c7312022d6c20"); /* ls, -l */
	SAYS(run.asked, "Wait 082a");
	for (unsigned i = 0; i < 2; i++) { /* 256, -1: to exit() they were 0 and 255 */
		static const uint8_t odd[][12] = { { 0x08, 0x80, 0x02 },
			{ 0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01 } };
		const struct fake_step lies[] = {
			{ .method = "Exec", .answer = pid, .answer_size = sizeof(pid) },
			{ .method = "Wait", .answer = odd[i], .answer_size = i ? 11 : 3, .data = "",
				.data_size = 0 },
			{ 0 } };

		RUN(lies, "exec ls", 255);
	}
	RUN(none, "exec ls", CTL_REFUSED);
	SAYS(run.err, "does not offer that");
	RUN(broken, "exec ls", CTL_PROTOCOL);
}
END_TEST

START_TEST(wrong_usage_is_told_apart_from_failures)
{
	static const struct { const char *arguments, *says; } wrong[] = {
		{ "", "which command?" }, { "frobnicate", "unknown command 'frobnicate'" },
		{ "boot --depth 1", "--depth is no option of `boot`" }, { "pause now", "takes no argument" },
		{ "inspect a b", "one argument too many" }, { "inspect --depth 65", "from 0 to 64" },
		{ "inspect --depth x", "whole number" }, { "profile --seconds 0", "from 1 to 600" },
		{ "log --since -1", "number of seconds" }, { "log --since nan", "number of seconds" },
		{ "inspect --watch=0", "0.1 or more" }, { "inspect --color red", "auto, always or never" },
		{ "inspect --frob", "unknown option" },
		{ "inspect --vsock", "--vsock: its value is missing" },
		{ "inspect -x", "-x: unknown option" }, { "inspect -xh", "-x: unknown option" },
		{ "inspect --s", "--s: unknown option, or the begin of several" },
		{ "boot --json=3", "--json takes no value" },
		{ "boot --json --svg x", "--svg or --json" }, { "profile --svg - --folded -", "two files" },
		{ "profile --seconds 601", "from 1 to 600" }, { "profile --seconds nan", "whole number" },
		{ "profile --seconds 99999999999999999999", "from 1 to 600" },
		{ "profile --hertz 0", "from 1 to 1000" },
		{ "log --json", "--json is no option of `log`" },
		{ "inspect --timeout 0", "from 1 to 86400" },
		{ "exec", "which program" },
	};
	const struct fake_step none[] = { { 0 } };

	for (size_t i = 0; i < VL_ARRAY_COUNT(wrong); i++) {
		RUN(none, wrong[i].arguments, CTL_USAGE);
		SAYS(run.err, wrong[i].says);
		ck_assert_str_eq(run.asked, "");
	}
}
END_TEST

START_TEST(colour_is_used_only_when_asked_for_or_on_a_terminal)
{
	const struct fake_step steps[] = { tree_step(make_tree()), { 0 } };

	unsetenv("NO_COLOR");
	setenv("TERM", "xterm", 1);
	RUN(steps, "inspect --color auto", CTL_UNREACHABLE);
	ck_assert_ptr_null(strchr(run.out, '\033'));
	RUN(steps, "inspect --color always", CTL_UNREACHABLE);
	SAYS(run.out, "\033[1mvp0\033[0m/\n");
	run.rows = run.columns = 80;
	RUN(steps, "inspect --color auto", CTL_UNREACHABLE);
	SAYS(run.out, "\033[1mvp0\033[0m/\r\n");
	setenv("NO_COLOR", "1", 1);
	RUN(steps, "inspect --color auto", CTL_UNREACHABLE);
	ck_assert_ptr_null(strstr(run.out, "\033[1m"));
	unsetenv("NO_COLOR");
	setenv("TERM", "dumb", 1);
	RUN(steps, "inspect --color auto", CTL_UNREACHABLE);
	ck_assert_ptr_null(strstr(run.out, "\033[1m"));
}
END_TEST

START_TEST(progress_is_shown_on_a_terminal_and_wiped_before_the_result)
{
	const struct fake_step steps[] = { { .method = "Restart" }, { 0 } };

	RUN(steps, "restart", CTL_OK);
	ck_assert_str_eq(run.err, "");
	run.rows = run.columns = 80;
	RUN(steps, "restart", CTL_OK);
	ck_assert_str_eq(run.out, "\r\033[KRestart ...\r\033[Krestarted\r\n");
}
END_TEST

START_TEST(what_is_watched_on_a_terminal_stays_in_its_place_and_within_its_rows_whatever_the_colours)
{
	const struct fake_step steps[] = { tree_step(make_tree()), tree_step(make_tree()),
		{ .method = "Inspect", .silent = true }, { 0 } };

	run.rows = 5, run.columns = 20;
	RUN(steps, "inspect --watch=0.1 --timeout 1", CTL_UNREACHABLE);
	/* 5 rows: three lines, what is left out, and the row of the cursor. */
	SAYS(run.out, "\033[H\033[?7lname: a \"quoted\" ?[31mred?[0m text\033[K\r\nvp0/\033[K\r\n"
		"  exits: 1234\033[K\r\n(6 more lines: give a PATH or a "
		"--depth)\033[K\033[?7h\033[J\033[H\033[?7lname");
	run.rows = 10;
	RUN(steps, "inspect --watch=0.1 --timeout 1", CTL_UNREACHABLE);
	SAYS(run.out, "disk: (no answer in time)\033[K\r\n\033[?7h\033[J");
	run.rows = 0;
	RUN(steps, "inspect --watch=0.1 --timeout 1 --color always", CTL_UNREACHABLE);
	ck_assert_ptr_null(strstr(run.out, "\033[H"));
	SAYS(run.err, "no answer within 1 s"); /* and nothing of the disk, which may come back */
	ck_assert_ptr_null(strstr(run.err, "disk"));
}
END_TEST

START_TEST(what_does_not_answer_or_fails_is_shown_and_is_the_exit_status)
{
	struct fake_step late[2] = { tree_step(inspect_failed_node(tree, sizeof(tree),
			INSPECT_UNRESOLVED, NULL)) };

	fake_run(&run, late, "inspect device-com2 --json");
	ck_assert_str_eq(run.out, "{ \"$error\": \"no answer in time\" }\n");
	ck_assert_str_eq(run.err, "vallumctl: device-com2: no answer in time\n");
	ck_assert_int_eq(run.status, CTL_UNREACHABLE);
	RUN(late, "inspect", CTL_UNREACHABLE);
	ck_assert_str_eq(run.out, "(no answer in time)\n");
	ck_assert_str_eq(run.err, "vallumctl: the tree: no answer in time\n");
	RUN(late, "crashes", CTL_UNREACHABLE);
	RUN(late, "boot", CTL_UNREACHABLE);
	RUN(late, "boot --json", CTL_UNREACHABLE);
	late[0] = tree_step(inspect_failed_node(tree, sizeof(tree), INSPECT_CHANNEL, "it\033[1m broke"));
	RUN(late, "inspect vm/memory", CTL_REFUSED);
	ck_assert_str_eq(run.out, "(its process cannot be asked: it?[1m broke)\n");
	ck_assert_str_eq(run.err, "vallumctl: vm/memory: its process cannot be asked\n");
}
END_TEST

static int64_t make_failures(void)
{
	const struct inspect_request all = { .path = "", .depth = INSPECT_ALL, .level = INSPECT_SENSITIVE };
	struct inspect i;

	inspect_begin(&i, &all, tree, sizeof(tree));
	ck_assert(inspect_open(&i, "fine", INSPECT_SAFE));
	inspect_u64(&i, "n", INSPECT_SAFE, INSPECT_PLAIN, 1);
	inspect_close(&i);
	ck_assert(inspect_open(&i, "vm", INSPECT_SAFE));
	ck_assert(inspect_open(&i, "disks", INSPECT_SAFE));
	inspect_fail(&i, "disk0", INSPECT_SAFE, INSPECT_CHANNEL, NULL);
	inspect_close(&i);
	inspect_close(&i);
	inspect_fail(&i, "later", INSPECT_SAFE, INSPECT_UNRESOLVED, NULL);
	return inspect_end(&i);
}

START_TEST(of_several_that_failed_the_first_is_named_with_its_place)
{
	const struct fake_step steps[] = { tree_step(make_failures()), { 0 } };

	RUN(steps, "inspect", CTL_UNREACHABLE);
	ck_assert_str_eq(run.err,
		"vallumctl: vm/disks/disk0: its process cannot be asked; 2 parts are missing in all\n");
	RUN(steps, "inspect a/b", CTL_UNREACHABLE);
	SAYS(run.err, "vallumctl: a/b/vm/disks/disk0: ");
}
END_TEST

START_TEST(json_is_json_whatever_the_names_and_values_are)
{
	const struct fake_step steps[] = { tree_step(make_hostile()), { 0 } };
	char command[] =
		"python3 -c 'import json, sys; t = json.loads(sys.stdin.buffer.read(), strict=True); "
		"assert t[\"most\"] == 2**64 - 1 and t[\"least\"] == -2**63, t; "
		"assert t[\"bytes\"] == \"00ff22\" and t[\"none\"] == \"\", t; "
		"assert t[\"a\\\"\\\\\\x01\\n\\x7f\"] == "
		"\"\\b\\f\\r\\n\\t\\x1f\\x7f\\\"\\\\/<\\u2028\\x85\", t'";
	FILE *python;

	RUN(steps, "inspect --json", CTL_OK);
	for (const char *p = run.out; *p; p++)
		ck_assert(*p == '\n' || ((unsigned char)*p >= ' ' && *p != 0x7f));
	python = popen(command, "w");
	fputs(run.out, python);
	ck_assert_int_eq(pclose(python), 0);
}
END_TEST

Suite *suite_vallumctl(void)
{
	Suite *s = suite_create("vallumctl");
	TCase *c = tcase_create("commands");

	tcase_set_timeout(c, 60);
	tcase_add_test(c, inspect_shows_the_tree_indented_and_lets_no_control_character_through);
	tcase_add_test(c, inspect_asks_for_the_path_and_the_depth);
	tcase_add_test(c, inspect_writes_json_that_has_the_same_values);
	tcase_add_test(c, watch_asks_again_on_the_same_connection_until_the_vm_is_gone);
	tcase_add_test(c, a_path_that_does_not_exist_is_refused);
	tcase_add_test(c, boot_shows_the_phases_in_order_with_what_each_took);
	tcase_add_test(c, boot_draws_the_phases_as_svg);
	tcase_add_test(c, a_tree_that_has_no_marks_is_refused);
	tcase_add_test(c, log_shows_every_record_with_its_time);
	tcase_add_test(c, log_takes_only_the_process_and_the_time_that_were_asked_for);
	tcase_add_test(c, log_goes_on_after_an_early_answer_until_the_data_ends);
	tcase_add_test(c, a_log_that_is_none_is_refused);
	tcase_add_test(c, profile_lists_the_functions_with_most_samples);
	tcase_add_test(c, profile_draws_a_graph_and_keeps_the_stacks);
	tcase_add_test(c, a_profile_that_fails_leaves_no_file);
	tcase_add_test(c, an_idle_vtl2_has_no_samples_and_that_is_said);
	tcase_add_test(c, a_profile_that_is_none_is_refused);
	tcase_add_test(c, pause_resume_and_restart_are_calls_of_that_name);
	tcase_add_test(c, a_call_that_fails_says_the_servers_reason_and_nothing_else_of_it);
	tcase_add_test(c, answers_that_are_none_are_refused);
	tcase_add_test(c, a_silent_server_is_given_up_after_the_time_out);
	tcase_add_test(c, a_command_of_vtl2_has_its_output_and_its_exit_code_passed_on);
	tcase_add_test(c, wrong_usage_is_told_apart_from_failures);
	tcase_add_test(c, progress_is_shown_on_a_terminal_and_wiped_before_the_result);
	tcase_add_test(c,
			what_is_watched_on_a_terminal_stays_in_its_place_and_within_its_rows_whatever_the_colours);
	tcase_add_test(c, what_does_not_answer_or_fails_is_shown_and_is_the_exit_status);
	tcase_add_test(c, of_several_that_failed_the_first_is_named_with_its_place);
	tcase_add_test(c, json_is_json_whatever_the_names_and_values_are);
	tcase_add_test(c, a_file_that_is_there_stays_as_it_is_until_the_new_one_is_complete);
	tcase_add_test(c, a_device_is_written_to_and_not_replaced);
	tcase_add_test(c, a_file_that_cannot_be_made_is_told_before_the_time_is_spent);
	tcase_add_test(c, no_name_of_a_function_controls_the_terminal);
	tcase_add_test(c, colour_is_used_only_when_asked_for_or_on_a_terminal);
	suite_add_tcase(s, c);
	return s;
}
