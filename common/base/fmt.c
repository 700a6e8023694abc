/* Formatting without libc (fmt.h). Input: our own format strings; arguments may hold untrusted text. */
#include "common/base/fmt.h"

struct out {
	char *data;
	size_t size, length;
};

struct spec {
	bool left, zero;
	int width, precision; /* precision -1: none given */
	int long_count;       /* 2 l's, j, z and t all mean 64 bits here */
};

static void put(struct out *o, char c)
{
	if (o->length + 1 < o->size)
		o->data[o->length] = c;
	o->length++;
}

static void put_padded(struct out *o, const struct spec *s, const char *text, size_t length, bool negative)
{
	size_t width = s->width > 0 ? (size_t)s->width : 0;
	size_t total = length + negative;
	size_t pad = width > total ? width - total : 0;
	bool zero = s->zero && !s->left;

	for (; !s->left && !zero && pad; pad--)
		put(o, ' ');
	if (negative)
		put(o, '-');
	for (; zero && pad; pad--)
		put(o, '0');
	while (length--)
		put(o, *text++);
	for (; pad; pad--)
		put(o, ' ');
}

static void put_number(struct out *o, struct spec *s, uint64_t v, unsigned base, bool upper, bool negative)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char text[32];
	size_t at = sizeof(text);
	size_t least = s->precision >= 0 ? (size_t)s->precision : 1;

	if (least > sizeof(text))
		least = sizeof(text);
	while (v || sizeof(text) - at < least) {
		text[--at] = digits[v % base];
		v /= base;
	}
	if (s->precision >= 0)
		s->zero = false;
	put_padded(o, s, text + at, sizeof(text) - at, negative);
}

static void put_string(struct out *o, const struct spec *s, const char *text)
{
	size_t length = 0;
	struct spec plain = *s;

	if (!text)
		text = "(null)";
	while ((s->precision < 0 || length < (size_t)s->precision) && text[length])
		length++;
	plain.zero = false;
	put_padded(o, &plain, text, length, false);
}

static const char *parse_int(const char *p, int *value)
{
	*value = 0;
	for (; *p >= '0' && *p <= '9'; p++)
		if (*value < 10000)
			*value = *value * 10 + (*p - '0');
	return p;
}

static const char *parse_length(const char *p, struct spec *s)
{
	for (;; p++) {
		if (*p == 'l')
			s->long_count++;
		else if (*p == 'j' || *p == 'z' || *p == 't')
			s->long_count = 2;
		else if (*p != 'h')
			return p;
	}
}

/* va_list travels inside a struct so that a callee's use advances the caller's. */
struct args {
	va_list list;
};

static const char *parse_spec(const char *p, struct spec *s, struct args *a)
{
	*s = (struct spec){ .precision = -1 };
	for (;; p++) {
		if (*p == '-')
			s->left = true;
		else if (*p == '0')
			s->zero = true;
		else
			break;
	}
	if (*p == '*') {
		s->width = va_arg(a->list, int);
		p++;
	} else {
		p = parse_int(p, &s->width);
	}
	if (*p == '.') {
		p++;
		if (*p == '*') {
			s->precision = va_arg(a->list, int);
			p++;
		} else {
			p = parse_int(p, &s->precision);
		}
	}
	return parse_length(p, s);
}

static void put_signed(struct out *o, struct spec *s, struct args *a)
{
	int64_t v = s->long_count ? (int64_t)va_arg(a->list, long) : va_arg(a->list, int);

	put_number(o, s, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, 10, false, v < 0);
}

static uint64_t take_unsigned(const struct spec *s, struct args *a)
{
	return s->long_count ? va_arg(a->list, unsigned long) : va_arg(a->list, unsigned int);
}

static void put_pointer(struct out *o, struct spec *s, struct args *a)
{
	put(o, '0');
	put(o, 'x');
	put_number(o, s, (uintptr_t)va_arg(a->list, void *), 16, false, false);
}

static void put_conversion(struct out *o, char c, struct spec *s, struct args *a)
{
	char one;

	switch (c) {
	case 'd': case 'i': put_signed(o, s, a); break;
	case 'u': put_number(o, s, take_unsigned(s, a), 10, false, false); break;
	case 'x': put_number(o, s, take_unsigned(s, a), 16, false, false); break;
	case 'X': put_number(o, s, take_unsigned(s, a), 16, true, false); break;
	case 'p': put_pointer(o, s, a); break;
	case 's': put_string(o, s, va_arg(a->list, const char *)); break;
	case 'c':
		one = (char)va_arg(a->list, int);
		put_padded(o, s, &one, 1, false);
		break;
	case '%': put(o, '%'); break;
	default:
		put(o, '%');
		put(o, c);
	}
}

_Static_assert(sizeof(long) == 8, "all ports are LP64: %l, %ll, %z, %j and %t are alike");

size_t vl_vformat(char *out, size_t size, const char *fmt, va_list args)
{
	struct out o = { out, size, 0 };
	struct args a;
	struct spec s;

	va_copy(a.list, args);
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			put(&o, *fmt);
			continue;
		}
		fmt = parse_spec(fmt + 1, &s, &a);
		if (!*fmt)
			break;
		put_conversion(&o, *fmt, &s, &a);
	}
	va_end(a.list);
	if (size)
		out[o.length < size ? o.length : size - 1] = '\0';
	return o.length;
}

size_t vl_format(char *out, size_t size, const char *fmt, ...)
{
	va_list args;
	size_t length;

	va_start(args, fmt);
	length = vl_vformat(out, size, fmt, args);
	va_end(args);
	return length;
}
