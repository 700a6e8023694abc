/* What vallum-exec is told, and tells the diagnostics server (exec.h), as received: hostile. */
#include "runtime/exec/exec.h"

#include <string.h>

static unsigned count_bits(uint32_t streams)
{
	unsigned count = 0;

	for (unsigned i = 0; i < EXEC_STREAM_COUNT; i++)
		count += streams >> i & 1;
	return count;
}

int exec_begin_check(const struct exec_begin *b, size_t size, size_t fd_count)
{
	if (size != sizeof(*b))
		return VL_E_TRUNCATED;
	if (b->version != EXEC_VERSION)
		return VL_E_VERSION;
	return fd_count > 1 ? VL_E_RANGE : 0;
}

int exec_request_check(const struct exec_request *q, size_t size, size_t fd_count)
{
	int err;

	if (size != sizeof(*q))
		return VL_E_TRUNCATED;
	if (q->version != EXEC_VERSION)
		return VL_E_VERSION;
	if (q->streams >> EXEC_STREAM_COUNT || count_bits(q->streams) != fd_count)
		return VL_E_RANGE;
	if (q->tty > 1 || q->combine_stderr > 1 || q->clear_env > 1)
		return VL_E_RANGE;
	if (!q->command[0] || !memchr(q->command, 0, sizeof(q->command)))
		return VL_E_FORMAT;
	err = diag_words_check(&q->args);
	return err ? err : diag_words_check(&q->env);
}

int exec_message_check(const struct exec_message *m, size_t size, size_t fd_count)
{
	if (size != sizeof(*m))
		return VL_E_TRUNCATED;
	if (m->said != EXEC_STARTED && m->said != EXEC_ENDED)
		return VL_E_TYPE;
	if (fd_count)
		return VL_E_RANGE;
	if (m->said == EXEC_ENDED)
		return m->value >= 0 && m->value <= 255 ? 0 : VL_E_RANGE;
	return m->value > -(int)VL_ERR_COUNT && m->value != 0 ? 0 : VL_E_RANGE;
}
