/*
 * The x86 boot protocol (Linux Documentation/arch/x86/boot.rst, 64-bit entry):
 * reading a bzImage's header and deciding where things go. Pure functions over
 * the host's file, which is hostile; linux.c does the placing.
 */
#ifndef VL_PORT_VM_LINUX_H
#define VL_PORT_VM_LINUX_H

#include "common/base/err.h"
#include "common/base/types.h"

/* What is copied from the start of the file: all that the setup header can span. */
#define LINUX_HEAD_BYTES 0x400u
#define LINUX_HEADER_AT 0x1f1u

struct linux_image {
	uint8_t header[LINUX_HEAD_BYTES - LINUX_HEADER_AT]; /* the setup header as it goes into boot_params */
	size_t header_bytes;
	uint64_t code_offset, code_bytes; /* the protected-mode kernel in the file */
	uint64_t align, preferred, room_bytes; /* where it wants to be; bytes from there on that it uses */
	uint64_t initrd_end_max; /* the initrd ends at or below */
	uint32_t command_line_max; /* bytes without the NUL */
	bool relocatable;
};

/*
 * Judges the first `head_bytes` (at most LINUX_HEAD_BYTES) of a file of
 * file_bytes. On an error *why is a sentence for a person: VL_E_TRUNCATED,
 * VL_E_MAGIC, VL_E_ARCH, VL_E_VERSION, VL_E_RANGE.
 */
int linux_parse(const uint8_t *head, size_t head_bytes, uint64_t file_bytes, struct linux_image *out,
	const char **why);

struct linux_place {
	uint64_t kernel, initrd; /* guest physical */
};

/*
 * Places the kernel and the initrd within RAM [1 MiB, ram_end): the initrd
 * stays where it is if it can. VL_E_NOSPACE when they do not fit.
 */
int linux_place(const struct linux_image *image, uint64_t initrd, uint64_t initrd_bytes, uint64_t ram_end,
	struct linux_place *out);

#endif
