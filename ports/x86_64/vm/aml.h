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

aml_mark aml_scope(struct vl_writer *w, const char *path); /* "\\_SB_" */
aml_mark aml_device(struct vl_writer *w, const char *name);
aml_mark aml_package(struct vl_writer *w, unsigned element_count);
void aml_end(struct vl_writer *w, aml_mark mark);

/* A resource template as an object: aml_resources, then descriptors, then aml_resources_end. */
aml_mark aml_resources(struct vl_writer *w);
void aml_resources_end(struct vl_writer *w, aml_mark mark);
void aml_io(struct vl_writer *w, uint16_t base, uint8_t size);
void aml_irq(struct vl_writer *w, unsigned irq); /* edge, high, exclusive */
void aml_bus_numbers(struct vl_writer *w, uint16_t first, uint16_t last);
void aml_io_window(struct vl_writer *w, uint16_t first, uint16_t last);
void aml_memory_window(struct vl_writer *w, uint32_t first, uint32_t last);

#endif
