/* vallum-host's command line; see options.h. */
#include "tools/host/options.h"
#include "common/base/log.h"
#include "common/get/dps.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_MIN 0x8000000ull /* below this no stock guest kernel starts, and VTL2 lies above 128 MiB */
#define TIMEOUT_MAX 1000000u

static const char usage[] =
	"usage: vallum-host --igvm FILE [option]...\n"
	"Runs a paravisor image (VTL2) and a guest (VTL0) on Linux KVM.\n"
	"  --igvm FILE            the paravisor's image\n"
	"  --kernel FILE          the guest's Linux kernel\n"
	"  --initrd FILE          the guest's initial RAM disk\n"
	"  --append TEXT          the guest kernel's command line\n"
	"  --vtl2-append TEXT     for VTL2's command line; an isolated guest's VTL2 does not listen\n"
	"  --memory SIZE          the guest's RAM: bytes, or with K, M, G (default 512M)\n"
	"  --vps N                virtual processors, 1 to 64 (default 2)\n"
	"  --disk FILE            a disk of the guest; up to 16 times\n"
	"  --isolation none|vbs   isolation of the guest from this host (default none)\n"
	"  --platform-key FILE    the key that signs reports about an isolated guest\n"
	"  --tpm                  the guest has a TPM 2.0; it lasts as long as the state file\n"
	"  --workers LIST         devices that are in worker processes of their own: com1, com2\n"
	"  --key-broker ADDRESS   who releases the keys of an isolated guest's state:\n"
	"                         unix:PATH or tcp:ADDRESS:PORT\n"
	"  --state FILE           where the guest's state (VMGS) is kept\n"
	"  --vsock PATH           Unix socket that reaches VTL2's sockets (\"CONNECT <port>\")\n"
	"  --timeout SECONDS      end the run after that time\n"
	"  --log                  boot phases and VTL2's kernel messages on stderr\n"
	"The guest's console is on stdin and stdout; on a terminal Ctrl-A x quits.\n"
	"Exit status: 0 guest powered off, 1 usage or host error, 2 guest crashed,\n"
	"3 paravisor failed, 124 time-out.\n";

enum { OPT_IGVM = 1, OPT_KERNEL, OPT_INITRD, OPT_APPEND, OPT_MEMORY, OPT_VPS, OPT_DISK, OPT_ISOLATION,
		OPT_PLATFORM_KEY, OPT_KEY_BROKER, OPT_STATE,
	OPT_VTL2_APPEND, OPT_TPM, OPT_WORKERS, OPT_VSOCK, OPT_TIMEOUT, OPT_LOG, OPT_HELP };

static const struct option options[] = {
	{ "igvm", required_argument, NULL, OPT_IGVM }, { "kernel", required_argument, NULL, OPT_KERNEL },
	{ "initrd", required_argument, NULL, OPT_INITRD }, { "append", required_argument, NULL, OPT_APPEND },
	{ "memory", required_argument, NULL, OPT_MEMORY }, { "vps", required_argument, NULL, OPT_VPS },
	{ "disk", required_argument, NULL, OPT_DISK },
	{ "isolation", required_argument, NULL, OPT_ISOLATION },
	{ "platform-key", required_argument, NULL, OPT_PLATFORM_KEY },
	{ "tpm", no_argument, NULL, OPT_TPM }, { "workers", required_argument, NULL, OPT_WORKERS },
	{ "vtl2-append", required_argument, NULL, OPT_VTL2_APPEND },
	{ "key-broker", required_argument, NULL, OPT_KEY_BROKER },
	{ "state", required_argument, NULL, OPT_STATE }, { "vsock", required_argument, NULL, OPT_VSOCK },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT }, { "log", no_argument, NULL, OPT_LOG },
	{ "help", no_argument, NULL, OPT_HELP }, { NULL, 0, NULL, 0 },
};

static int number(const char *what, const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	if (text[0] >= '0' && text[0] <= '9' && !*end && !errno && *out >= least && *out <= most)
		return 0;
	vl_error("--%s %s: give a number from %llu to %llu", what, text, (unsigned long long)least,
		(unsigned long long)most);
	return VL_E_FORMAT;
}

