/*
 * The UTF-16 text of LOG_TRACE (get.h) from and to UTF-8. Malformed input of
 * either kind turns into U+FFFD; control characters into spaces, so that a
 * message cannot forge another line in a log or drive a terminal.
 */
#include "common/get/get.h"

#include <string.h>

#define REPLACEMENT 0xfffdu

/* Bytes of the character at p[0, size): its length, 1 for a malformed one. */
static size_t utf8_next(const uint8_t *p, size_t size, uint32_t *c)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xf0 && p[0] < 0xf8 ? 4 : p[0] >= 0xe0 && p[0] < 0xf0 ? 3 :
		p[0] >= 0xc2 && p[0] < 0xe0 ? 2 : 0;

	*c = REPLACEMENT;
	if (n == 0 || n > size)
		return 1;
	if (n == 1) {
		*c = p[0];
		return 1;
	}
	uint32_t v = p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 1;
		v = v << 6 | (p[i] & 0x3f);
	}
	if (v < least[n] || v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
		return 1;
	*c = v;
	return n;
}

static size_t utf8_put(char out[4], uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

static uint32_t printable(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) ? ' ' : c;
}

void get_trace_encode(struct get_log_trace *t, enum get_log_level level, const char *utf8, size_t size)
{
	const uint8_t *p = (const uint8_t *)utf8;
	size_t units = 0;
	uint32_t c;

	memset(t, 0, sizeof(*t));
	t->header = get_header(GET_HOST_NOTIFICATION, GET_LOG_TRACE);
	t->level = cpu_to_le32(level);
	while (size && units < GET_TRACE_UNITS) {
		size_t n = utf8_next(p, size, &c);

		c = printable(c);
		if (c >= 0x10000) {
			if (units + 2 > GET_TRACE_UNITS)
				return;
			t->text[units++] = cpu_to_le16((uint16_t)(0xd800 + ((c - 0x10000) >> 10)));
			c = 0xdc00 + ((c - 0x10000) & 0x3ff);
		}
		t->text[units++] = cpu_to_le16((uint16_t)c);
		p += n;
		size -= n;
	}
}

/* The character at unit *i, which moves on past it. */
static uint32_t utf16_next(const struct get_log_trace *t, size_t *i)
{
	uint32_t c = le16_to_cpu(t->text[(*i)++]), low;

	if (c < 0xd800 || c >= 0xe000)
		return c;
	if (c >= 0xdc00 || *i == GET_TRACE_UNITS)
		return REPLACEMENT;
	low = le16_to_cpu(t->text[*i]);
	if (low < 0xdc00 || low >= 0xe000)
		return REPLACEMENT;
	(*i)++;
	return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
}

void get_trace_decode(const struct get_log_trace *t, char *utf8, size_t room)
{
	size_t used = 0, i = 0;
	char bytes[4];

	while (i < GET_TRACE_UNITS && le16_to_cpu(t->text[i])) {
		size_t n = utf8_put(bytes, printable(utf16_next(t, &i)));

		if (used + n >= room)
			break;
		memcpy(utf8 + used, bytes, n);
		used += n;
	}
	if (room)
		utf8[used] = 0;
}
