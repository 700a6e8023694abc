/*
 * The fuzzers' way to drive a device model: the input's bytes are a script of
 * accesses, time, stream events, saves and restores, some of them with forged
 * fields. A model may do anything but crash, touch memory it does not own,
 * spin, or refuse its own saved state.
 */
#ifndef VL_FUZZ_DEVICE_SCRIPT_H
#define VL_FUZZ_DEVICE_SCRIPT_H

#include "common/base/bytes.h"
#include "common/device/units.h"
#include "test/unit/dev/fake_env.h"

#define SCRIPT_RAM_BYTES 0x10000

struct script_kind {
	const struct dev_model *model;
	size_t dev_bytes;
	void (*init)(void *dev, struct dev_env *env);
	const struct dev_region *regions;
	unsigned region_count;
	void (*poke)(void *dev, struct fake_env *f, uint32_t value); /* what only the VM does; may be NULL */
	bool pci; /* has configuration space */
};

struct script {
	const struct script_kind *kind;
	struct fake_env f;
	struct dev_instance device;
	struct bus bus;
	struct vl_reader in;
};

static inline void script_access(struct script *s, bool write)
{
	unsigned which = vl_read_u8(&s->in), size = 1u << (which >> 6);
	unsigned total = s->bus.count[DEV_PIO] + s->bus.count[DEV_MMIO];
	uint64_t offset = vl_read_le16(&s->in), value = 0;
	const struct bus_entry *e;

	if (write)
		value = size == 1 ? vl_read_u8(&s->in) : size == 2 ? vl_read_le16(&s->in) :
				vl_read_le32(&s->in);
	if (size == 8)
		value |= value << 32;
	if (total == 0)
		return;
	which = (which & 63) % total;
	e = which < s->bus.count[DEV_PIO] ? &s->bus.entry[DEV_PIO][which] :
					    &s->bus.entry[DEV_MMIO][which - s->bus.count[DEV_PIO]];
	offset = e->region.base + offset % e->region.size;
	if (write)
		bus_write(&s->bus, e->region.space, offset, size, value);
	else
		bus_read(&s->bus, e->region.space, offset, size, &value);
}

static inline void script_config(struct script *s)
{
	unsigned at = vl_read_u8(&s->in);
	uint32_t value = vl_read_le32(&s->in);

	if (!s->kind->pci)
		return;
	s->kind->model->write(s->device.dev, DEV_REGION_PCI_CONFIG, at & 0xfc, 4, value);
	s->kind->model->read(s->device.dev, DEV_REGION_PCI_CONFIG, at & 0xff, 1);
}

/* Stops the device, saves it, and restores it as it was or with one field forged. */
static inline void script_restore(struct script *s, bool forge)
{
	static uint8_t buffer[1 << 16];
	size_t at = vl_read_le16(&s->in), size = 1 + (vl_read_u8(&s->in) & 7);
	const uint8_t *bytes = vl_read_view(&s->in, forge ? size : 0);
	struct state_writer w;
	struct state_stream stream;
	int64_t end;
	int err;

	units_stop(&s->device, 1);
	state_writer_init(&w, buffer, sizeof(buffer));
	units_save(&s->device, 1, &w);
	end = state_writer_finish(&w);
	if (end < 0)
		abort();
	if (forge && bytes) {
		at = 26 + at % ((size_t)end - 12 - 26); /* past the unit's name and version */
		memcpy(buffer + at, bytes, size < (size_t)end - 12 - at ? size : (size_t)end - 12 - at);
		w.w.pos = (size_t)end - 12;
		w.w.err = 0;
		end = state_writer_finish(&w);
	}
	err = state_stream_open(&stream, buffer, (size_t)end, NULL);
	if (!err)
		err = units_restore(&s->device, 1, &stream, NULL);
	if (err && !forge)
		abort();
	units_start(&s->device, 1);
}

static inline void script_step(struct script *s)
{
	const struct dev_model *m = s->kind->model;
	unsigned op = vl_read_u8(&s->in), n;
	const uint8_t *bytes;

	switch (op & 15) {
	default: script_access(s, op & 1); break;
	case 8: fake_advance_limited(&s->f, vl_read_le16(&s->in), 100); break;
	case 9: fake_advance_limited(&s->f, (uint64_t)vl_read_le16(&s->in) << 14, 100000); break;
	case 10:
		n = op >> 4;
		bytes = vl_read_view(&s->in, n);
		if (bytes && m->input && m->input(s->device.dev, bytes, n) > n)
			abort();
		break;
	case 11:
		s->f.output_room = op >> 4 == 15 ? SIZE_MAX : op >> 4;
		if (m->complete)
			m->complete(s->device.dev, op >> 7, 0);
		break;
	case 12:
		if (s->kind->poke)
			s->kind->poke(s->device.dev, &s->f, vl_read_le32(&s->in));
		break;
	case 13: script_restore(s, op & 16); break;
	case 14: script_config(s); break;
	case 15:
		if (op & 16)
			s->f.wall_skew_ns += (int64_t)(int16_t)vl_read_le16(&s->in) * 100000000;
		else
			m->reset(s->device.dev);
		break;
	}
}

/* Runs the input on the kind that its first byte names. */
static inline void script_run(const struct script_kind *kinds, size_t count, const uint8_t *data, size_t size)
{
	static uint8_t ram[SCRIPT_RAM_BYTES];
	struct script s = { 0 };

	vl_reader_init(&s.in, data, size);
	s.kind = &kinds[vl_read_u8(&s.in) % count];
	memset(ram, 0, sizeof(ram));
	memcpy(ram, data, size < sizeof(ram) ? size : sizeof(ram));
	s.device = (struct dev_instance){ "fuzz", s.kind->model, calloc(1, s.kind->dev_bytes) };
	fake_env_init(&s.f, &s.device);
	s.f.ram = ram;
	s.f.ram_bytes = sizeof(ram);
	bus_init(&s.bus);
	s.f.bus = &s.bus;
	s.kind->init(s.device.dev, &s.f.env);
	if (bus_add_all(&s.bus, &s.device, s.kind->regions, s.kind->region_count))
		abort();
	units_start(&s.device, 1);
	while (vl_reader_left(&s.in))
		script_step(&s);
	units_stop(&s.device, 1);
	free(s.device.dev);
}

#endif
