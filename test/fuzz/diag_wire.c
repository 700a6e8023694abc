/* Fuzzes the diagnostics protocol: the bytes as a frame of either side and as the payload of every call. */
#include "common/base/err.h"
#include "common/diag/diag.h"
#include "common/protobuf/protobuf.h"
#include "common/ttrpc/ttrpc.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was understood is whole, and is the same when it is written and read again. */
static void exec(const uint8_t *data, size_t size)
{
	static uint8_t out[1 << 14];
	struct diag_exec_request q, again;
	struct vl_writer w;

	if (diag_exec_decode(data, size, &q))
		return;
	if (diag_words_check(&q.args) || diag_words_check(&q.env) || strlen(q.command) >= sizeof(q.command))
		abort();
	vl_writer_init(&w, out, sizeof(out));
	diag_exec_encode(&w, &q);
	if (w.err || diag_exec_decode(out, w.pos, &again) || strcmp(q.command, again.command) ||
	    memcmp(&q.args, &again.args, sizeof(q.args)) || memcmp(&q.env, &again.env, sizeof(q.env)) ||
	    q.in != again.in || q.out != again.out || q.err != again.err || q.tty != again.tty)
		abort();
}

static void payloads(const uint8_t *data, size_t size)
{
	struct diag_inspect_request inspect;
	struct diag_update_request update;
	struct diag_stream_request stream;
	struct diag_profile_request profile;
	struct diag_capture_request capture;
	struct diag_start_request start;
	struct diag_crash_request crash;
	struct diag_wait_request wait;
	const uint8_t *field;
	size_t field_size;
	int32_t number;

	if (!diag_inspect_decode(data, size, &inspect) && strlen(inspect.path) >= sizeof(inspect.path))
		abort();
	diag_update_decode(data, size, &update);
	diag_stream_decode(data, size, &stream);
	diag_profile_decode(data, size, &profile);
	diag_capture_decode(data, size, &capture);
	diag_start_decode(data, size, &start);
	diag_crash_decode(data, size, &crash);
	diag_wait_decode(data, size, &wait);
	diag_number_decode(data, size, &number);
	exec(data, size);
	if (!diag_response_decode(data, size, &field, &field_size) && field_size > size)
		abort();
}

static void request(const uint8_t *data, size_t size)
{
	static uint8_t out[1 << 16];
	struct ttrpc_request q, again;
	struct ttrpc_mark mark;
	struct vl_writer w;

	if (ttrpc_request_decode(data, size, &q))
		return;
	payloads(q.payload, q.payload_size);
	vl_writer_init(&w, out, sizeof(out));
	mark = ttrpc_request_begin(&w, 1, q.service, q.method, q.timeout_ns);
	vl_write_bytes(&w, q.payload, q.payload_size);
	ttrpc_end(&w, mark);
	if (w.err)
		return;
	if (ttrpc_request_decode(out + TTRPC_HEADER_BYTES, w.pos - TTRPC_HEADER_BYTES, &again) ||
	    strcmp(again.service, q.service) || again.payload_size != q.payload_size ||
	    again.timeout_ns != q.timeout_ns)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ttrpc_response a;
	struct ttrpc_header h;
	const char *text;

	payloads(data, size);
	request(data, size);
	if (!ttrpc_response_decode(data, size, &a) && !pb_is_text(a.text, strlen(a.text)))
		abort();
	if (size < TTRPC_HEADER_BYTES)
		return 0;
	ttrpc_header_read(data, &h);
	if (ttrpc_header_check(&h, 65536, &text) == TTRPC_OK)
		request(data + TTRPC_HEADER_BYTES, size - TTRPC_HEADER_BYTES);
	return 0;
}
