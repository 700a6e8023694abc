/* See pss.h. */
#include "test/timing/pss.h"

#include <stdio.h>

unsigned pss_kib(pid_t pid)
{
	char name[64], line[128];
	unsigned kib = 0;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/smaps_rollup", pid);
	f = fopen(name, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Pss: %u", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}
