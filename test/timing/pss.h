/* The memory of a process as the benchmarks print it. */
#ifndef VL_TEST_PSS_H
#define VL_TEST_PSS_H

#include <sys/types.h>

/* Its proportional share of the pages that it has (PSS; Linux proc_pid_smaps), in KiB; 0 when it is gone. */
unsigned pss_kib(pid_t pid);

#endif
