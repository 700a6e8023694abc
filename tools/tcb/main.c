/*
 * tcb: what the cages of VTL2's processes (runtime/sandbox) leave them, as text for
 * `make tcb` and for the test of unused calls. Reads nothing.
 *
 *	tcb profiles   per cage: program, user, descriptors, capabilities, own root, paths; tabs between
 *	tcb calls      per cage and system call: program, tab, call
 *	tcb devices    the nodes that init leaves in /dev
 *	tcb ports      the hvsock ports that VTL2 may listen to
 */
#include "common/base/ports.h"
#include "runtime/init/init.h"
#include "runtime/sandbox/calls.h"
#include "runtime/sandbox/sandbox.h"

#include <stdio.h>
#include <string.h>

#include <linux/capability.h>

#define CALL_MAX 512

#define NAMED(name) [SYS_##name] = #name,
#define NAMED_IF(name, check) NAMED(name)
static const char *const call_names[CALL_MAX] = { SANDBOX_ALL_CALLS(NAMED, NAMED_IF) };

static const struct sandbox_profile *const profiles[] = {
#define ADDRESS(name) &sandbox_##name,
	SANDBOX_PROFILES(ADDRESS)
#undef ADDRESS
};

static const struct {
	unsigned number;
	const char *name;
} capabilities[] = {
	{ CAP_SYS_ADMIN, "SYS_ADMIN" }, { CAP_SYS_RAWIO, "SYS_RAWIO" }, { CAP_SYS_CHROOT, "SYS_CHROOT" },
	{ CAP_SETUID, "SETUID" }, { CAP_SETGID, "SETGID" }, { CAP_SETPCAP, "SETPCAP" }, { CAP_KILL, "KILL" },
	{ CAP_SYSLOG, "SYSLOG" }, { CAP_NET_BIND_SERVICE, "NET_BIND_SERVICE" },
};

/* One without a name here is shown by its number: nothing is left out. */
static void print_capabilities(uint64_t set)
{
	const char *separator = "";

	for (unsigned i = 0; i < 64; i++) {
		const char *name = NULL;

		if (!(set >> i & 1))
			continue;
		for (size_t k = 0; k < VL_ARRAY_COUNT(capabilities); k++)
			if (capabilities[k].number == i)
				name = capabilities[k].name;
		if (name)
			printf("%s%s", separator, name);
		else
			printf("%s%u", separator, i);
		separator = ", ";
	}
	if (!set)
		printf("none");
}

static void print_profile(const struct sandbox_profile *p)
{
	printf("%s\t%u\t%llu\t", p->program, p->user, (unsigned long long)p->descriptor_max);
	print_capabilities(p->capabilities);
	printf("\t%s\t", p->empty_root ? "yes" : "no");
	for (size_t i = 0; i < p->path_count; i++)
		printf("%s%s", i ? ", " : "", p->paths[i].path);
	puts(p->path_count ? "" : "none");
}

static int print_calls(const struct sandbox_profile *p)
{
	for (size_t i = 0; i < p->rule_count; i++) {
		unsigned number = p->rules[i].number;

		if (number >= CALL_MAX || !call_names[number]) {
			fprintf(stderr, "tcb: call %u of %s is not in SANDBOX_ALL_CALLS "
				"(runtime/sandbox/calls.h)\n", number, p->program);
			return 1;
		}
		printf("%s\t%s\n", p->program, call_names[number]);
	}
	return 0;
}

static void print_devices(void)
{
#define DEVICE(name, paravisors) puts(name);
	INIT_DEVICES(DEVICE)
#undef DEVICE
}

static void print_ports(void)
{
#define PORT(n) printf("%u\n", n);
	VL_PORTS_OF_VTL2(PORT)
#undef PORT
}

int main(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";
	bool is_profiles = !strcmp(what, "profiles"), is_calls = !strcmp(what, "calls");
	int status = 0;

	if (!strcmp(what, "devices")) {
		print_devices();
	} else if (!strcmp(what, "ports")) {
		print_ports();
	} else if (!is_profiles && !is_calls) {
		fputs("usage: tcb profiles|calls|devices|ports\n", stderr);
		return 1;
	}
	for (size_t i = 0; (is_profiles || is_calls) && i < VL_ARRAY_COUNT(profiles) && !status; i++) {
		if (is_profiles)
			print_profile(profiles[i]);
		else
			status = print_calls(profiles[i]);
	}
	return status || fflush(stdout) ? 1 : 0;
}
