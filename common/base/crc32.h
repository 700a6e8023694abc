/*
 * IEEE 802.3 CRC-32 (reflected, polynomial 0xEDB88320), as IGVM headers, the
 * VMGS headers and the shim's initrd check use it. Freestanding.
 */
#ifndef VL_BASE_CRC32_H
#define VL_BASE_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* CRC of `size` bytes continuing `crc`; start with 0. */
uint32_t vl_crc32(uint32_t crc, const void *data, size_t size);

#endif
