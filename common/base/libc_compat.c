/*
 * What Debian's archives of BearSSL call because they were compiled for glibc
 * with _FORTIFY_SOURCE, and musl does not have. Called by those archives only.
 * A copy that is larger than its destination ends the program.
 */
#include <stddef.h>

void *__memcpy_chk(void *dst, const void *src, size_t count, size_t dst_size);
void *__memmove_chk(void *dst, const void *src, size_t count, size_t dst_size);
void *__memset_chk(void *dst, int value, size_t count, size_t dst_size);

static void check(size_t count, size_t dst_size)
{
	if (count > dst_size)
		__builtin_trap();
}

void *__memcpy_chk(void *dst, const void *src, size_t count, size_t dst_size)
{
	check(count, dst_size);
	return __builtin_memcpy(dst, src, count);
}

void *__memmove_chk(void *dst, const void *src, size_t count, size_t dst_size)
{
	check(count, dst_size);
	return __builtin_memmove(dst, src, count);
}

void *__memset_chk(void *dst, int value, size_t count, size_t dst_size)
{
	check(count, dst_size);
	return __builtin_memset(dst, value, count);
}
