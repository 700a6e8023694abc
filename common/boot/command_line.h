/*
 * The two command lines of VTL2: the measured one, read first because it alone
 * may say that the host is to be trusted, and the kernel's, put together from
 * what the shim computes, the measured line and, from a trusted host, its own.
 */
#ifndef VL_BOOT_COMMAND_LINE_H
#define VL_BOOT_COMMAND_LINE_H

#include "common/boot/error.h"
#include "common/boot/params.h"
#include "port/boot.h"

struct boot_options {
	bool append_host;        /* the measured policy lets a trusted host append */
	bool confidential_debug; /* OPENHCL_CONFIDENTIAL_DEBUG=1: trust the host though isolated */
	char text[COMMAND_LINE_TEXT_MAX + 1];
};

/*
 * Reads the measured command line. VL_E_RANGE for an unknown policy or a length
 * beyond the page, VL_E_FORMAT for a byte that is not printable ASCII.
 */
int boot_options_parse(struct boot_options *out, const struct paravisor_command_line *measured,
	struct boot_error *error);

struct kernel_command_line {
	bool isolated, debug;         /* debug: isolated, and the measured line wants it */
	const char *console;          /* tty name */
	const struct boot_options *options;
	const char *host_bootargs;    /* what the filter left of them; used only with options->append_host */
};

/*
 * Writes the kernel's command line, NUL-terminated, to out[0, size). VL_E_LIMIT
 * when it does not fit: Linux would silently cut it.
 */
int kernel_command_line_write(char *out, size_t size, const struct kernel_command_line *line,
	struct boot_error *error);

#endif
