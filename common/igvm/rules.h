/*
 * What the files of common/igvm share: noting the first broken rule with its
 * place. Not for other folders.
 */
#ifndef VL_IGVM_RULES_H
#define VL_IGVM_RULES_H

#include "common/igvm/igvm.h"

/* Fills `error` (may be NULL) and returns `code`. */
int igvm_fail(struct igvm_error *error, int code, size_t offset, const char *what);

/* Collects the first broken rule of one header; field offsets count from `base`. */
struct igvm_rules {
	struct igvm_error first; /* code 0: none broken */
	size_t base;
};

void igvm_rule(struct igvm_rules *rules, bool holds, int code, size_t field, const char *what);

/* True when [offset, offset + bytes) lies in the file data (behind the headers). */
bool igvm_in_data(const struct igvm_file *file, uint64_t offset, uint64_t bytes);

/* Architectures (bits 1 << enum igvm_architecture) that know the platform type; 0: no such type. */
uint32_t igvm_platform_archs(uint8_t type);

#endif
