/*
 * ELF64 programs for an image (image.h): the kernel and the shim, as they lie in
 * memory when loaded by physical address. The files come from our own build, but
 * a wrong file is a common mistake, so every field is checked.
 */
#include "common/base/bytes.h"
#include "tools/igvm/image.h"
#include "tools/igvm/tool.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#define PROGRAM_BYTES_MAX (1ull << 30)

struct elf {
	const struct image_input *input;
	uint64_t entry, table;
	unsigned count;
	uint64_t low, high; /* physical addresses, page aligned */
};

struct segment {
	uint32_t type;
	uint64_t offset, address, file_bytes, memory_bytes;
};

static int bad(const struct elf *e, const char *what)
{
	return tool_fail(TOOL_INVALID, "%s: %s", e->input->path, what);
}

static int read_header(struct elf *e, uint16_t machine)
{
	static const uint8_t ident[] = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT };
	struct vl_reader r;
	uint16_t entry_bytes, found;

	vl_reader_init(&r, e->input->data, e->input->size);
	if (e->input->size < sizeof(ident) || memcmp(e->input->data, ident, sizeof(ident)))
		return bad(e, "is not a little-endian ELF64 file");
	vl_read_skip(&r, offsetof(Elf64_Ehdr, e_machine));
	found = vl_read_le16(&r);
	vl_read_skip(&r, 4);
	e->entry = vl_read_le64(&r);
	e->table = vl_read_le64(&r);
	vl_read_skip(&r, offsetof(Elf64_Ehdr, e_phentsize) - offsetof(Elf64_Ehdr, e_shoff));
	entry_bytes = vl_read_le16(&r);
	e->count = vl_read_le16(&r);
	if (r.err || entry_bytes != sizeof(Elf64_Phdr) ||
	    !vl_within(e->table, (uint64_t)e->count * sizeof(Elf64_Phdr), e->input->size))
		return bad(e, "is cut off: its ELF headers reach beyond the file");
	if (found != machine)
		return tool_fail(TOOL_INVALID, "%s: is for another architecture (ELF machine %u, not %u)",
			e->input->path, found, machine);
	return TOOL_OK;
}

static struct segment read_segment(const struct elf *e, unsigned i)
{
	struct segment s;
	struct vl_reader r;

	vl_reader_init(&r, e->input->data + e->table + i * sizeof(Elf64_Phdr), sizeof(Elf64_Phdr));
	s.type = vl_read_le32(&r);
	vl_read_skip(&r, 4);
	s.offset = vl_read_le64(&r);
	vl_read_skip(&r, 8);
	s.address = vl_read_le64(&r);
	s.file_bytes = vl_read_le64(&r);
	s.memory_bytes = vl_read_le64(&r);
	return s;
}

static int measure_segment(struct elf *e, const struct segment *s)
{
	uint64_t end = s->address + s->memory_bytes;

	if (s->type != PT_LOAD || !s->memory_bytes)
		return TOOL_OK;
	if (s->file_bytes > s->memory_bytes || !vl_within(s->offset, s->file_bytes, e->input->size) ||
	    end < s->address || end > UINT64_MAX - VL_PAGE_BYTES)
		return bad(e, "has a segment that reaches beyond the file or the address space");
	if (s->address < e->low)
		e->low = vl_align_down(s->address, VL_PAGE_BYTES);
	if (end > e->high)
		e->high = vl_align_up(end, VL_PAGE_BYTES);
	return TOOL_OK;
}

int image_load_elf(const struct image_input *input, uint16_t machine, struct image_program *out)
{
	struct elf e = { .input = input, .low = UINT64_MAX };
	int status = read_header(&e, machine);

	for (unsigned i = 0; i < e.count && !status; i++) {
		struct segment s = read_segment(&e, i);

		status = measure_segment(&e, &s);
	}
	if (status)
		return status;
	if (e.high <= e.low || e.high - e.low > PROGRAM_BYTES_MAX)
		return bad(&e, "has no loadable segment, or spans more than 1 GiB");
	if (e.entry < e.low || e.entry >= e.high)
		return bad(&e, "has its entry point outside its segments");
	*out = (struct image_program){ .bytes = e.high - e.low, .entry = e.entry - e.low };
	out->memory = calloc(1, out->bytes);
	if (!out->memory)
		return tool_fail(TOOL_USAGE, "%s: not enough memory to load it", input->path);
	for (unsigned i = 0; i < e.count; i++) {
		struct segment s = read_segment(&e, i);

		if (s.type == PT_LOAD && s.memory_bytes)
			memcpy(out->memory + (s.address - e.low), input->data + s.offset, s.file_bytes);
	}
	return TOOL_OK;
}