static int memory_size(const char *text, uint64_t *out)
{
	static const char units[] = "KMGT";
	char *end;
	const char *unit;
	unsigned shift = 0;

	errno = 0;
	*out = strtoull(text, &end, 10);
	unit = *end ? strchr(units, *end >= 'a' ? *end - 32 : *end) : NULL;
	if (unit)
		shift = 10 * (unsigned)(unit - units + 1);
	if (text[0] < '0' || text[0] > '9' || errno || (*end && (!unit || end[1])) ||
			*out > HOST_MEMORY_MAX >> shift) {
		vl_error("--memory %s: give a size such as 512M or 4G, at most %lluG", text,
			(unsigned long long)(HOST_MEMORY_MAX >> 30));
		return VL_E_FORMAT;
	}
	*out = vl_align_down(*out << shift, VL_LARGE_PAGE_BYTES);
	if (*out >= MEMORY_MIN)
		return 0;
	vl_error("--memory %s is too little: the guest and its kernel need at least %lluM", text,
		(unsigned long long)(MEMORY_MIN >> 20));
	return VL_E_FORMAT;
}

static int add_disk(struct host_config *c, const char *path)
{
	if (c->disk_count == VL_PORT_DISK_COUNT) {
		vl_error("--disk %s: there can be %d disks at most", path, VL_PORT_DISK_COUNT);
		return VL_E_FORMAT;
	}
	c->disk[c->disk_count++] = path;
	return 0;
}

/* VTL2 knows the names. */
static int workers(struct host_config *c, const char *list)
{
	if (strlen(list) >= DPS_TEXT_MAX) {
		vl_error("--workers %s: give at most %d bytes", list, DPS_TEXT_MAX - 1);
		return VL_E_FORMAT;
	}
	c->workers = list;
	return 0;
}

static int isolation(struct host_config *c, const char *text)
{
	if (!strcmp(text, "none"))
		c->isolation = HOST_ISOLATION_NONE;
	else if (!strcmp(text, "vbs"))
		c->isolation = HOST_ISOLATION_VBS;
	else {
		vl_error("--isolation %s: known are none and vbs", text);
		return VL_E_FORMAT;
	}
	return 0;
}

static int take(struct host_config *c, int option, const char *argument)
{
	uint64_t value = 0;
	int err = 0;

	switch (option) {
	case OPT_IGVM: c->igvm = argument; break;
	case OPT_KERNEL: c->kernel = argument; break;
	case OPT_INITRD: c->initrd = argument; break;
	case OPT_APPEND: c->append = argument; break;
	case OPT_VTL2_APPEND: c->vtl2_append = argument; break;
	case OPT_PLATFORM_KEY: c->platform_key = argument; break;
	case OPT_KEY_BROKER: c->key_broker = argument; break;
	case OPT_STATE: c->state = argument; break;
	case OPT_VSOCK: c->vsock = argument; break;
	case OPT_TPM: c->tpm = true; break;
	case OPT_LOG: c->log = true; break;
	case OPT_MEMORY: err = memory_size(argument, &c->memory_bytes); break;
	case OPT_DISK: err = add_disk(c, argument); break;
	case OPT_WORKERS: err = workers(c, argument); break;
	case OPT_ISOLATION: err = isolation(c, argument); break;
	case OPT_VPS:
		err = number("vps", argument, 1, HOST_VP_MAX, &value);
		c->vp_count = (unsigned)value;
		break;
	case OPT_TIMEOUT:
		err = number("timeout", argument, 1, TIMEOUT_MAX, &value);
		c->timeout_seconds = (unsigned)value;
		break;
	case OPT_HELP:
		fputs(usage, stdout);
		return 1;
	default:
		vl_error("see vallum-host --help"); /* getopt has named the option */
		return VL_E_FORMAT;
	}
	return err;
}

int options_parse(int argc, char **argv, struct host_config *config)
{
	int option, err;

	*config = (struct host_config){ .append = "", .workers = "", .memory_bytes = 512ull << 20,
		.vp_count = 2 };
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		err = take(config, option, optarg);
		if (err)
			return err;
	}
	if (optind < argc) {
		vl_error("'%s' is not an option; see vallum-host --help", argv[optind]);
		return VL_E_FORMAT;
	}
	if (!config->igvm) {
		vl_error("--igvm FILE is missing: which paravisor image? See vallum-host --help");
		return VL_E_FORMAT;
	}
	if (config->isolation != HOST_ISOLATION_NONE && !config->platform_key) {
		vl_error("--isolation vbs without --platform-key FILE: who signs reports about the guest? "
			"`platform-key create FILE` makes a key");
		return VL_E_FORMAT;
	}
	if (config->initrd && !config->kernel) {
		vl_error("--initrd %s without --kernel: give the guest's kernel too", config->initrd);
		return VL_E_FORMAT;
	}
	return 0;
}
