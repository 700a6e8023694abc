/*
 * CRC-32 (crc32.h), eight bytes at a time by a table of 8 KiB. The boot shim
 * sums up its initrd with it, a device worker's state is summed up at each
 * checkpoint.
 */
#include "common/base/crc32.h"

/* The sum of a byte is that of the sums of its bits, which a row is given. */
#define SUMS2(x, a) (x), (x) ^ (a)
#define SUMS4(x, a, b) SUMS2(x, a), SUMS2((x) ^ (b), a)
#define SUMS8(x, a, b, c) SUMS4(x, a, b), SUMS4((x) ^ (c), a, b)
#define SUMS16(x, a, b, c, d) SUMS8(x, a, b, c), SUMS8((x) ^ (d), a, b, c)
#define SUMS32(x, a, b, c, d, e) SUMS16(x, a, b, c, d), SUMS16((x) ^ (e), a, b, c, d)
#define SUMS64(x, a, b, c, d, e, f) SUMS32(x, a, b, c, d, e), SUMS32((x) ^ (f), a, b, c, d, e)
#define SUMS128(x, a, b, c, d, e, f, g) SUMS64(x, a, b, c, d, e, f), SUMS64((x) ^ (g), a, b, c, d, e, f)
#define ROW(a, b, c, d, e, f, g, h) { SUMS128(0u, a, b, c, d, e, f, g), SUMS128(h, a, b, c, d, e, f, g) }

/* Row n: a byte that n bytes follow. */
static const uint32_t row[8][256] = {
	ROW(0x77073096, 0xee0e612c, 0x076dc419, 0x0edb8832, 0x1db71064, 0x3b6e20c8, 0x76dc4190, 0xedb88320),
	ROW(0x191b3141, 0x32366282, 0x646cc504, 0xc8d98a08, 0x4ac21251, 0x958424a2, 0xf0794f05, 0x3b83984b),
	ROW(0x01c26a37, 0x0384d46e, 0x0709a8dc, 0x0e1351b8, 0x1c26a370, 0x384d46e0, 0x709a8dc0, 0xe1351b80),
	ROW(0xb8bc6765, 0xaa09c88b, 0x8f629757, 0xc5b428ef, 0x5019579f, 0xa032af3e, 0x9b14583d, 0xed59b63b),
	ROW(0x3d6029b0, 0x7ac05360, 0xf580a6c0, 0x30704bc1, 0x60e09782, 0xc1c12f04, 0x58f35849, 0xb1e6b092),
	ROW(0xcb5cd3a5, 0x4dc8a10b, 0x9b914216, 0xec53826d, 0x03d6029b, 0x07ac0536, 0x0f580a6c, 0x1eb014d8),
	ROW(0xa6770bb4, 0x979f1129, 0xf44f2413, 0x33ef4e67, 0x67de9cce, 0xcfbd399c, 0x440b7579, 0x8816eaf2),
	ROW(0xccaa009e, 0x4225077d, 0x844a0efa, 0xd3e51bb5, 0x7cbb312b, 0xf9766256, 0x299dc2ed, 0x533b85da),
};

uint32_t vl_crc32(uint32_t crc, const void *data, size_t size)
{
	const uint8_t *p = data;

	crc = ~crc;
	for (; size >= 8; p += 8, size -= 8) {
		crc ^= p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
		crc = row[7][crc & 0xff] ^ row[6][crc >> 8 & 0xff] ^ row[5][crc >> 16 & 0xff] ^
			row[4][crc >> 24] ^ row[3][p[4]] ^ row[2][p[5]] ^ row[1][p[6]] ^ row[0][p[7]];
	}
	for (; size; p++, size--)
		crc = crc >> 8 ^ row[0][(crc ^ *p) & 0xff];
	return ~crc;
}
