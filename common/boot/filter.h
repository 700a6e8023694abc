/*
 * The one place where an isolated VM's shim drops what an untrusted host may not
 * decide (the table: security/filter). Called once, between decoding the host's
 * device tree and the first use of it.
 */
#ifndef VL_BOOT_FILTER_H
#define VL_BOOT_FILTER_H

#include "common/boot/command_line.h"
#include "common/boot/host_dt.h"
#include "security/filter/filter.h"

/* The VM is isolated as the hypervisor and the image say, and the measured line may ask for debugging. */
struct filter_context boot_filter_context(enum isolation isolation, const struct boot_options *options);

/* Removes from `host` what does not pass. */
void boot_filter(struct host_dt *host, const struct filter_context *context);

/* The item that a property of a child of the host's /vallum is: FILTER_GUEST_*, or FILTER_VALLUM_OTHER. */
enum filter_item boot_filter_vallum(const char *child, const char *property);

#endif
