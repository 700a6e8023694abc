/*
 * Writes ACPI Machine Language (ACPI 6.5 chapter 20) and resource templates
 * (6.4) for the DSDT. Our own data only; a table that does not fit sets the
 * writer's error.
 */
#ifndef VL_PORT_VM_AML_H
#define VL_PORT_VM_AML_H

#include "common/base/bytes.h"

/* An open package, closed by aml_end() in reverse order. */
typedef size_t aml_mark;

void aml_name(struct vl_writer *w, const char *name); /* NameOp with a 4-letter name; its object follows */
void aml_integer(struct vl_writer *w, uint64_t value);
void aml_eisa_id(struct vl_writer *w, const char *id); /* "PNP0A03" */
void aml_string(struct vl_writer *w, const char *text);
void aml_buffer(struct vl_writer *w, const void *data, uint8_t size);

aml_mark aml_scope(struct vl_writer *w, const char *path); /* "\\_SB_" */
aml_mark aml_device(struct vl_writer *w, const char *name);
aml_mark aml_package(struct vl_writer *w, unsigned element_count);
void aml_end(struct vl_writer *w, aml_mark mark);

/*
 * Code (20.2.5). A term is what takes its operands behind it: aml_op(w, AML_RETURN) and then the value.
 * Arguments and locals of a method are operators without operands.
 */
enum aml_code {
	AML_LOCAL0 = 0x60,
	AML_ARG0 = 0x68,
	AML_STORE = 0x70,    /* value, place */
	AML_DEREF_OF = 0x83, /* reference */
	AML_SIZE_OF = 0x87,  /* name or local */
	AML_INDEX = 0x88,    /* package, number, AML_NOWHERE */
	AML_EQUAL = 0x93,    /* value, value */
	AML_GREATER = 0x94,
	AML_LESS = 0x95,
	AML_RETURN = 0xa4,   /* value */
	AML_NOWHERE = 0x00,  /* no target */
};
void aml_op(struct vl_writer *w, enum aml_code op);
void aml_ref(struct vl_writer *w, const char *name); /* a 4-letter name as an operand */
aml_mark aml_method(struct vl_writer *w, const char *name, unsigned argument_count); /* serialized */
aml_mark aml_if(struct vl_writer *w); /* the condition, then what is done if it is true */
/* An operation region of I/O ports, and the 32-bit fields that it consists of. */
void aml_port_region(struct vl_writer *w, const char *name, uint16_t port, uint8_t size);
void aml_port_fields(struct vl_writer *w, const char *region, const char *const *names, unsigned count);

/* A resource template as an object: aml_resources, then descriptors, then aml_resources_end. */
aml_mark aml_resources(struct vl_writer *w);
void aml_resources_end(struct vl_writer *w, aml_mark mark);
void aml_io(struct vl_writer *w, uint16_t base, uint8_t size);
void aml_irq(struct vl_writer *w, unsigned irq); /* edge, high, exclusive */
void aml_bus_numbers(struct vl_writer *w, uint16_t first, uint16_t last);
void aml_io_window(struct vl_writer *w, uint16_t first, uint16_t last);
void aml_memory_fixed(struct vl_writer *w, uint32_t base, uint32_t size); /* read and write */
void aml_memory_window(struct vl_writer *w, uint32_t first, uint32_t last);

#endif
