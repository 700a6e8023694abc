/*
 * The image and the guest's files: read from disk, checked, placed in the
 * partition's memory with their parameters. Used by main.c. The files are not
 * trusted: whatever is in them gives a line on stderr and an error at worst.
 */
#ifndef VL_HOST_IMAGE_H
#define VL_HOST_IMAGE_H

#include "common/igvm/load.h"
#include "tools/host/partition.h"

struct image {
	uint8_t *bytes;
	size_t size;
	struct igvm_file file;
	struct igvm_platform platform;
	struct igvm_region region;
};

/*
 * Reads and checks the image, and tells how much memory VTL2 needs. Errors (all
 * printed): VL_E_OS, VL_E_NOMEM, VL_E_ARCH, and those of igvm_open and igvm_check.
 */
int image_open(struct image *image, const char *path);
void image_close(struct image *image);
/* Bytes of VTL2 RAM for this image, a multiple of 2 MiB. */
uint64_t image_vtl2_bytes(const struct image *image);
/*
 * Places guest kernel and initrd (as h->config names them), then the image with
 * its parameters, and sets the registers of the VPs. Errors are printed.
 */
int image_place(struct host *h, const struct image *image);

#endif
