/*
 * Fuzzes the bzImage header's reading and placing: the host's file. Input: 24 bytes of sizes, then
 * the file's head.
 */
#include "ports/x86_64/vm/linux.h"
#include "common/base/bytes.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct linux_image image;
	struct linux_place place;
	const char *why = "";
	struct vl_reader r;
	uint64_t initrd, initrd_bytes, ram_end, file_bytes;
	size_t head;

	vl_reader_init(&r, data, size);
	initrd = (uint64_t)vl_read_le32(&r) << 8;
	initrd_bytes = vl_read_le32(&r);
	ram_end = (uint64_t)vl_read_le32(&r) << 2;
	file_bytes = vl_read_le32(&r);
	head = vl_reader_left(&r) < LINUX_HEAD_BYTES ? vl_reader_left(&r) : LINUX_HEAD_BYTES;
	if (r.err || linux_parse(data + r.pos, head, file_bytes + head, &image, &why))
		return 0;
	if (linux_place(&image, initrd, initrd_bytes, ram_end, &place))
		return 0;
	if (!vl_within(place.kernel, image.room_bytes, ram_end) ||
		!vl_within(place.initrd, initrd_bytes, ram_end) ||
	    vl_ranges_overlap(place.kernel, image.room_bytes, place.initrd, initrd_bytes))
		abort();
	return 0;
}
