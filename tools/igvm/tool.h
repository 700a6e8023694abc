/*
 * What the commands of the igvm tool share: whole files in memory and the one
 * way to complain. The tool runs on the build machine; IGVM files are untrusted
 * input (dump, check, measure), manifests and programs are the builder's own.
 */
#ifndef VL_IGVM_TOOL_H
#define VL_IGVM_TOOL_H

#include "common/base/types.h"
#include "common/igvm/igvm.h"

/* Exit statuses of the tool. */
enum tool_status { TOOL_OK = 0, TOOL_USAGE = 1, TOOL_INVALID = 2 };

struct tool_file {
	uint8_t *data; /* malloc'ed; size bytes and a NUL behind them */
	size_t size;
};

/* Prints "igvm: " and the message to stderr. Returns `status` for a tail call. */
int tool_fail(int status, const char *fmt, ...) VL_PRINTF(2, 3);

/*
 * Reads the file `path`, relative to the folder `dir` when that is not NULL. 0, or
 * TOOL_USAGE with the reason printed. The caller releases it with tool_release.
 */
int tool_read(struct tool_file *file, const char *dir, const char *path);
void tool_release(struct tool_file *file);

/* Writes the whole file anew; a half-written one is removed. 0 or TOOL_USAGE. */
int tool_write(const char *path, const void *data, size_t size);

/* Prints what igvm_open or igvm_check found in `path`; returns TOOL_INVALID. */
int tool_malformed(const char *path, const struct igvm_error *error);

struct tool_arguments { const char *input, *output, *dir; };

/*
 * `INPUT -o FILE [-C DIR]`, in any order; `dir` is NULL without -C. 0, or TOOL_USAGE
 * with the usage of `command` printed.
 */
int tool_arguments(struct tool_arguments *out, const char *command, int argc, char **argv);

/* A command: arguments behind its name; returns an exit status. */
int tool_build(int argc, char **argv);
int tool_cpio(int argc, char **argv);
int tool_dump(const char *path, const struct igvm_file *file, bool json);
int tool_measure(const char *path, const struct igvm_file *file);

#endif
