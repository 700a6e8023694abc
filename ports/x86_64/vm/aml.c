/* aml.h. Called by acpi.c. */
#include "ports/x86_64/vm/aml.h"
#include <string.h>

enum aml_op {
	AML_ZERO = 0x00,
	AML_NAME = 0x08,
	AML_BYTE = 0x0a,
	AML_WORD = 0x0b,
	AML_DWORD = 0x0c,
	AML_STRING = 0x0d,
	AML_QWORD = 0x0e,
	AML_SCOPE = 0x10,
	AML_BUFFER = 0x11,
	AML_PACKAGE = 0x12,
	AML_METHOD = 0x14,
	AML_EXT = 0x5b,
	AML_EXT_REGION = 0x80,
	AML_EXT_FIELD = 0x81,
	AML_EXT_DEVICE = 0x82,
	AML_IF = 0xa0,
};
#define METHOD_SERIALIZED 8u
#define REGION_SYSTEM_IO 1u
#define FIELD_DWORD_ACCESS 3u

#define PKG_BYTES 3u    /* always the form with two more bytes: room is left before the length is known */
#define RESOURCE_END 0x79u

void aml_name(struct vl_writer *w, const char *name)
{
	vl_write_u8(w, AML_NAME);
	vl_write_bytes(w, name, 4);
}

void aml_integer(struct vl_writer *w, uint64_t value)
{
	if (value <= 0xff) {
		vl_write_u8(w, AML_BYTE);
		vl_write_u8(w, (uint8_t)value);
	} else if (value <= 0xffff) {
		vl_write_u8(w, AML_WORD);
		vl_write_le16(w, (uint16_t)value);
	} else if (value <= 0xffffffff) {
		vl_write_u8(w, AML_DWORD);
		vl_write_le32(w, (uint32_t)value);
	} else {
		vl_write_u8(w, AML_QWORD);
		vl_write_le64(w, value);
	}
}

static uint32_t hex(char c)
{
	return (uint32_t)(c <= '9' ? c - '0' : c - 'A' + 10);
}

/* Three compressed letters and four hex digits, big endian (19.3.4 EISAID). */
void aml_eisa_id(struct vl_writer *w, const char *id)
{
	uint32_t letters = (uint32_t)(id[0] - '@') << 10 | (uint32_t)(id[1] - '@') << 5 |
		(uint32_t)(id[2] - '@');
	uint32_t v = letters << 16 |
		hex(id[3]) << 12 | hex(id[4]) << 8 | hex(id[5]) << 4 | hex(id[6]);

	vl_write_u8(w, AML_DWORD);
	vl_write_be32(w, v);
}

void aml_string(struct vl_writer *w, const char *text)
{
	vl_write_u8(w, AML_STRING);
	vl_write_bytes(w, text, strlen(text) + 1);
}

static aml_mark begin(struct vl_writer *w)
{
	aml_mark mark = w->pos;

	vl_write_zeros(w, PKG_BYTES);
	return mark;
}

void aml_end(struct vl_writer *w, aml_mark mark)
{
	size_t length = w->pos - mark;

	if (w->err)
		return;
	w->data[mark] = (uint8_t)(2u << 6 | (length & 0xf));
	w->data[mark + 1] = (uint8_t)(length >> 4);
	w->data[mark + 2] = (uint8_t)(length >> 12);
}

aml_mark aml_scope(struct vl_writer *w, const char *path)
{
	aml_mark mark;

	vl_write_u8(w, AML_SCOPE);
	mark = begin(w);
	vl_write_bytes(w, path, strlen(path));
	return mark;
}

aml_mark aml_device(struct vl_writer *w, const char *name)
{
	aml_mark mark;

	vl_write_u8(w, AML_EXT);
	vl_write_u8(w, AML_EXT_DEVICE);
	mark = begin(w);
	vl_write_bytes(w, name, 4);
	return mark;
}

aml_mark aml_package(struct vl_writer *w, unsigned element_count)
{
	aml_mark mark;

	vl_write_u8(w, AML_PACKAGE);
	mark = begin(w);
	vl_write_u8(w, (uint8_t)element_count);
	return mark;
}

void aml_buffer(struct vl_writer *w, const void *data, uint8_t size)
{
	aml_mark mark;

	vl_write_u8(w, AML_BUFFER);
	mark = begin(w);
	aml_integer(w, size);
	vl_write_bytes(w, data, size);
	aml_end(w, mark);
}

void aml_op(struct vl_writer *w, enum aml_code op)
{
	vl_write_u8(w, (uint8_t)op);
}

void aml_ref(struct vl_writer *w, const char *name)
{
	vl_write_bytes(w, name, 4);
}

