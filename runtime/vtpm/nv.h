/*
 * Where the virtual TPM keeps what must outlive it: two files of the VM guest
 * state file (security/vmgs/format.h). The worker's are behind the paravisor's
 * store; a test has its own. What read() gives is untrusted in content: it is
 * judged by whoever reads it.
 */
#ifndef VL_VTPM_NV_H
#define VL_VTPM_NV_H

#include "common/base/err.h"
#include "common/base/types.h"

enum vtpm_file { VTPM_FILE_PPI = 2, VTPM_FILE_NVRAM = 3 };

#define VTPM_FILE_BYTES_MAX (256u << 10)

struct vtpm_nv_ops {
	/*
	 * The whole file into `out`: its size in bytes; VL_E_NOTFOUND, VL_E_NOSPACE, VL_E_AUTH, VL_E_IO ...
	 */
	int64_t (*read)(void *context, enum vtpm_file file, void *out, size_t room);
	/* Replaces the file. 0: durable; after an error the old content stands. */
	int (*write)(void *context, enum vtpm_file file, const void *data, size_t size);
};

struct vtpm_nv {
	const struct vtpm_nv_ops *ops;
	void *context;
};

#endif
