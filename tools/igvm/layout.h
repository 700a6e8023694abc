/* igvm build's two halves: the manifest's reader (build.c) calls the layout (layout.c). */
#ifndef VL_IGVM_LAYOUT_H
#define VL_IGVM_LAYOUT_H

#include "common/boot/params.h"
#include "tools/igvm/image.h"
#include "tools/igvm/tool.h"

struct layout_options {
	const char *manifest;     /* its path, for messages */
	uint64_t memory_mib;
	uint64_t fixed_base;      /* 0: relocatable */
	const char *command_line; /* at most COMMAND_LINE_TEXT_MAX bytes */
	bool append_chosen;
	uint64_t guest_svn;       /* in the reports of a VBS host */
};

/*
 * Makes the image in `out` (the caller's to release). The same inputs give the
 * same bytes. 0 or an exit status with the reason printed.
 */
int layout_build(const struct layout_options *options, const struct image_input *kernel,
	const struct image_input *shim, const struct image_input *initrd, struct tool_file *out);

#endif