aml_mark aml_method(struct vl_writer *w, const char *name, unsigned argument_count)
{
	aml_mark mark;

	vl_write_u8(w, AML_METHOD);
	mark = begin(w);
	vl_write_bytes(w, name, 4);
	vl_write_u8(w, (uint8_t)(METHOD_SERIALIZED | argument_count));
	return mark;
}

aml_mark aml_if(struct vl_writer *w)
{
	vl_write_u8(w, AML_IF);
	return begin(w);
}

void aml_port_region(struct vl_writer *w, const char *name, uint16_t port, uint8_t size)
{
	vl_write_u8(w, AML_EXT);
	vl_write_u8(w, AML_EXT_REGION);
	vl_write_bytes(w, name, 4);
	vl_write_u8(w, REGION_SYSTEM_IO);
	aml_integer(w, port);
	aml_integer(w, size);
}

void aml_port_fields(struct vl_writer *w, const char *region, const char *const *names, unsigned count)
{
	aml_mark mark;

	vl_write_u8(w, AML_EXT);
	vl_write_u8(w, AML_EXT_FIELD);
	mark = begin(w);
	vl_write_bytes(w, region, 4);
	vl_write_u8(w, FIELD_DWORD_ACCESS);
	for (unsigned i = 0; i < count; i++) {
		vl_write_bytes(w, names[i], 4);
		vl_write_u8(w, 32); /* bits, as a package length of one byte */
	}
	aml_end(w, mark);
}

/* BufferOp PkgLength WordPrefix size bytes. */
aml_mark aml_resources(struct vl_writer *w)
{
	aml_mark mark;

	vl_write_u8(w, AML_BUFFER);
	mark = begin(w);
	vl_write_u8(w, AML_WORD);
	vl_write_le16(w, 0);
	return mark;
}

void aml_resources_end(struct vl_writer *w, aml_mark mark)
{
	size_t size;

	vl_write_u8(w, RESOURCE_END);
	vl_write_u8(w, 0); /* no checksum */
	size = w->pos - (mark + PKG_BYTES + 3);
	if (w->err)
		return;
	w->data[mark + PKG_BYTES + 1] = (uint8_t)size;
	w->data[mark + PKG_BYTES + 2] = (uint8_t)(size >> 8);
	aml_end(w, mark);
}

void aml_io(struct vl_writer *w, uint16_t base, uint8_t size)
{
	vl_write_u8(w, 0x47); /* I/O port descriptor, 6.4.2.5 */
	vl_write_u8(w, 1);    /* decodes 16 bits */
	vl_write_le16(w, base);
	vl_write_le16(w, base);
	vl_write_u8(w, 1);
	vl_write_u8(w, size);
}

void aml_irq(struct vl_writer *w, unsigned irq)
{
	vl_write_u8(w, 0x22); /* IRQ descriptor without flags, 6.4.2.1 */
	vl_write_le16(w, (uint16_t)(1u << irq));
}

/* Word address space descriptor, 6.4.3.5.3: producer, fixed ends. */
static void word_window(struct vl_writer *w, uint8_t type, uint8_t flags, uint16_t first, uint16_t last)
{
	vl_write_u8(w, 0x88);
	vl_write_le16(w, 13);
	vl_write_u8(w, type);
	vl_write_u8(w, 0x0c);
	vl_write_u8(w, flags);
	vl_write_le16(w, 0);
	vl_write_le16(w, first);
	vl_write_le16(w, last);
	vl_write_le16(w, 0);
	vl_write_le16(w, (uint16_t)(last - first + 1));
}

void aml_bus_numbers(struct vl_writer *w, uint16_t first, uint16_t last)
{
	word_window(w, 2, 0, first, last);
}

void aml_io_window(struct vl_writer *w, uint16_t first, uint16_t last)
{
	word_window(w, 1, 3 /* whole range */, first, last);
}

void aml_memory_fixed(struct vl_writer *w, uint32_t base, uint32_t size)
{
	vl_write_u8(w, 0x86); /* 32-bit fixed memory range, 6.4.3.4 */
	vl_write_le16(w, 9);
	vl_write_u8(w, 1);
	vl_write_le32(w, base);
	vl_write_le32(w, size);
}

void aml_memory_window(struct vl_writer *w, uint32_t first, uint32_t last)
{
	vl_write_u8(w, 0x87); /* double word, 6.4.3.5.2 */
	vl_write_le16(w, 23);
	vl_write_u8(w, 0);
	vl_write_u8(w, 0x0c);
	vl_write_u8(w, 1); /* writable, not cacheable */
	vl_write_le32(w, 0);
	vl_write_le32(w, first);
	vl_write_le32(w, last);
	vl_write_le32(w, 0);
	vl_write_le32(w, last - first + 1);
}
