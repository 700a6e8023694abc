/* The commands of vallumctl and what --help says of them; vallumctl.1 has more. */
#include "tools/vallumctl/commands.h"

#define PARTS CTL_ALLOW_JSON

const struct ctl_command ctl_commands[] = {
	{ "inspect", ctl_inspect, CTL_ALLOW_PATH | CTL_ALLOW_DEPTH | CTL_ALLOW_JSON | CTL_ALLOW_WATCH,
		"show the paravisor's tree of values",
		"usage: vallumctl inspect [PATH] [--depth N] [--json] [--watch[=SECONDS]]\n"
		"Shows what stands at PATH (names between slashes; all of it without) in the\n"
		"paravisor's tree: topology, memory, processors, devices, processes, versions.\n"
		"  --depth N         open N folders below PATH (default: all)\n"
		"  --json            one JSON document\n"
		"  --watch[=SECONDS] again and again, each 2 s or as given, until interrupted\n" },
	{ "log", ctl_log, CTL_ALLOW_FOLLOW | CTL_ALLOW_SINCE | CTL_ALLOW_PROCESS,
		"show VTL2's log",
		"usage: vallumctl log [--follow] [--since SECONDS] [--process NAME]\n"
		"Shows the one log of VTL2: boot shim, kernel and every process, in order of time.\n"
		"  --follow          go on with what comes later, until interrupted\n"
		"  --since SECONDS   only from that time on, counted as the log does\n"
		"  --process NAME    only lines of that process: kernel, shim, init, vallum, "
		"vallum-vm, ...\n" },
	{ "boot", ctl_boot, CTL_ALLOW_JSON | CTL_ALLOW_SVG,
		"show how long each phase of the boot took",
		"usage: vallumctl boot [--svg FILE | --json]\n"
		"Shows the phases from the partition's begin to the guest's start.\n"
		"  --svg FILE        as a chart, into FILE (-: standard output)\n"
		"  --json            the marks as they are, in units of 100 ns\n" },
	{ "profile", ctl_profile, CTL_ALLOW_SECONDS | CTL_ALLOW_HERTZ | CTL_ALLOW_SVG |
			CTL_ALLOW_FOLDED,
		"show where VTL2 spends its time",
		"usage: vallumctl profile [--seconds N] [--hertz N] [--svg FILE] [--folded FILE]\n"
		"Samples every CPU of VTL2, kernel and processes, and lists the functions in which most\n"
		"samples fell.\n"
		"  --seconds N       for so long, 1 to 600 (default 10)\n"
		"  --hertz N         so often a second on each CPU, 1 to 1000 (default 99)\n"
		"  --svg FILE        a flame graph for a browser, into FILE (-: standard output)\n"
		"  --folded FILE     the stacks as lines \"process;function;... count\" (-: likewise)\n" },
	{ "pause", ctl_pause, 0, "stop the guest's processors",
		"usage: vallumctl pause\nStops the guest's processors and devices until `vallumctl "
		"resume`.\n" },
	{ "resume", ctl_resume, 0, "let a paused guest run on",
		"usage: vallumctl resume\nLets the guest run on after `vallumctl pause`.\n" },
	{ "restart", ctl_restart, 0, "give the guest to a new VM worker",
		"usage: vallumctl restart\nStarts a new VM worker process, which goes on with the guest "
		"where the old one was.\n" },
	{ "settings", ctl_settings, PARTS, "show the settings that the host gave",
		"usage: vallumctl settings [--json]\nShows the settings that the host gave this VM.\n" },
	{ "version", ctl_version, PARTS, "show the paravisor's version and measurement",
		"usage: vallumctl version [--json]\n"
		"Shows the versions of the paravisor's parts and its launch measurement.\n"
		"`vallumctl --version` shows this program's own.\n" },
	{ "crashes", ctl_crashes, PARTS, "show reports of processes that crashed",
		"usage: vallumctl crashes [--json]\nShows the reports that crashed processes of VTL2 "
		"left.\n" },
	{ "exec", ctl_exec, CTL_ALLOW_PATH | CTL_ALLOW_WORDS, "run a program of VTL2's debug image",
		"usage: vallumctl exec [--] PROGRAM [ARGUMENT]...\n"
		"Runs a program in VTL2 with this one's standard streams; only the debug image (`make\n"
		"DEBUG=1 image`) can. The exit status is the program's, 255 when it was killed. It "
		"ends with\n"
		"this command. `vallumctl exec -- sh -i` is a shell; -- keeps a program's options its "
		"own.\n" },
	{ NULL, NULL, 0, NULL, NULL },
};

static const char common[] =
	"\nEvery command also takes:\n"
	"  --vsock PATH      the VM: the socket of its --vsock (default: $VALLUM_VSOCK)\n"
	"  --timeout SECONDS give up when no answer comes for so long (default 30)\n"
	"  --color WHEN      auto (on a terminal, without $NO_COLOR), always or never\n"
	"  --help\n"
	"\nExit status: 0 done; 1 wrong usage, or a file that cannot be written; 2 the paravisor\n"
	"cannot be reached or does not answer; 3 it refuses or fails; 4 its answer is broken.\n";

void ctl_help(FILE *out)
{
	fputs("usage: vallumctl --vsock PATH COMMAND [OPTION]...\n"
		"Looks into the paravisor of a running VM and steers it.\n\n", out);
	for (const struct ctl_command *k = ctl_commands; k->name; k++)
		fprintf(out, "  %-10s %s\n", k->name, k->summary);
	fputs("\n`vallumctl COMMAND --help` says more about one of them.\n", out);
	fputs(common, out);
}

void ctl_command_help(FILE *out, const struct ctl_command *command)
{
	fputs(command->help, out);
	fputs(common, out);
}
