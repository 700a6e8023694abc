/*
 * Runs every unit test suite of this build (suites.c is made from the test
 * files' names), as many suites at a time as there are processors, and writes
 * a TAP log for each such part: VL_TAP, and "." with the part's number.
 * An argument restricts the run to the suite of that name, in one part.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define PARTS_MAX 8

extern Suite *(*const test_suites[])(void);

/* Every parts-th suite from `part` on. */
static int run_part(unsigned part, unsigned parts, const char *only)
{
	SRunner *runner = srunner_create(NULL);
	const char *tap = getenv("VL_TAP");
	char path[4096];
	int failed;

	for (size_t i = 0; test_suites[i]; i++)
		if (i % parts == part)
			srunner_add_suite(runner, test_suites[i]());
	if (tap) {
		snprintf(path, sizeof(path), "%s.%u", tap, part);
		srunner_set_tap(runner, path);
	}
	srunner_run(runner, only, NULL, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static unsigned processors(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > PARTS_MAX ? PARTS_MAX : (unsigned)n;
}

int main(int argc, char **argv)
{
	unsigned parts = argc > 1 ? 1 : processors(), part;
	int status, result = EXIT_SUCCESS;

	if (parts == 1)
		return run_part(0, 1, argc > 1 ? argv[1] : NULL);
	for (part = 0; part < parts; part++) {
		pid_t pid = fork();

		if (pid < 0) {
			perror("unit-tests: fork");
			return EXIT_FAILURE;
		}
		if (!pid)
			exit(run_part(part, parts, NULL));
	}
	/* A part that a signal ended fails like one whose tests did. */
	while (wait(&status) > 0)
		if (!WIFEXITED(status) || WEXITSTATUS(status))
			result = EXIT_FAILURE;
	return result;
}
