/*
 * Memory of an isolated VM (isolated.h); called by shim_main after the memory
 * plan. Input: the measured list of imported regions, and the hypervisor's answers.
 */
#include "common/boot/isolated.h"
#include "common/boot/own_memory.h"
#include "common/hv/hv.h"

#include <bearssl.h>
#include <string.h>

#define VTL2 2
#define ALL_ACCESS 0xfull /* HV_MAP_GPA_*: what a VTL may do by default */
#define DEFAULT_MASK_SHIFT 1

/* The n-th region where it is now; size 0 at the list's end. */
static struct boot_range region_at(const struct imported_regions *regions, unsigned n, uint64_t moved)
{
	const struct imported_region *r = &regions->region[n];

	if (n == IMPORTED_REGIONS_MAX || !le64_to_cpu(r->page_count))
		return (struct boot_range){ 0, 0 };
	return (struct boot_range){ le64_to_cpu(r->base_page) * VL_PAGE_BYTES + moved,
		le64_to_cpu(r->page_count) * VL_PAGE_BYTES };
}

static bool in_vtl2(const struct memory_map *map, const struct boot_range *range)
{
	uint64_t at = range->base, end = range->base + range->size;

	for (unsigned i = 0; i < map->count && at < end; i++) {
		const struct memory_range *r = &map->range[i];

		if (r->range.base + r->range.size <= at)
			continue;
		if (r->range.base > at || !memory_is_vtl2(r->type))
			return false;
		at = r->range.base + r->range.size;
	}
	return at >= end;
}

int isolated_check_regions(const struct imported_regions *regions, uint64_t moved,
	const struct memory_map *map, struct boot_error *error)
{
	const uint64_t pages_max = 1ull << (HOST_ADDRESS_BITS - VL_PAGE_SHIFT);
	uint64_t next = 0;

	for (unsigned n = 0; n < IMPORTED_REGIONS_MAX; n++) {
		const struct imported_region *r = &regions->region[n];
		uint64_t page = le64_to_cpu(r->base_page), count = le64_to_cpu(r->page_count);
		struct boot_range range;

		if (!count)
			break;
		if (!vl_within(page, count, pages_max) || r->accepted > 1)
			return boot_fail(error, VL_E_RANGE, "imported regions: number %u is out of range", n);
		if (page < next)
			return boot_fail(error, VL_E_ORDER,
				"imported regions: number %u is not above the one before", n);
		next = page + count;
		range = region_at(regions, n, moved);
		if (!vl_range_ok(range.base, range.size))
			return boot_fail(error, VL_E_OVERFLOW, "imported regions: number %u wraps around", n);
		if (!r->accepted && !in_vtl2(map, &range))
			return boot_fail(error, VL_E_RANGE,
				"imported regions: number %u at 0x%llx is neither VTL2's nor measured", n,
				(unsigned long long)range.base);
	}
	return 0;
}

/* --- Protection --------------------------------------------------------------------- */

struct protect_input {
	le64 partition_id;
	le32 map_flags;
	uint8_t target_vtl;
	uint8_t reserved[3];
	le64 page[]; /* reps */
} VL_PACKED;

#define PROTECT_PAGES_MAX ((VL_PAGE_BYTES - 16) / 8)

/* HvCallAcceptGpaPages: consecutive pages, their number is the rep count. */
struct accept_input {
	le64 partition_id;
	le32 attributes; /* memory type 0-5, host visibility 6-7, VTLs with permissions 8-10 */
	le32 vtl_permissions;
	le64 base_page;
} VL_PACKED;

#define ACCEPT_RAM 1u
#define ACCEPT_VTL_SET_SHIFT 8
#define ACCEPT_PAGES_MAX 512u

static int check_result(uint64_t result, unsigned reps, const char *what, uint64_t page,
	struct boot_error *error)
{
	unsigned done = (unsigned)(result >> HV_CONTROL_REP_COUNT_SHIFT) & HV_REP_MASK;

	if ((uint16_t)result != HV_STATUS_SUCCESS || done != reps)
		return boot_fail(error, VL_E_HYPERCALL,
			"%s of %u pages at 0x%llx: hypercall status 0x%x, %u done", what, reps,
			(unsigned long long)page << VL_PAGE_SHIFT, (unsigned)(uint16_t)result, done);
	return 0;
}

