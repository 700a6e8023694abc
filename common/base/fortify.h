/*
 * Copies and reads that know how large their destination is, for the hardened
 * build: the compiler includes this file first (-include). musl has no
 * _FORTIFY_SOURCE of its own. A call that would write beyond an object whose size
 * the compiler knows ends the program; one whose size it does not know is as ever.
 *
 * As C libraries do it: an inline function takes the place of each, and hands on to
 * the compiler's builtin or to the real function.
 */
#ifndef VL_BASE_FORTIFY_H
#define VL_BASE_FORTIFY_H

#ifndef __ASSEMBLER__

#include <string.h>
#include <sys/types.h>

#define FORTIFIED extern inline __attribute__((gnu_inline, always_inline, artificial))
#define FORTIFY_ROOM(p) __builtin_object_size(p, 0)

#undef memcpy
#undef memmove
#undef memset

FORTIFIED void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
	if (size > FORTIFY_ROOM(to))
		__builtin_trap();
	return __builtin_memcpy(to, from, size);
}

FORTIFIED void *memmove(void *to, const void *from, size_t size)
{
	if (size > FORTIFY_ROOM(to))
		__builtin_trap();
	return __builtin_memmove(to, from, size);
}

FORTIFIED void *memset(void *to, int value, size_t size)
{
	if (size > FORTIFY_ROOM(to))
		__builtin_trap();
	return __builtin_memset(to, value, size);
}

extern char *fortify_strcpy(char *restrict to, const char *restrict from) __asm__("strcpy");
FORTIFIED char *strcpy(char *restrict to, const char *restrict from)
{
	if (strlen(from) >= FORTIFY_ROOM(to))
		__builtin_trap();
	return fortify_strcpy(to, from);
}

extern char *fortify_strcat(char *restrict to, const char *restrict from) __asm__("strcat");
FORTIFIED char *strcat(char *restrict to, const char *restrict from)
{
	if (strlen(to) + strlen(from) >= FORTIFY_ROOM(to))
		__builtin_trap();
	return fortify_strcat(to, from);
}

extern ssize_t fortify_read(int fd, void *to, size_t size) __asm__("read");
FORTIFIED ssize_t read(int fd, void *to, size_t size)
{
	if (size > FORTIFY_ROOM(to))
		__builtin_trap();
	return fortify_read(fd, to, size);
}

extern ssize_t fortify_pread(int fd, void *to, size_t size, off_t at) __asm__("pread");
FORTIFIED ssize_t pread(int fd, void *to, size_t size, off_t at)
{
	if (size > FORTIFY_ROOM(to))
		__builtin_trap();
	return fortify_pread(fd, to, size, at);
}

extern ssize_t fortify_recv(int fd, void *to, size_t size, int flags) __asm__("recv");
FORTIFIED ssize_t recv(int fd, void *to, size_t size, int flags)
{
	if (size > FORTIFY_ROOM(to))
		__builtin_trap();
	return fortify_recv(fd, to, size, flags);
}

#endif

#endif
