/*
 * What the charts of vallumctl have in common: text that is safe in an SVG
 * file. Names come from the paravisor and are hostile: nothing of them may
 * become markup or script.
 */
#ifndef VL_CTL_SVG_H
#define VL_CTL_SVG_H

#include "common/base/types.h"

#include <stdio.h>

#define SVG_FONT "ui-monospace,'DejaVu Sans Mono',monospace"
#define SVG_CHAR_WIDTH(size) ((size) * 0.602) /* of these fonts, in pixels */

/*
 * Writes `text`, at most `most` characters of it, as XML character data that
 * also fits between quotes. What may not be shown (utf8.h) becomes U+FFFD. A text
 * that is cut ends in "..", if two characters fit.
 */
void svg_text(FILE *out, const char *text, size_t most);

/* Characters of `text`, as svg_text counts them. */
size_t svg_length(const char *text);

/*
 * "1.25 ms" with three digits that count, "s" from one second on; ns from
 * below 1 us. `room` of 24 is enough.
 */
void svg_duration(char *out, size_t room, uint64_t ns);

#endif
