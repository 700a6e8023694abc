/* The shim's sink of vl_log: the log buffer that user space reads (struct shim_log). */
#ifndef VL_BOOT_BOOT_LOG_H
#define VL_BOOT_BOOT_LOG_H

#include "common/boot/params.h"

/* Empties `log` and makes it the logger's sink. */
void boot_log_init(struct shim_log *log);

#endif
