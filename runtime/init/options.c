/*
 * Options for the paravisor from the kernel command line (init.h). In a VM
 * that is not isolated the host wrote part of it; in an isolated one the shim
 * let only the measured part through. Either way only names pass that the
 * filter has (security/filter/table.h, group OPTION).
 */
#include "runtime/init/init.h"

#include <string.h>

static bool on_list(const char *word, const struct filter_context *filter)
{
	size_t size = strcspn(word, "=");
	int item = filter_find(FILTER_OPTION, word, size);

	return item >= 0 && word[size] == '=' && filter_keeps(filter, (enum filter_item)item);
}

int init_options(char *text, char *env[INIT_OPTION_MAX + 1], const struct filter_context *filter,
	unsigned *ignored)
{
	char *rest, *word;
	int count = 0, err = 0;

	env[0] = NULL;
	*ignored = 0;
	for (word = strtok_r(text, " \t\n", &rest); word; word = strtok_r(NULL, " \t\n", &rest)) {
		/* What follows "--" is for init alone, by the kernel's convention. */
		if (strcmp(word, "--") == 0)
			break;
		if (!on_list(word, filter)) {
			++*ignored;
		} else if (count == INIT_OPTION_MAX) {
			++*ignored;
			err = VL_E_LIMIT;
		} else {
			env[count++] = word;
			env[count] = NULL;
		}
	}
	return err ? err : count;
}
