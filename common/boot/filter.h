/*
 * The one place where an isolated VM's shim drops what an untrusted host may not
 * decide. Called once, between decoding the host's device tree and the first
 * use of it.
 */
#ifndef VL_BOOT_FILTER_H
#define VL_BOOT_FILTER_H

#include "common/boot/command_line.h"
#include "common/boot/host_dt.h"

enum boot_isolation { BOOT_ISOLATION_NONE, BOOT_ISOLATION_VBS, BOOT_ISOLATION_SNP, BOOT_ISOLATION_TDX,
	BOOT_ISOLATION_CCA };

/* The names of the VTL2 device tree's isolation-type. */
const char *boot_isolation_name(enum boot_isolation isolation);

/* The host's word counts: the VM is not isolated, or the measured line asks for debugging. */
bool can_trust_host(enum boot_isolation isolation, const struct boot_options *options);

/* Removes from `host` what the reference implementation drops under isolation. */
void boot_filter(struct host_dt *host, enum boot_isolation isolation, bool trusted);

#endif
