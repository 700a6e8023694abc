/* The diagnostics services' messages (diag.h). Called by server and client; what is decoded is hostile. */
#include "common/diag/diag.h"
#include "common/base/err.h"
#include "common/base/fmt.h"
#include "common/protobuf/protobuf.h"

#include <string.h>

enum { STREAM_FOLLOW = 1, STREAM_CONN, STREAM_PATH };
enum { UPDATE_PATH = 1, UPDATE_VALUE };
enum { PROFILE_CONN = 1, PROFILE_DURATION, PROFILE_ARGUMENT };
enum { START_ENV = 1, START_ARGS };
enum { CRASH_PID = 1 };
enum { CAPTURE_OPERATION = 3 };
enum { EXEC_COMMAND = 1, EXEC_ARGS, EXEC_TTY, EXEC_STDIN, EXEC_STDOUT, EXEC_STDERR, EXEC_COMBINE, EXEC_ENV,
	EXEC_CLEAR };
enum { ENV_NAME = 1, ENV_VALUE };
enum { WAIT_PID = 1 };

int diag_stream_decode(const void *data, size_t size, struct diag_stream_request *q)
{
	struct vl_reader r;
	struct pb_field f;

	memset(q, 0, sizeof(*q));
	vl_reader_init(&r, data, size);
	while (pb_next(&r, &f)) {
		if (f.number == STREAM_FOLLOW)
			q->follow = pb_bool(&r, &f);
		else if (f.number == STREAM_CONN)
			q->conn = pb_varint(&r, &f);
		else if (f.number == STREAM_PATH)
			pb_string(&r, &f, q->path, sizeof(q->path));
	}
	return r.err;
}

int diag_update_decode(const void *data, size_t size, struct diag_update_request *q)
{
	struct vl_reader r;
	struct pb_field f;

	memset(q, 0, sizeof(*q));
	vl_reader_init(&r, data, size);
	while (pb_next(&r, &f)) {
		if (f.number == UPDATE_PATH)
			pb_string(&r, &f, q->path, sizeof(q->path));
		else if (f.number == UPDATE_VALUE)
			pb_string(&r, &f, q->value, sizeof(q->value));
	}
	return r.err;
}

/* "hertz=N", N of at most six digits; anything else is left alone. */
static void take_profiler_argument(const struct pb_field *f, uint32_t *hertz)
{
	static const char key[] = "hertz=";
	const size_t key_size = sizeof(key) - 1;
	uint32_t value = 0;

	if (f->size <= key_size || f->size > key_size + 6 || memcmp(f->bytes, key, key_size) != 0)
		return;
	for (size_t i = key_size; i < f->size; i++) {
		if (f->bytes[i] < '0' || f->bytes[i] > '9')
			return;
		value = value * 10 + (f->bytes[i] - '0');
	}
	*hertz = value;
}

int diag_profile_decode(const void *data, size_t size, struct diag_profile_request *q)
{
	struct vl_reader r;
	struct pb_field f;

	memset(q, 0, sizeof(*q));
	vl_reader_init(&r, data, size);
	while (pb_next(&r, &f)) {
		if (f.number == PROFILE_CONN)
			q->conn = pb_varint(&r, &f);
		else if (f.number == PROFILE_DURATION)
			q->duration_s = pb_varint(&r, &f);
		else if (f.number == PROFILE_ARGUMENT && f.type == PB_BYTES)
			take_profiler_argument(&f, &q->hertz);
	}
	return r.err;
}

int diag_start_decode(const void *data, size_t size, struct diag_start_request *q)
{
	struct vl_reader r;
	struct pb_field f;

	memset(q, 0, sizeof(*q));
	vl_reader_init(&r, data, size);
	while (pb_next(&r, &f)) {
		q->env_count += f.number == START_ENV;
		q->arg_count += f.number == START_ARGS;
	}
	return r.err;
}

int diag_crash_decode(const void *data, size_t size, struct diag_crash_request *q)
{
	struct vl_reader r;
	struct pb_field f;

	memset(q, 0, sizeof(*q));
	vl_reader_init(&r, data, size);
	while (pb_next(&r, &f))
		if (f.number == CRASH_PID)
			q->pid = (uint32_t)pb_i32(&r, &f);
	return r.err;
}

