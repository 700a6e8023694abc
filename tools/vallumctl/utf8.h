/* Which bytes from the paravisor may be shown: whole characters of UTF-8 that control nothing. */
#ifndef VL_CTL_UTF8_H
#define VL_CTL_UTF8_H

#include "common/base/types.h"

/*
 * Bytes of the character at `text`, of which `size` bytes are there; 0 when it is
 * no UTF-8, a control character (C0 but for the tab, DEL, C1), one of the
 * marks that turn the writing's direction, or none that XML 1.0 allows.
 */
size_t utf8_size(const char *text, size_t size);

/* As utf8_size for any character of UTF-8, which is in *code then. */
size_t utf8_read(const char *text, size_t size, uint32_t *code);

#endif
