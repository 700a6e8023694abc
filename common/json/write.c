/* JSON writer (json.h). Called with our own data; strings may hold anything but NUL. */
#include "common/json/json.h"
#include "common/base/fmt.h"

#include <string.h>

static void put(struct json_writer *w, const char *text, size_t size)
{
	if (w->err)
		return;
	if (size > w->room - w->used) {
		w->err = VL_E_NOSPACE;
		return;
	}
	memcpy(w->out + w->used, text, size);
	w->used += size;
}

static void put_quoted(struct json_writer *w, const char *s)
{
	char escape[8];

	put(w, "\"", 1);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			put(w, escape, vl_format(escape, sizeof(escape), "\\%c", *s));
		else if ((unsigned char)*s < 0x20)
			put(w, escape, vl_format(escape, sizeof(escape), "\\u%04x", (unsigned char)*s));
		else
			put(w, s, 1);
	}
	put(w, "\"", 1);
}

static void put_name(struct json_writer *w, const char *name)
{
	if (w->comma)
		put(w, ",", 1);
	w->comma = true;
	if (!name)
		return;
	put_quoted(w, name);
	put(w, ":", 1);
}

void json_begin(struct json_writer *w, char *out, size_t room)
{
	memset(w, 0, sizeof(*w));
	w->out = out;
	w->room = room;
}

void json_open(struct json_writer *w, const char *name, char bracket)
{
	if (w->depth == JSON_DEPTH_MAX)
		w->err = w->err ? w->err : VL_E_LIMIT;
	w->depth++;
	put_name(w, name);
	put(w, &bracket, 1);
	w->comma = false;
}

void json_close(struct json_writer *w, char bracket)
{
	w->depth--;
	put(w, &bracket, 1);
	w->comma = true;
}

void json_put_bool(struct json_writer *w, const char *name, bool value)
{
	put_name(w, name);
	put(w, value ? "true" : "false", value ? 4 : 5);
}

void json_put_uint(struct json_writer *w, const char *name, uint64_t value)
{
	char text[24];

	put_name(w, name);
	put(w, text, vl_format(text, sizeof(text), "%llu", (unsigned long long)value));
}

void json_put_string(struct json_writer *w, const char *name, const char *value)
{
	put_name(w, name);
	put_quoted(w, value);
}
