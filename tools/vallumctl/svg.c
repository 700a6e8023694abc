/* Text for SVG files (svg.h). */
#include "tools/vallumctl/svg.h"
#include "tools/vallumctl/utf8.h"

#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"

size_t svg_length(const char *text)
{
	size_t count = 0, left = strlen(text), size;

	for (; left; text += size, left -= size, count++) {
		size = utf8_size(text, left);
		size = size ? size : 1;
	}
	return count;
}

static void put_character(FILE *out, const char *p, size_t size)
{
	switch (*p) {
	case '&': fputs("&amp;", out); break;
	case '<': fputs("&lt;", out); break;
	case '>': fputs("&gt;", out); break;
	case '"': fputs("&quot;", out); break;
	case '\'': fputs("&#39;", out); break;
	default: fwrite(p, 1, size, out);
	}
}

void svg_text(FILE *out, const char *text, size_t most)
{
	size_t length = svg_length(text), left = strlen(text), size;
	bool cut = length > most;

	if (cut)
		most = most > 2 ? most - 2 : 0;
	for (size_t i = 0; i < most && left; i++, text += size, left -= size) {
		size = utf8_size(text, left);
		if (size)
			put_character(out, text, size);
		else
			fputs(REPLACEMENT, out), size = 1;
	}
	if (cut && most)
		fputs("..", out);
}

void svg_duration(char *out, size_t room, uint64_t ns)
{
	static const char *const units[] = { "ns", "us", "ms", "s" };
	double value = (double)ns;
	size_t unit = 0;

	while (value >= 999.5 && unit + 1 < VL_ARRAY_COUNT(units)) {
		value /= 1000;
		unit++;
	}
	snprintf(out, room, "%.*f %s", unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2, value,
		units[unit]);
}
