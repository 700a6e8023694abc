/* The reason that stops a boot (error.h). The text may quote the host's untrusted names. */
#include "common/boot/error.h"
#include "common/base/fmt.h"

void boot_printable(char *text, size_t size)
{
	for (size_t i = 0; i < size && text[i]; i++)
		if (text[i] < ' ' || text[i] > '~')
			text[i] = '?';
}

int boot_vfail(struct boot_error *error, int code, const char *fmt, va_list args)
{
	error->code = code;
	vl_vformat(error->text, sizeof(error->text), fmt, args);
	boot_printable(error->text, sizeof(error->text));
	return code;
}

int boot_fail(struct boot_error *error, int code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	boot_vfail(error, code, fmt, args);
	va_end(args);
	return code;
}
