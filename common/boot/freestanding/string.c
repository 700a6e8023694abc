/*
 * The memory and string functions of C that the shim's code, libfdt and the
 * compiler call. Small rather than fast.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Keeps the compiler from turning a loop into a call of the function that the loop implements. */
#define NO_IDIOM() __asm__ volatile("")

void *memcpy(void *restrict out, const void *restrict in, size_t size)
{
	unsigned char *o = out;
	const unsigned char *i = in;

	for (; size; size--, o++, i++) {
		*o = *i;
		NO_IDIOM();
	}
	return out;
}

/*
 * What a fortified library calls (Debian's BearSSL); a size that is too large is an exception, which stops
 * the boot.
 */
void *__memcpy_chk(void *out, const void *in, size_t size, size_t room);

void *__memcpy_chk(void *out, const void *in, size_t size, size_t room)
{
	if (size > room)
		__builtin_trap();
	return memcpy(out, in, size);
}

void *memmove(void *out, const void *in, size_t size)
{
	unsigned char *o = out;
	const unsigned char *i = in;

	if ((uintptr_t)o - (uintptr_t)i >= size)
		return memcpy(out, in, size);
	while (size--) {
		o[size] = i[size];
		NO_IDIOM();
	}
	return out;
}

void *memset(void *out, int value, size_t size)
{
	unsigned char *o = out;

	for (; size; size--, o++) {
		*o = (unsigned char)value;
		NO_IDIOM();
	}
	return out;
}

int memcmp(const void *a, const void *b, size_t size)
{
	const unsigned char *x = a, *y = b;

	for (; size; size--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

void *memchr(const void *in, int value, size_t size)
{
	const unsigned char *i = in;

	for (; size; size--, i++)
		if (*i == (unsigned char)value)
			return (void *)(uintptr_t)i;
	return NULL;
}

size_t strlen(const char *text)
{
	size_t length = 0;

	while (text[length]) {
		length++;
		NO_IDIOM();
	}
	return length;
}

size_t strnlen(const char *text, size_t most)
{
	size_t length = 0;

	while (length < most && text[length])
		length++;
	return length;
}

int strncmp(const char *a, const char *b, size_t most)
{
	for (; most; most--, a++, b++)
		if (*a != *b || !*a)
			return (unsigned char)*a - (unsigned char)*b;
	return 0;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, (size_t)-1);
}

char *strrchr(const char *text, int value)
{
	const char *found = NULL;

	do {
		if (*text == (char)value)
			found = text;
	} while (*text++);
	return (char *)(uintptr_t)found;
}
