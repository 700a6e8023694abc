/*
 * The phases of a boot as a table and as an SVG chart. A phase begins at its mark
 * and ends where the next one begins; the last mark is where the guest
 * runs. Names and times are the paravisor's word: hostile.
 */
#ifndef VL_CTL_CHART_H
#define VL_CTL_CHART_H

#include "common/base/err.h"
#include "tools/vallumctl/ctl.h"

#define CHART_PHASE_MAX 64
#define CHART_NAME_MAX 64 /* bytes with the NUL */

struct chart_phase {
	char name[CHART_NAME_MAX];
	uint64_t start_ns; /* since the partition began */
};

struct chart {
	struct chart_phase phases[CHART_PHASE_MAX];
	unsigned count;
};

/* Phases in the order of their starts, whatever order they came in. */
void chart_sort(struct chart *chart);

void chart_table(struct ctl *c, const struct chart *chart);
void chart_svg(const struct chart *chart, const char *title, FILE *out);

#endif
