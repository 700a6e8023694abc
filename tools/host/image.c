/* Loading the image and the guest's files; see image.h. */
#include "tools/host/image.h"
#include "common/base/log.h"
#include "tools/host/port.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define IMAGE_BYTES_MAX (256u << 20)
#define GUEST_FLOOR 0x1000000ull /* the guest's own loader works below 16 MiB */

/* --- Files ----------------------------------------------------------------------------- */

static int open_regular(const char *what, const char *path, uint64_t most, int *fd, uint64_t *size)
{
	struct stat st;

	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (*fd < 0 || fstat(*fd, &st)) {
		vl_error("%s %s: %s", what, path, strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		vl_error("%s %s is not a regular file", what, path);
	} else if (!st.st_size) {
		vl_error("%s %s is empty", what, path);
	} else if ((uint64_t)st.st_size > most) {
		vl_error("%s %s has %lld bytes, %llu fit; give the guest more --memory or a smaller file",
				what, path,
			(long long)st.st_size, (unsigned long long)most);
	} else {
		*size = (uint64_t)st.st_size;
		return 0;
	}
	if (*fd >= 0)
		close(*fd);
	return VL_E_OS;
}

static int read_all(const char *what, const char *path, int fd, uint8_t *out, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = read(fd, out + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			vl_error("%s %s: %s", what, path, n ? strerror(errno) :
					"became shorter while it was read");
			return VL_E_OS;
		}
		done += (size_t)n;
	}
	return 0;
}

static int igvm_complain(const char *path, int err, const struct igvm_error *e)
{
	vl_error("image %s, offset 0x%zx: %s%s%s", path, e->offset, e->what ? e->what : "",
			e->what ? ": " : "",
		vl_err_text(err));
	return err;
}

static int check(struct image *image, const char *path)
{
	struct igvm_error error = { 0 };
	int err = igvm_open(&image->file, image->bytes, image->size, &error);

	if (!err)
		err = igvm_check(&image->file, &error);
	if (err)
		return igvm_complain(path, err, &error);
	if (image->file.arch != igvm_arch.number) {
		vl_error("image %s is made for another architecture than this host's", path);
		return VL_E_ARCH;
	}
	err = igvm_find_platform(&image->file, IGVM_PLATFORM_VSM_ISOLATION, &image->platform);
	if (!err)
		err = igvm_vtl2_region(&image->file, image->platform.mask, &image->region);
	if (err)
		vl_error("image %s is not for VTL2 of a VSM partition, which is what this host offers", path);
	if (!err && image->region.bytes > HOST_VTL2_MAX) {
		vl_error("image %s wants %llu MiB for VTL2, %llu at most", path,
			(unsigned long long)image->region.bytes >> 20, HOST_VTL2_MAX >> 20);
		err = VL_E_LIMIT;
	}
	return err;
}

int image_open(struct image *image, const char *path)
{
	uint64_t size;
	int fd, err = open_regular("image", path, IMAGE_BYTES_MAX, &fd, &size);

	*image = (struct image){ 0 };
	if (err)
		return err;
	image->size = (size_t)size;
	image->bytes = malloc(image->size);
	err = image->bytes ? read_all("image", path, fd, image->bytes, image->size) : VL_E_NOMEM;
	close(fd);
	return err ? err : check(image, path);
}

void image_close(struct image *image)
{
	free(image->bytes);
	*image = (struct image){ 0 };
}

uint64_t image_vtl2_bytes(const struct image *image)
{
	return vl_align_up(image->region.bytes, VL_LARGE_PAGE_BYTES);
}

/* --- The guest's files: raw, at the top of its low RAM, for the VM worker to look at ------ */

static int place_file(struct host *h, const char *what, const char *path, uint64_t *top,
		struct host_range *out)
{
	uint64_t size;
	uint8_t *to;
	int fd, err;

	err = open_regular(what, path, *top - GUEST_FLOOR, &fd, &size);
	if (err)
		return err;
	*top = vl_align_down(*top - size, VL_PAGE_BYTES);
	to = host_memory_map(h, gpa(*top), size);
	err = to && *top >= GUEST_FLOOR ? read_all(what, path, fd, to, size) : VL_E_RANGE;
	close(fd);
	*out = (struct host_range){ *top, size };
	return err;
}

