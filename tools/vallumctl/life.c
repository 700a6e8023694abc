/* `vallumctl pause`, `resume` and `restart`: calls without arguments and results. */
#include "tools/vallumctl/commands.h"
#include "tools/vallumctl/rpc.h"

static int call(struct ctl *c, const char *method, const char *done)
{
	struct rpc r;
	int status = rpc_open(c, &r);

	if (!status) {
		ctl_progress(c, "%s ...", method);
		status = rpc_call(c, &r, DIAG_SERVICE, method, NULL, 0);
		ctl_progress_end(c);
	}
	if (!status)
		fprintf(c->out, "%s\n", done);
	rpc_close(&r);
	return status;
}

int ctl_pause(struct ctl *c)
{
	return call(c, "Pause", "paused");
}

int ctl_resume(struct ctl *c)
{
	return call(c, "Resume", "running");
}

int ctl_restart(struct ctl *c)
{
	return call(c, "Restart", "restarted");
}
