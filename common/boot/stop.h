/*
 * The end of a boot that cannot go on. The reason goes to the log and, when the
 * host is trusted, to the host through the guest crash registers (TLFS "guest
 * crash enlightenment"): P0 the tag, P1 the error code, P2 0 or a program
 * counter, P3 and P4 address and length of the text. Callable from anywhere.
 */
#ifndef VL_BOOT_STOP_H
#define VL_BOOT_STOP_H

#include "common/boot/error.h"

#define BOOT_STOP_TAG 0x544f4f424d4c56ull /* "VLMBOOT" as bytes in memory */

/* Says whether the host may read reasons; until then it may not. */
void boot_stop_init(bool report);

/* `pc`: where a processor exception happened, 0 for other reasons. */
void VL_NORETURN boot_stop(const struct boot_error *error, uint64_t pc);

#endif
