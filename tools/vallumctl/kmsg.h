/* One record of the kernel's log (Linux, Documentation/ABI/testing/dev-kmsg); hostile input. */
#ifndef VL_CTL_KMSG_H
#define VL_CTL_KMSG_H

#include "common/base/err.h"
#include "common/base/types.h"

struct kmsg_record {
	unsigned level;    /* 0 (emergency) to 7 (debug) */
	uint64_t us;       /* since VTL2's kernel began */
	const char *text;  /* views into the record */
	size_t text_size;
	const char *process; /* "kernel", or what a process's line has before ": "; may be empty */
	size_t process_size;
};

/*
 * Takes record[0, size) apart. VL_E_FORMAT when it does not begin with
 * "priority,sequence,microseconds", or has no ';'.
 */
int kmsg_parse(const char *record, size_t size, struct kmsg_record *out);

#endif