int diag_capture_decode(const void *data, size_t size, struct diag_capture_request *q)
{
	struct vl_reader r;
	struct pb_field f;

	memset(q, 0, sizeof(*q));
	vl_reader_init(&r, data, size);
	while (pb_next(&r, &f))
		if (f.number == CAPTURE_OPERATION)
			q->operation = (uint32_t)pb_i32(&r, &f);
	return r.err;
}

/* --- Commands --------------------------------------------------------------------------------- */

int diag_words_add(struct diag_words *w, const char *word)
{
	size_t size = strlen(word) + 1;

	if (w->count == DIAG_WORDS_MAX || size > sizeof(w->text) - w->size)
		return VL_E_LIMIT;
	memcpy(w->text + w->size, word, size);
	w->size += (uint32_t)size;
	w->count++;
	return 0;
}

const char *diag_words_next(const struct diag_words *w, uint32_t *at)
{
	const char *word = w->text + *at;

	if (*at >= w->size)
		return NULL;
	*at += (uint32_t)strlen(word) + 1;
	return word;
}

int diag_words_check(const struct diag_words *w)
{
	uint32_t count = 0;

	if (w->size > sizeof(w->text) || w->count > DIAG_WORDS_MAX)
		return VL_E_LIMIT;
	for (uint32_t i = 0; i < w->size; i++)
		count += w->text[i] == 0;
	return count == w->count && (w->size == 0 || w->text[w->size - 1] == 0) ? 0 : VL_E_FORMAT;
}

/* A word that the message has as a string. */
static void take_word(struct vl_reader *r, const struct pb_field *f, struct diag_words *w)
{
	char word[DIAG_WORDS_BYTES];
	int err;

	pb_string(r, f, word, sizeof(word));
	err = r->err ? 0 : diag_words_add(w, word);
	if (err)
		vl_reader_fail(r, err);
}

static int name_check(const char *name)
{
	return name[0] && !strchr(name, '=') ? 0 : VL_E_FORMAT;
}

/* EnvPair: a variable without a value is one that goes. */
static void take_variable(struct vl_reader *r, const struct pb_field *f, struct diag_words *w)
{
	struct vl_reader inner = pb_message(r, f);
	char name[DIAG_PATH_MAX] = "", value[DIAG_WORDS_BYTES], word[DIAG_PATH_MAX + DIAG_WORDS_BYTES];
	bool has_value = false;
	struct pb_field part;
	int err;

	while (pb_next(&inner, &part)) {
		if (part.number == ENV_NAME) {
			pb_string(&inner, &part, name, sizeof(name));
		} else if (part.number == ENV_VALUE) {
			has_value = true;
			pb_string(&inner, &part, value, sizeof(value));
		}
	}
	err = inner.err ? inner.err : name_check(name);
	vl_format(word, sizeof(word), "%s%s%s", name, has_value ? "=" : "", has_value && !err ? value : "");
	if (!err)
		err = diag_words_add(w, word);
	if (err)
		vl_reader_fail(r, err);
}

int diag_exec_decode(const void *data, size_t size, struct diag_exec_request *q)
{
	struct vl_reader r;
	struct pb_field f;

	memset(q, 0, sizeof(*q));
	vl_reader_init(&r, data, size);
	while (pb_next(&r, &f)) {
		switch (f.number) {
		case EXEC_COMMAND: pb_string(&r, &f, q->command, sizeof(q->command)); break;
		case EXEC_ARGS: take_word(&r, &f, &q->args); break;
		case EXEC_TTY: q->tty = pb_bool(&r, &f); break;
		case EXEC_STDIN: q->in = pb_varint(&r, &f); break;
		case EXEC_STDOUT: q->out = pb_varint(&r, &f); break;
		case EXEC_STDERR: q->err = pb_varint(&r, &f); break;
		case EXEC_COMBINE: q->combine_stderr = pb_bool(&r, &f); break;
		case EXEC_ENV: take_variable(&r, &f, &q->env); break;
		case EXEC_CLEAR: q->clear_env = pb_bool(&r, &f); break;
		default: break;
		}
	}
	return r.err;
}

int diag_wait_decode(const void *data, size_t size, struct diag_wait_request *q)
{
	int32_t pid;
	int err = diag_number_decode(data, size, &pid);

	q->pid = (uint32_t)pid;
	return err;
}

