/*
 * filter-table: prints the filter's table (security/filter) as the document
 * security/filter/TABLE.md. Run by `make filter-table` and by the check that the
 * document is current; takes no input.
 */
#include "security/filter/filter.h"

#include <stdio.h>

static const char head[] =
"# What an isolated VM believes of its host, and what it tells it\n"
"\n"
"Written by `make filter-table` from `security/filter/table.h`; do not edit. The shim, init, the paravisor\n"
"and the diagnostics server ask this one table; what has no row is dropped, and an isolation without a\n"
"column lets nothing pass.\n"
"\n"
"Columns: without isolation, VBS, SEV-SNP, TDX; then the three with `OPENHCL_CONFIDENTIAL_DEBUG=1` in the\n"
"measured command line, which changes the measurement. **K** keep, as far as the parsers' bounds allow;\n"
"**-** drop: as if it had not been said.\n";

static const char table_head[] =
"| | none | VBS | SNP | TDX | VBS debug | SNP debug | TDX debug |"
" dropped: what then; kept: why that is harmless |\n"
"|---|---|---|---|---|---|---|---|---|\n";

static void print_row(const struct filter_row *row)
{
	printf("| %s |", row->name);
	for (unsigned c = 0; c < FILTER_COLUMNS; c++)
		printf(" %s |", row->verdicts[c] == 'K' ? "K" : "-");
	printf(" %s |\n", row->effect);
}

int main(void)
{
	fputs(head, stdout);
	for (unsigned g = 0; g < FILTER_GROUP_COUNT; g++) {
		printf("\n## %s\n\n%s", filter_group_name(g), table_head);
		for (unsigned i = 0; i < FILTER_ITEM_COUNT; i++)
			if (filter_row(i)->group == g)
				print_row(filter_row(i));
	}
	return fflush(stdout) ? 1 : 0;
}
