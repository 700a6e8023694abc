/* Characters that may be shown (utf8.h). */
#include "tools/vallumctl/utf8.h"

static bool shown(uint32_t code)
{
	if (code < 0x20 || code == 0x7f || (code >= 0x80 && code < 0xa0))
		return code == '\t';
	/* Two that are none, and what reorders the text around it. */
	if (code == 0xfffe || code == 0xffff || code == 0x61c || code == 0x200e || code == 0x200f)
		return false;
	return !((code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) || code == 0x2028 ||
		code == 0x2029);
}

size_t utf8_read(const char *text, size_t size, uint32_t *code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *p = (const unsigned char *)text;
	size_t n = p[0] < 0x80 ? 1 : p[0] >> 5 == 6 ? 2 : p[0] >> 4 == 14 ? 3 : p[0] >> 3 == 30 ? 4 : 0;

	*code = n < 2 ? p[0] : p[0] & (0x7fu >> n);
	if (!n || n > size)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if (p[i] >> 6 != 2)
			return 0;
		*code = *code << 6 | (p[i] & 0x3f);
	}
	return *code >= least[n] && *code <= 0x10ffff && !(*code >= 0xd800 && *code <= 0xdfff) ? n : 0;
}

size_t utf8_size(const char *text, size_t size)
{
	uint32_t code;
	size_t n = utf8_read(text, size, &code);

	return n && shown(code) ? n : 0;
}
