/*
 * Why the boot cannot go on: an error code and one sentence that says what was
 * wrong, where and what to do. Filled by whoever finds it, carried up to
 * shim_main, which reports it to the host (stop.h).
 */
#ifndef VL_BOOT_ERROR_H
#define VL_BOOT_ERROR_H

#include "common/base/err.h"
#include "common/base/types.h"

#include <stdarg.h>

#define BOOT_ERROR_TEXT_MAX 240

struct boot_error {
	int code; /* enum vl_err, negative */
	char text[BOOT_ERROR_TEXT_MAX];
};

/* Fills `error` and returns `code`, so that a check reads `return boot_fail(...)`. */
int boot_fail(struct boot_error *error, int code, const char *fmt, ...) VL_PRINTF(3, 4);
int boot_vfail(struct boot_error *error, int code, const char *fmt, va_list args) VL_PRINTF(3, 0);

/* Replaces what is not printable ASCII by '?': names may come from the host. */
void boot_printable(char *text, size_t size);

#endif
