/*
 * JSON walker (json.h). Input is untrusted: depth and path are bounded, every
 * byte is looked at once, nothing is written but the path.
 */
#include "common/json/json.h"
#include "common/base/fmt.h"

#include <string.h>

struct walk {
	const char *text;
	size_t size, pos;
	unsigned depth;
	char path[JSON_PATH_MAX];
	size_t path_used;
	json_visitor *visit;
	void *context;
};

static int walk_value(struct walk *w);

static int peek(const struct walk *w)
{
	return w->pos < w->size ? (unsigned char)w->text[w->pos] : -1;
}

static int next_token(struct walk *w)
{
	while (w->pos < w->size && strchr(" \t\r\n", w->text[w->pos]) && w->text[w->pos])
		w->pos++;
	return peek(w);
}

/* At a quote; leaves `pos` behind the closing one. */
static int scan_string(struct walk *w, const char **text, size_t *size)
{
	size_t start = ++w->pos;
	int c;

	while ((c = peek(w)) != '"') {
		if (c < 0x20) /* the end, or a raw control character */
			return VL_E_FORMAT;
		w->pos += c == '\\' ? 2 : 1;
	}
	*text = w->text + start;
	*size = w->pos - start;
	w->pos++;
	return 0;
}

static int push_name(struct walk *w, const char *name, size_t size)
{
	size_t dot = w->path_used ? 1 : 0;

	if (w->path_used + dot + size >= sizeof(w->path))
		return VL_E_LIMIT;
	/* A name with a dot or a NUL could pose as another path. */
	if (memchr(name, '.', size) || memchr(name, 0, size))
		return VL_E_FORMAT;
	if (dot)
		w->path[w->path_used] = '.';
	memcpy(w->path + w->path_used + dot, name, size);
	w->path_used += dot + size;
	w->path[w->path_used] = 0;
	return 0;
}

static void pop_name(struct walk *w, size_t used)
{
	w->path_used = used;
	w->path[used] = 0;
}

static int member_name(struct walk *w, bool object, unsigned index)
{
	const char *name;
	char digits[16];
	size_t size;
	int err;

	if (!object) {
		size = vl_format(digits, sizeof(digits), "%u", index);
		return push_name(w, digits, size);
	}
	if (next_token(w) != '"')
		return VL_E_FORMAT;
	err = scan_string(w, &name, &size);
	if (!err)
		err = push_name(w, name, size);
	if (!err && next_token(w) != ':')
		err = VL_E_FORMAT;
	w->pos += !err;
	return err;
}

static int walk_members(struct walk *w, bool object)
{
	char end = object ? '}' : ']';
	size_t used = w->path_used;
	int err, c;

	w->pos++;
	if (next_token(w) == end) {
		w->pos++;
		return 0;
	}
	for (unsigned i = 0;; i++) {
		err = member_name(w, object, i);
		if (!err)
			err = walk_value(w);
		if (err)
			return err;
		pop_name(w, used);
		c = next_token(w);
		if (c != ',' && c != end)
			return VL_E_FORMAT;
		w->pos++;
		if (c == end)
			return 0;
	}
}

static size_t digits(struct walk *w)
{
	size_t start = w->pos;

	while (peek(w) >= '0' && peek(w) <= '9')
		w->pos++;
	return w->pos - start;
}

static int scan_number(struct walk *w)
{
	bool zero;

	w->pos += peek(w) == '-';
	zero = peek(w) == '0';
	size_t n = digits(w);
	if (n == 0 || (zero && n > 1))
		return VL_E_FORMAT;
	if (peek(w) == '.') {
		w->pos++;
		if (digits(w) == 0)
			return VL_E_FORMAT;
	}
	if (peek(w) == 'e' || peek(w) == 'E') {
		w->pos++;
		w->pos += peek(w) == '+' || peek(w) == '-';
		if (digits(w) == 0)
			return VL_E_FORMAT;
	}
	return 0;
}

static int scan_word(struct walk *w, const char *word)
{
	size_t n = strlen(word);

	if (!vl_within(w->pos, n, w->size) || memcmp(w->text + w->pos, word, n) != 0)
		return VL_E_FORMAT;
	w->pos += n;
	return 0;
}

