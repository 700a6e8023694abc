/*
 * Runs every unit test suite of this build (suites.c is made from the test
 * files' names), each in a process of its own and several at a time, for many
 * tests wait more than they work. Each suite writes a TAP log: VL_TAP, and "."
 * with the suite's number.
 * An argument restricts the run to the suite of that name.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define SUITES_PER_PROCESSOR 2
#define NAME_MAX_BYTES 4096

extern Suite *(*const test_suites[])(void);

/* The suites from number i up to `end`; of them all, or the one that `only` names. */
static int run_suites(size_t i, size_t end, const char *only)
{
	SRunner *runner = srunner_create(NULL);
	const char *tap = getenv("VL_TAP");
	char path[NAME_MAX_BYTES];
	int failed;

	if (tap) {
		snprintf(path, sizeof(path), "%s.%zu", tap, i);
		srunner_set_tap(runner, path);
	}
	for (; i < end; i++)
		srunner_add_suite(runner, test_suites[i]());
	srunner_run(runner, only, NULL, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Waits for one; a suite that a signal ended fails like one whose tests did. */
static int take_one(void)
{
	int status;

	if (wait(&status) < 0)
		return EXIT_FAILURE;
	return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS ? EXIT_SUCCESS : EXIT_FAILURE;
}

static long at_once(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n * SUITES_PER_PROCESSOR;
}

int main(int argc, char **argv)
{
	long running = 0, limit = at_once();
	int result = EXIT_SUCCESS;
	size_t count = 0;

	while (test_suites[count])
		count++;
	if (argc > 1)
		return run_suites(0, count, argv[1]);
	for (size_t i = 0; i < count; i++) {
		pid_t pid;

		if (running == limit) {
			result |= take_one();
			running--;
		}
		pid = fork();
		if (pid < 0) {
			perror("unit-tests: fork");
			return EXIT_FAILURE;
		}
		if (!pid)
			exit(run_suites(i, i + 1, NULL));
		running++;
	}
	while (running--)
		result |= take_one();
	return result;
}
