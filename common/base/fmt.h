/*
 * printf-style formatting for code that has no libc (the boot shim) and for
 * the logger everywhere: %d %i %u %x %X %p %c %s %% with the flags 0 and -,
 * width and precision (also *), and the lengths hh h l ll z j t. An unknown
 * conversion is copied as it stands.
 */
#ifndef VL_BASE_FMT_H
#define VL_BASE_FMT_H

#include "common/base/types.h"
#include <stdarg.h>

/*
 * Writes at most `size` bytes including the terminating NUL (none when size is
 * 0) and returns the length that the whole text has, as snprintf does.
 */
size_t vl_format(char *out, size_t size, const char *fmt, ...) VL_PRINTF(3, 4);
size_t vl_vformat(char *out, size_t size, const char *fmt, va_list args) VL_PRINTF(3, 0);

#endif
