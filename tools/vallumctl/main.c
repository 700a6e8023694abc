/* vallumctl: looks into the paravisor of a running VM; `vallumctl --help` and vallumctl.1 say how. */
#include "tools/vallumctl/ctl.h"
#include "tools/vallumctl/link.h"

int main(int argc, char **argv)
{
	struct ctl c = { .out = stdout, .err = stderr, .connect = link_connect };

	return ctl_run(&c, argc, argv);
}
