/*
 * JSON (RFC 8259) from and to bounded buffers without allocating. Used for the
 * documents of the host channel, which are hostile input. A document is
 * walked once; each scalar is reported with its path, so that a decoder is a
 * table from paths to fields.
 */
#ifndef VL_JSON_JSON_H
#define VL_JSON_JSON_H

#include "common/base/err.h"
#include "common/base/types.h"

#define JSON_DEPTH_MAX 16
#define JSON_PATH_MAX 192 /* bytes with the NUL */

enum json_type { JSON_STRING, JSON_NUMBER, JSON_BOOL, JSON_NULL };

struct json_value {
	enum json_type type;
	const char *path; /* "V2.Static.WatchdogEnabled"; an array element's name is its index */
	const char *text; /* the scalar as it stands in the document; a string without its quotes, escaped */
	size_t size;      /* of text in bytes */
};

/* Called for each scalar in order; an error ends the walk and is returned. */
typedef int json_visitor(void *context, const struct json_value *v);

/*
 * Walks the one value in text[0, size). An empty object or array reports
 * nothing. 0, the visitor's error, or VL_E_FORMAT (not JSON, or trailing
 * bytes), VL_E_LIMIT (deeper than JSON_DEPTH_MAX or a path too long). *offset
 * (may be NULL) is where an error was found.
 */
int json_walk(const char *text, size_t size, json_visitor *visit, void *context, size_t *offset);

/* true or false. VL_E_TYPE. */
int json_bool(const struct json_value *v, bool *out);
/* A whole number without sign or fraction. VL_E_TYPE; VL_E_RANGE beyond `most`. */
int json_uint(const struct json_value *v, uint64_t most, uint64_t *out);
/*
 * The string with its escapes resolved, NUL-terminated. VL_E_TYPE; VL_E_LIMIT
 * when it does not fit `room`; VL_E_FORMAT for a bad escape or a NUL in it.
 */
int json_string(const struct json_value *v, char *out, size_t room);

/* Builds a document; sticky like vl_writer: check `err` (0 or VL_E_NOSPACE, VL_E_LIMIT) at the end. */
struct json_writer {
	char *out;
	size_t room, used; /* bytes; no NUL is written */
	unsigned depth;
	bool comma; /* the next element needs one */
	int err;
};

void json_begin(struct json_writer *w, char *out, size_t room);
/* `name` is NULL for an array's element and the outermost value. */
void json_open(struct json_writer *w, const char *name, char bracket); /* '{' or '[' */
void json_close(struct json_writer *w, char bracket);                  /* '}' or ']' */
void json_put_bool(struct json_writer *w, const char *name, bool value);
void json_put_uint(struct json_writer *w, const char *name, uint64_t value);
void json_put_string(struct json_writer *w, const char *name, const char *value);

#endif