/* --- For a client ------------------------------------------------------------------------------ */

/* proto3: what has its default value is left out. */
static void put_u64(struct vl_writer *w, uint32_t number, uint64_t v)
{
	if (v)
		pb_put_varint(w, number, v);
}

static void put_text(struct vl_writer *w, uint32_t number, const char *text)
{
	if (*text)
		pb_put_string(w, number, text);
}

void diag_stream_encode(struct vl_writer *w, const struct diag_stream_request *q)
{
	put_u64(w, STREAM_FOLLOW, q->follow);
	put_u64(w, STREAM_CONN, q->conn);
	put_text(w, STREAM_PATH, q->path);
}

void diag_inspect_encode(struct vl_writer *w, const struct diag_inspect_request *q)
{
	put_text(w, DIAG_INSPECT_PATH, q->path);
	put_u64(w, DIAG_INSPECT_DEPTH, q->depth);
}

void diag_update_encode(struct vl_writer *w, const struct diag_update_request *q)
{
	put_text(w, UPDATE_PATH, q->path);
	put_text(w, UPDATE_VALUE, q->value);
}

void diag_profile_encode(struct vl_writer *w, const struct diag_profile_request *q)
{
	char argument[24];

	put_u64(w, PROFILE_CONN, q->conn);
	put_u64(w, PROFILE_DURATION, q->duration_s);
	if (q->hertz) {
		vl_format(argument, sizeof(argument), "hertz=%u", q->hertz);
		pb_put_string(w, PROFILE_ARGUMENT, argument);
	}
}

static void put_words(struct vl_writer *w, uint32_t number, const struct diag_words *words)
{
	const char *word;
	uint32_t at = 0;

	while ((word = diag_words_next(words, &at)))
		pb_put_string(w, number, word);
}

static void put_environment(struct vl_writer *w, const struct diag_words *words)
{
	const char *word;
	uint32_t at = 0;

	while ((word = diag_words_next(words, &at))) {
		const char *value = strchr(word, '=');
		size_t mark = pb_open(w, EXEC_ENV);

		pb_put_bytes(w, ENV_NAME, word, value ? (size_t)(value - word) : strlen(word));
		if (value)
			pb_put_string(w, ENV_VALUE, value + 1);
		pb_close(w, mark);
	}
}

void diag_exec_encode(struct vl_writer *w, const struct diag_exec_request *q)
{
	put_text(w, EXEC_COMMAND, q->command);
	put_words(w, EXEC_ARGS, &q->args);
	put_u64(w, EXEC_TTY, q->tty);
	put_u64(w, EXEC_STDIN, q->in);
	put_u64(w, EXEC_STDOUT, q->out);
	put_u64(w, EXEC_STDERR, q->err);
	put_u64(w, EXEC_COMBINE, q->combine_stderr);
	put_environment(w, &q->env);
	put_u64(w, EXEC_CLEAR, q->clear_env);
}

void diag_wait_encode(struct vl_writer *w, const struct diag_wait_request *q)
{
	put_u64(w, WAIT_PID, q->pid);
}

/* A negative number of 32 bits has the ten bytes of one of 64. */
void diag_number_encode(struct vl_writer *w, int32_t number)
{
	put_u64(w, DIAG_RESPONSE_FIELD, (uint64_t)(int64_t)number);
}

int diag_number_decode(const void *data, size_t size, int32_t *number)
{
	struct vl_reader r;
	struct pb_field f;

	*number = 0;
	vl_reader_init(&r, data, size);
	while (pb_next(&r, &f))
		if (f.number == DIAG_RESPONSE_FIELD)
			*number = pb_i32(&r, &f);
	return r.err;
}

int diag_response_decode(const void *data, size_t size, const uint8_t **field, size_t *field_size)
{
	struct vl_reader r, inner;
	struct pb_field f;

	*field = NULL;
	*field_size = 0;
	vl_reader_init(&r, data, size);
	while (pb_next(&r, &f)) {
		if (f.number != DIAG_RESPONSE_FIELD)
			continue;
		inner = pb_message(&r, &f);
		*field = inner.data;
		*field_size = inner.size;
	}
	return r.err;
}
