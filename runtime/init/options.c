/*
 * Options for the paravisor from the kernel command line (init.h). In a VM
 * that is not isolated the host wrote part of it; in an isolated one the shim
 * let only the measured part through. Either way only names on the list pass.
 */
#include "runtime/init/init.h"

#include <string.h>

static const char *const names[] = {
	"VALLUM_LOG",            /* error, warn, info or debug: what reaches the kernel's log */
	"OPENHCL_CONFIDENTIAL",  /* set by the shim in an isolated VM */
	"OPENHCL_CONFIDENTIAL_DEBUG",
};

static bool on_list(const char *word)
{
	size_t size = strcspn(word, "=");

	for (size_t i = 0; i < VL_ARRAY_COUNT(names); i++)
		if (strlen(names[i]) == size && memcmp(names[i], word, size) == 0)
			return word[size] == '=';
	return false;
}

int init_options(char *text, char *env[INIT_OPTION_MAX + 1])
{
	char *rest, *word;
	int count = 0;

	env[0] = NULL;
	for (word = strtok_r(text, " \t\n", &rest); word; word = strtok_r(NULL, " \t\n", &rest)) {
		/* What follows "--" is for init alone, by the kernel's convention. */
		if (strcmp(word, "--") == 0)
			break;
		if (!on_list(word))
			continue;
		if (count == INIT_OPTION_MAX)
			return VL_E_LIMIT;
		env[count++] = word;
		env[count] = NULL;
	}
	return count;
}
