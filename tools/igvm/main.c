/*
 * igvm: builds, shows, checks and measures IGVM files (common/igvm/igvm.h).
 * Run by the build and by people; `igvm --help` says how.
 */
#include "tools/igvm/tool.h"

#include <stdio.h>
#include <string.h>

static const char help[] =
"igvm build MANIFEST -o FILE [-C DIR]   make an image from its parts\n"
"igvm dump FILE [--json]                print every header\n"
"igvm check FILE                        say whether the file keeps the format's rules\n"
"igvm measure FILE                      print the launch measurement of each platform\n"
"igvm cpio LIST -o FILE [-C DIR]        make an initrd (newc), the same bytes every time\n"
"\n"
"MANIFEST has lines `key = value`; a line that begins with # is a comment. Paths\n"
"are relative to DIR (default: the present folder).\n"
"  shim = PATH                 the boot shim: a static-pie ELF program linked at 0\n"
"  kernel = PATH               VTL2's kernel, as the port loads it (x86_64: vmlinux;\n"
"                              aarch64: Image)\n"
"  initrd = PATH               VTL2's initrd, stored as it is\n"
"  memory_mib = N              all of VTL2's memory; even, at least 32\n"
"  base = ADDRESS              a fixed base; without it the image is relocatable\n"
"  command_line = TEXT         measured; at most 4092 bytes; may be given several times,\n"
"                              the texts are joined by blanks\n"
"  guest_svn = N               grows with each security fix; in the reports of a VBS host\n"
"  command_line_policy = P     static (default), or append_chosen: a trusted host may add to it\n"
"\n"
"LIST has the lines of Linux's gen_init_cpio, in this order of words:\n"
"  dir NAME MODE UID GID | file NAME PATH MODE UID GID | slink NAME TARGET MODE UID GID |\n"
"  nod NAME MODE UID GID c|b MAJOR MINOR\n"
"\n"
"Exit status: 0 good; 1 wrong usage, or a file that cannot be read or written;\n"
"2 a file that breaks a rule, with the rule and the offset on stderr.\n";

static int with_file(const char *command, const char *path, bool json)
{
	struct tool_file content;
	struct igvm_error error;
	struct igvm_file file;
	int status = tool_read(&content, NULL, path);

	if (status)
		return status;
	if (igvm_open(&file, content.data, content.size, &error) || igvm_check(&file, &error))
		status = tool_malformed(path, &error);
	else if (!strcmp(command, "dump"))
		status = tool_dump(path, &file, json);
	else if (!strcmp(command, "measure"))
		status = tool_measure(path, &file);
	tool_release(&content);
	return status;
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";
	bool json = argc == 4 && !strcmp(command, "dump") && !strcmp(argv[3], "--json");

	if (!strcmp(command, "--help") || !strcmp(command, "-h")) {
		fputs(help, stdout);
		return TOOL_OK;
	}
	if (!strcmp(command, "build"))
		return tool_build(argc - 2, argv + 2);
	if (!strcmp(command, "cpio"))
		return tool_cpio(argc - 2, argv + 2);
	if (strcmp(command, "dump") && strcmp(command, "check") && strcmp(command, "measure"))
		return tool_fail(TOOL_USAGE, "unknown command '%s'; `igvm --help` lists the commands",
			command);
	if (argc != 3 && !json)
		return tool_fail(TOOL_USAGE, "%s takes one file%s; see `igvm --help`", command,
			strcmp(command, "dump") ? "" : " and perhaps --json");
	return with_file(command, argv[2], json);
}
