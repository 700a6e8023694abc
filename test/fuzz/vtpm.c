/*
 * Fuzzes the virtual TPM: malformed commands through either interface, register
 * accesses in any order, physical presence, the boot region, saved states with
 * forged fields. libtpms is behind it as in the worker, without a thread.
 */
#include "common/base/bytes.h"
#include "common/device/units.h"
#include "runtime/vtpm/vtpm.h"
#include "test/unit/dev/ahead.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct vtpm v;
static struct engine engine;
static struct dev_env env;
static const struct dev_instance device = { "vtpm", &vtpm_model, &v };

/* A TPM that was made once: making its keys would take most of the time. */
static struct file {
	bool there;
	size_t size;
	uint8_t data[VTPM_FILE_BYTES_MAX];
} files[4], made[4];

static int64_t nv_read(void *context, enum vtpm_file file, void *out, size_t room)
{
	const struct file *f = &files[file];

	if (!f->there)
		return VL_E_NOTFOUND;
	if (f->size > room)
		return VL_E_NOSPACE;
	memcpy(out, f->data, f->size);
	return (int64_t)f->size;
}

static int nv_write(void *context, enum vtpm_file file, const void *data, size_t size)
{
	struct file *f = &files[file];

	if (size > sizeof(f->data))
		abort();
	memcpy(f->data, data, size);
	f->size = size;
	f->there = true;
	return 0;
}

static const struct vtpm_nv_ops nv_ops = { nv_read, nv_write };

static void power_on(void)
{
	vtpm_model.write(&v, VTPM_REGION_BOOT, 0, 4, VTPM_BOOT_POWER_ON);
	if (v.boot.error)
		abort(); /* no command may leave a state that the next boot refuses */
	vtpm_model.write(&v, VTPM_REGION_BOOT, 0, 4, VTPM_BOOT_FINISH);
}

static void begin(enum vtpm_interface interface)
{
	static const struct vtpm_nv nv = { &nv_ops, NULL };

	if (!made[VTPM_FILE_NVRAM].there) {
		tpm_prepare_library(open("/dev/null", O_WRONLY | O_CLOEXEC));
		if (engine_open(&engine, &nv, false))
			abort();
		vtpm_init(&v, &env, &engine, interface, 0xfed40000, "fuzz");
		power_on();
		memcpy(made, files, sizeof(made));
	}
	memcpy(files, made, sizeof(files));
	vtpm_init(&v, &env, &engine, interface, 0xfed40000, "fuzz");
	power_on();
	vtpm_model.start(&v);
}

static void out(uint64_t reg, unsigned size, uint64_t value)
{
	vtpm_model.write(&v, VTPM_REGION_TPM, reg, size, value);
}

/* A whole command as a driver gives it; its size field is right when `fix` is set. */
static void command(struct vl_reader *in, bool fix)
{
	uint8_t bytes[TPM_BUFFER_BYTES];
	size_t n = vl_read_le16(in) % 512;
	const uint8_t *view = vl_read_view(in, n < vl_reader_left(in) ? n : vl_reader_left(in));

	n = n < in->size ? n : in->size;
	memset(bytes, 0, sizeof(bytes));
	if (view)
		memcpy(bytes, view, n < (size_t)(in->data + in->pos - view) ? n :
				(size_t)(in->data + in->pos - view));
	if (fix) {
		bytes[2] = bytes[3] = 0;
		bytes[4] = (uint8_t)(n >> 8);
		bytes[5] = (uint8_t)n;
	}
	if (v.interface == VTPM_CRB) {
		out(0x08, 4, 1);
		out(0x40, 4, 1);
		for (size_t i = 0; i < n; i++)
			out(0x80 + i, 1, bytes[i]);
		out(0x4c, 4, 1);
	} else {
		out(0x00, 1, 0x02);
		out(0x18, 4, 0x40);
		for (size_t i = 0; i < n; i++)
			out(0x24, 1, bytes[i]);
		out(0x18, 4, 0x20);
	}
}

static void any_access(struct vl_reader *in)
{
	unsigned what = vl_read_u8(in), region = what & 3, size = 1u << (what >> 2 & 3);
	static const uint32_t bytes[4] = { VTPM_REGION_TPM_BYTES, VTPM_REGION_PPI_BYTES,
		VTPM_REGION_BOOT_BYTES, 16 };
	uint64_t offset = vl_read_le16(in) % (bytes[region] - size + 1), value = vl_read_le32(in), told;

	if (what & 0x80)
		vtpm_model.write(&v, region, offset, size, value | value << 32);
	else if (!ahead_told(&vtpm_model, &v, region, offset, size, &told))
		vtpm_model.read(&v, region, offset, size);
	else if (vtpm_model.read(&v, region, offset, size) != told)
		abort();
}

static void save_and_restore(struct vl_reader *in)
{
	static uint8_t buffer[1 << 20];
	size_t at = vl_read_le16(in);
	uint8_t forged = vl_read_u8(in);
	struct state_writer w;
	struct state_stream s;
	int64_t size;
	int err;

	vtpm_model.stop(&v);
	state_writer_init(&w, buffer, sizeof(buffer));
	units_save(&device, 1, &w);
	size = state_writer_finish(&w);
	if (size < 0)
		abort();
	if (forged) { /* past the unit's name and version, and with a checksum that is right */
		buffer[26 + at % ((size_t)size - 12 - 26)] ^= forged;
		w.w.pos = (size_t)size - 12;
		w.w.err = 0;
		size = state_writer_finish(&w);
	}
	err = state_stream_open(&s, buffer, (size_t)size, NULL);
	if (!err)
		err = units_restore(&device, 1, &s, NULL);
	if (err && !forged)
		abort();
	vtpm_model.start(&v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vl_reader in;

	vl_reader_init(&in, data, size);
	begin(vl_read_u8(&in) & 1 ? VTPM_CRB : VTPM_FIFO);
	while (vl_reader_left(&in)) {
		unsigned op = vl_read_u8(&in) & 15;

		switch (op) {
		case 0: save_and_restore(&in); break;
		case 1:
			vtpm_model.reset(&v);
			power_on();
			vtpm_model.start(&v);
			break;
		case 2: command(&in, false); break;
		case 3:
		case 4:
		case 5:
		case 6: command(&in, true); break;
		default: any_access(&in);
		}
	}
	return 0;
}