static int walk_scalar(struct walk *w, int c)
{
	struct json_value v = { .type = JSON_NUMBER, .path = w->path, .text = w->text + w->pos };
	size_t start = w->pos;
	int err;

	if (c == '"') {
		v.type = JSON_STRING;
		err = scan_string(w, &v.text, &v.size);
	} else if (c == 't' || c == 'f') {
		v.type = JSON_BOOL;
		err = scan_word(w, c == 't' ? "true" : "false");
	} else if (c == 'n') {
		v.type = JSON_NULL;
		err = scan_word(w, "null");
	} else {
		err = scan_number(w);
	}
	if (err)
		return err;
	if (v.type != JSON_STRING)
		v.size = w->pos - start;
	return w->visit(w->context, &v);
}

static int walk_value(struct walk *w)
{
	int c = next_token(w), err;

	if (c != '{' && c != '[')
		return walk_scalar(w, c);
	if (w->depth == JSON_DEPTH_MAX)
		return VL_E_LIMIT;
	w->depth++;
	err = walk_members(w, c == '{');
	w->depth--;
	return err;
}

int json_walk(const char *text, size_t size, json_visitor *visit, void *context, size_t *offset)
{
	struct walk w = { .text = text, .size = size, .visit = visit, .context = context };
	int err = walk_value(&w);

	if (!err && next_token(&w) != -1)
		err = VL_E_FORMAT;
	if (offset)
		*offset = w.pos < size ? w.pos : size;
	return err;
}

int json_bool(const struct json_value *v, bool *out)
{
	if (v->type != JSON_BOOL)
		return VL_E_TYPE;
	*out = v->text[0] == 't';
	return 0;
}

int json_uint(const struct json_value *v, uint64_t most, uint64_t *out)
{
	uint64_t n = 0;

	if (v->type != JSON_NUMBER)
		return VL_E_TYPE;
	for (size_t i = 0; i < v->size; i++) {
		unsigned digit = (unsigned)(v->text[i] - '0');

		if (digit > 9)
			return VL_E_RANGE;
		if (n > (UINT64_MAX - digit) / 10)
			return VL_E_RANGE;
		n = n * 10 + digit;
	}
	if (n > most)
		return VL_E_RANGE;
	*out = n;
	return 0;
}

static int hex4(const char *p, uint32_t *c)
{
	*c = 0;
	for (int i = 0; i < 4; i++) {
		char d = p[i];
		unsigned n = d >= '0' && d <= '9' ? (unsigned)(d - '0') : (d | 32) >= 'a' && (d | 32) <= 'f' ?
			(unsigned)((d | 32) - 'a' + 10) : 16;

		if (n > 15)
			return VL_E_FORMAT;
		*c = *c << 4 | n;
	}
	return 0;
}

/* \uXXXX at p (behind the 'u'), a pair of them for a surrogate; returns the bytes taken or an error. */
static int unicode_escape(const char *p, size_t left, uint32_t *c)
{
	uint32_t low;

	if (left < 4 || hex4(p, c) || *c == 0 || (*c >= 0xdc00 && *c < 0xe000))
		return VL_E_FORMAT;
	if (*c < 0xd800 || *c >= 0xe000)
		return 4;
	if (left < 10 || p[4] != '\\' || p[5] != 'u' || hex4(p + 6, &low) || low < 0xdc00 || low >= 0xe000)
		return VL_E_FORMAT;
	*c = 0x10000 + ((*c - 0xd800) << 10) + (low - 0xdc00);
	return 10;
}

static size_t put_utf8(char out[4], uint32_t c)
{
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

	for (size_t i = n; i-- > 1; c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(lead[n] | c);
	return n;
}

/* The escape behind a backslash at p; returns the bytes taken or an error. */
static int one_escape(const char *p, size_t left, uint32_t *c)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at;
	int n;

	if (left == 0)
		return VL_E_FORMAT;
	if (*p == 'u') {
		n = unicode_escape(p + 1, left - 1, c);
		return n < 0 ? n : n + 1;
	}
	at = *p ? strchr(from, *p) : NULL;
	if (!at)
		return VL_E_FORMAT;
	*c = (uint32_t)to[at - from];
	return 1;
}

int json_string(const struct json_value *v, char *out, size_t room)
{
	size_t used = 0, n;
	char bytes[4];
	uint32_t c;
	int taken;

	if (v->type != JSON_STRING)
		return VL_E_TYPE;
	for (size_t i = 0; i < v->size;) {
		bytes[0] = v->text[i++];
		n = 1;
		if (bytes[0] == '\\') {
			taken = one_escape(v->text + i, v->size - i, &c);
			if (taken < 0)
				return taken;
			i += (size_t)taken;
			n = put_utf8(bytes, c);
		}
		if (used + n >= room)
			return VL_E_LIMIT;
		memcpy(out + used, bytes, n);
		used += n;
	}
	out[used] = 0;
	return 0;
}