static int protect(struct hypercall_pages *pages, uint64_t page, unsigned count, struct boot_error *error)
{
	struct protect_input *in = (void *)pages->input;

	*in = (struct protect_input){ .partition_id = cpu_to_le64(HV_PARTITION_ID_SELF),
		.map_flags = cpu_to_le32(0), .target_vtl = HV_INPUT_VTL_USE_TARGET | VTL2 };
	for (unsigned i = 0; i < count; i++)
		in->page[i] = cpu_to_le64(page + i);
	return check_result(port_hypercall(HV_CALL_MODIFY_VTL_PROTECTION_MASK |
		(uint64_t)count << HV_CONTROL_REP_COUNT_SHIFT, in, NULL), count, "protecting", page, error);
}

static int accept(struct hypercall_pages *pages, uint64_t page, unsigned count, struct boot_error *error)
{
	struct accept_input *in = (void *)pages->input;

	*in = (struct accept_input){ .partition_id = cpu_to_le64(HV_PARTITION_ID_SELF),
		.attributes = cpu_to_le32(ACCEPT_RAM | 1u << VTL2 << ACCEPT_VTL_SET_SHIFT),
		.base_page = cpu_to_le64(page) };
	return check_result(port_hypercall(HV_CALL_ACCEPT_GPA_PAGES |
		(uint64_t)count << HV_CONTROL_REP_COUNT_SHIFT, in, NULL), count, "accepting", page, error);
}

/* Protects or accepts [base, end) in calls of what fits one. */
static int take(struct hypercall_pages *pages, uint64_t base, uint64_t end, bool accepted,
	struct boot_error *error)
{
	uint64_t page = base >> VL_PAGE_SHIFT, left = (end - base) >> VL_PAGE_SHIFT;
	uint64_t most = accepted ? PROTECT_PAGES_MAX : ACCEPT_PAGES_MAX;

	while (left) {
		unsigned count = (unsigned)(left < most ? left : most);
		int err = accepted ? protect(pages, page, count, error) : accept(pages, page, count, error);

		if (err)
			return err;
		page += count;
		left -= count;
	}
	return 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* One range of VTL2's memory, piece by piece: in an accepted region, or outside of all. */
static int take_range(struct hypercall_pages *pages, const struct imported_regions *regions, uint64_t moved,
	const struct boot_range *range, struct boot_error *error)
{
	uint64_t at = range->base, end = range->base + range->size;
	int err = 0;

	for (unsigned n = 0; at < end && !err; n++) {
		struct boot_range r = region_at(regions, n, moved);
		uint64_t region_end = r.base + r.size;

		if (!r.size)
			return take(pages, at, end, false, error);
		if (region_end <= at)
			continue;
		if (r.base > at) {
			err = take(pages, at, least(r.base, end), false, error);
			at = least(r.base, end);
		}
		if (!err && at < end) {
			err = take(pages, at, least(region_end, end), regions->region[n].accepted, error);
			at = least(region_end, end);
		}
	}
	return err;
}

int isolated_take_memory(struct hypercall_pages *pages, const struct imported_regions *regions,
	uint64_t moved, const struct boot_plan *plan, struct boot_error *error)
{
	int err = hypercall_set_register(pages, HV_REG_VSM_PARTITION_CONFIG,
		HV_VSM_CONFIG_ENABLE_VTL_PROTECTION | ALL_ACCESS << DEFAULT_MASK_SHIFT, error);

	for (unsigned i = 0; i < plan->ram_count && !err; i++)
		err = take_range(pages, regions, moved, &plan->ram[i].range, error);
	return err;
}

int isolated_verify_regions(const struct imported_regions *regions, uint64_t moved, struct boot_error *error)
{
	uint8_t digest[br_sha384_SIZE];
	br_sha384_context sha;
	bool any = false;

	br_sha384_init(&sha);
	for (unsigned n = 0; n < IMPORTED_REGIONS_MAX; n++) {
		struct boot_range r = region_at(regions, n, moved);

		if (!r.size)
			break;
		if (regions->region[n].accepted)
			continue;
		any = true;
		br_sha384_update(&sha, boot_memory(gpa(r.base), r.size), r.size);
	}
	br_sha384_out(&sha, digest);
	if (any && memcmp(digest, regions->sha384, sizeof(digest)) != 0)
		return boot_fail(error, VL_E_MEASUREMENT,
			"imported regions: SHA-384 of what was loaded unmeasured is not the image's; the "
			"image or its loader was changed");
	return 0;
}