static int place_guest(struct host *h)
{
	struct host_config *c = &h->config;
	uint64_t top = c->vtl0_ram[0].size;
	int err = 0;

	if (c->initrd)
		err = place_file(h, "initrd", c->initrd, &top, &c->guest_initrd);
	if (!err && c->kernel)
		err = place_file(h, "kernel", c->kernel, &top, &c->guest_kernel);
	return err;
}

/* --- Parameters ------------------------------------------------------------------------------ */

static int write_device_tree(const struct host *h, uint8_t *out, size_t room)
{
	int size = host_devicetree_build(&h->config, out, room);

	if (size < 0)
		vl_error("cannot describe the machine to VTL2 (device tree, room for %zu bytes): %s", room,
				vl_err_text(size));
	return size < 0 ? size : 0;
}

static int parameter(void *context, uint32_t kind, uint8_t *out, size_t room)
{
	struct host *h = context;
	le32 count = cpu_to_le32(h->config.vp_count);

	switch (kind) {
	case IGVM_DEVICE_TREE:
		return write_device_tree(h, out, room);
	case IGVM_VP_COUNT:
		if (room < sizeof(count))
			return VL_E_NOSPACE;
		memcpy(out, &count, sizeof(count));
		return 0;
	default:
		return 0; /* SLIT, PPTT: one node, flat; no table says the same */
	}
}

static uint8_t *memory(void *context, gpa_t at, uint64_t bytes)
{
	return host_memory_map(context, at, bytes);
}

static int required(void *context, gpa_t at, uint64_t bytes, bool vtl2)
{
	const struct host *h = context;

	if (host_memory_map(h, at, bytes) && (!vtl2 || !host_memory_is_vtl0(h, at, bytes)))
		return 0;
	vl_error("the image wants memory at 0x%llx (0x%llx bytes), where this partition has none",
			(unsigned long long)gpa_raw(at),
		(unsigned long long)bytes);
	return VL_E_RANGE;
}

static int vp_register(void *context, uint16_t vp_index, const struct igvm_register *reg)
{
	struct host *h = context;
	struct hv_reg_value value;

	memcpy(&value, reg->value, sizeof(value));
	if (vp_index < h->config.vp_count && reg->vtl == HOST_VTL2 &&
	    register_set(&h->vp[vp_index], reg->vtl, reg->name, &value) == HV_STATUS_SUCCESS)
		return 0;
	vl_error("the image sets register 0x%x of VP %u in VTL%u, which this host does not have", reg->name,
			vp_index, reg->vtl);
	return VL_E_UNSUPPORTED;
}

static int place_image(struct host *h, const struct image *image)
{
	static const struct igvm_load_ops ops = { .memory = memory, .required = required,
			.parameter = parameter,
		.vp_register = vp_register };
	const struct igvm_region *r = &image->region;
	uint64_t base = h->config.vtl2_ram.gpa;
	struct igvm_load load = { .mask = image->platform.mask, .ops = &ops, .context = h };
	struct igvm_error error = { 0 };
	int err;

	if (!r->relocatable && gpa_raw(r->gpa) != base) {
		vl_error("image %s must lie at 0x%llx and cannot be moved; give --memory %lluM",
				h->config.igvm,
			(unsigned long long)gpa_raw(r->gpa), (unsigned long long)gpa_raw(r->gpa) >> 20);
		return VL_E_RANGE;
	}
	if (r->relocatable && (base < r->minimum || base + r->bytes > r->maximum)) {
		vl_error("image %s may lie from 0x%llx to 0x%llx, VTL2's memory begins at 0x%llx; "
			"give another --memory",
			h->config.igvm, (unsigned long long)r->minimum, (unsigned long long)r->maximum,
			(unsigned long long)base);
		return VL_E_RANGE;
	}
	load.delta = base - gpa_raw(r->gpa);
	err = igvm_load(&image->file, &load, &error);
	return err ? igvm_complain(h->config.igvm, err, &error) : 0;
}

int image_place(struct host *h, const struct image *image)
{
	int err;

	if (getrandom(h->config.entropy, sizeof(h->config.entropy), 0) < (ssize_t)sizeof(h->config.entropy)) {
		vl_error("no entropy from the kernel: %s", strerror(errno));
		return VL_E_OS;
	}
	err = place_guest(h);
	return err ? err : place_image(h, image);
}
