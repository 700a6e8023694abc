/*
 * Runs every unit test suite of this build (suites.c is made from the test
 * files' names) and writes a TAP log where VL_TAP says, for test/check.
 * An argument restricts the run to the suite of that name.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern Suite *(*const test_suites[])(void);

int main(int argc, char **argv)
{
	SRunner *runner = srunner_create(NULL);
	const char *tap = getenv("VL_TAP");
	int failed;

	for (size_t i = 0; test_suites[i]; i++)
		srunner_add_suite(runner, test_suites[i]());
	if (tap)
		srunner_set_tap(runner, tap);
	srunner_run(runner, argc > 1 ? argv[1] : NULL, NULL, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
