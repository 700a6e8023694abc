/*
 * The shim's device tree as the paravisor reads it: a folder per node and a
 * file per property, made here as the kernel would show them.
 */
#include "runtime/paravisor/machine.h"
#include "common/base/bytes.h"
#include "common/base/fmt.h"

#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

Suite *suite_machine(void);

static char root[64];
static struct machine m;
static const char *where;

static void put(const char *path, const void *data, size_t size)
{
	char full[256], *slash;
	int fd;

	vl_format(full, sizeof(full), "%s/%s", root, path);
	for (slash = full + strlen(root) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = 0;
		mkdir(full, 0700);
	}
	fd = open(full, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, data, size), (ssize_t)size);
	close(fd);
}

static void put_text(const char *path, const char *text)
{
	put(path, text, strlen(text) + 1);
}

static void put_u32(const char *path, uint32_t v)
{
	struct vl_writer w;
	uint8_t cell[4];

	vl_writer_init(&w, cell, sizeof(cell));
	vl_write_be32(&w, v);
	put(path, cell, sizeof(cell));
}

static void put_pair(const char *path, uint64_t a, uint64_t b)
{
	struct vl_writer w;
	uint8_t cells[16];

	vl_writer_init(&w, cells, sizeof(cells));
	vl_write_be64(&w, a);
	vl_write_be64(&w, b);
	put(path, cells, sizeof(cells));
}

static void put_memory(const char *node, uint64_t base, uint64_t size, uint32_t type)
{
	char path[128];

	vl_format(path, sizeof(path), "openhcl/%s/reg", node);
	put_pair(path, base, size);
	vl_format(path, sizeof(path), "openhcl/%s/openhcl,memory-type", node);
	put_u32(path, type);
	if (type == 5) /* MMIO has no NUMA node */
		return;
	vl_format(path, sizeof(path), "openhcl/%s/numa-node-id", node);
	put_u32(path, 0);
}

static void put_cpu(const char *node, uint32_t id)
{
	char path[128];

	vl_format(path, sizeof(path), "cpus/%s/reg", node);
	put_u32(path, id);
	vl_format(path, sizeof(path), "cpus/%s/numa-node-id", node);
	put_u32(path, 0);
}

static void setup(void)
{
	strcpy(root, "/tmp/vallum-machine-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	put_text("openhcl/isolation-type", "none");
	put_cpu("cpu@1", 0);
	put_cpu("cpu@a", 9);
	for (unsigned i = 2; i < 10; i++) {
		char name[16];

		vl_format(name, sizeof(name), "cpu@%x", i);
		put_cpu(name, i - 1);
	}
	put_memory("memory@100000000", 0x100000000, 0x10000000, 0);
	put_memory("memory@0", 0, 0x20000000, 0);
	put_memory("memory@20000000", 0x20000000, 0x4000000, 1);
	put_memory("memory@e0000000", 0xe0000000, 0x1000000, 5);
	put_memory("memory@24000000", 0x24000000, 0x2000, 10);
	put_memory("memory@24002000", 0x24002000, 0x4000, 7);
	put_memory("memory@f0000000", 0xf0000000, 0x1000000, 6);
	put_pair("vallum/guest/kernel", 0x1000000, 0x801234);
	put_pair("vallum/guest/initrd", 0x100000000, 0x5000);
	put_text("vallum/guest/bootargs", "console=ttyS0");
	put_u32("vallum/guest/disk-count", 2);
}

static int remove_one(const char *path, const struct stat *s, int type, struct FTW *f)
{
	return remove(path);
}

static void teardown(void)
{
	nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int read_machine(void)
{
	struct devtree t;
	int err = devtree_open(&t, root);

	ck_assert_int_eq(err, 0);
	err = machine_read(&m, &t, &where);
	devtree_close(&t);
	return err;
}

START_TEST(a_good_tree_gives_the_whole_machine)
{
	static struct control_config c;

	ck_assert_int_eq(read_machine(), 0);
	ck_assert_int_eq(m.filter.isolation, ISOLATION_NONE);
	ck_assert_uint_eq(m.vp_count, 10);
	ck_assert_uint_eq(m.vps[9].hw_id, 9);
	ck_assert_uint_eq(m.range_count, 3);
	ck_assert_uint_eq(m.ranges[0].base, 0);
	ck_assert_uint_eq(m.ranges[1].base, 0xe0000000);
	ck_assert_int_eq(m.ranges[1].kind, CONTROL_RANGE_MMIO);
	ck_assert_uint_eq(m.ranges[2].size, 0x10000000);
	ck_assert_uint_eq(m.kernel.size, 0x801234);
	ck_assert_uint_eq(m.initrd.base, 0x100000000);
	ck_assert_str_eq(m.command_line, "console=ttyS0");
	ck_assert_uint_eq(m.disk_count, 2);
	ck_assert_uint_eq(m.shim_log_base, 0x24000000);
	ck_assert_uint_eq(m.vtl2_ram_bytes, 0x4000000);
	ck_assert_uint_eq(m.vtl2_other_bytes, 0x2000 + 0x4000);
	/* What is made of it is a configuration that the worker takes. */
	machine_config(&m, &c);
	c.header = (struct control_header){ CONTROL_CONFIG, sizeof(c) };
	ck_assert_int_eq(control_check(&c, sizeof(c), 0), 0);
}
END_TEST

START_TEST(an_aarch64_cpu_id_of_two_cells_is_read)
{
	uint8_t cells[8] = { 0, 0, 0, 1, 0, 0, 2, 3 };

	put("cpus/cpu@1/reg", cells, sizeof(cells));
	ck_assert_int_eq(read_machine(), 0);
	ck_assert_uint_eq(m.vps[0].hw_id, 0x100000203);
}
END_TEST

START_TEST(an_isolated_partition_is_told_apart)
{
	put_text("openhcl/isolation-type", "vbs");
	ck_assert_int_eq(read_machine(), 0);
	ck_assert_int_eq(m.filter.isolation, ISOLATION_VBS);
	put_text("openhcl/isolation-type", "nonesuch");
	ck_assert_int_eq(read_machine(), VL_E_LIMIT);
	put_text("openhcl/isolation-type", "nine");
	ck_assert_int_eq(read_machine(), VL_E_RANGE);
	put("openhcl/isolation-type", "none", 4); /* not terminated */
	ck_assert_int_eq(read_machine(), VL_E_FORMAT);
	ck_assert_str_eq(where, "/openhcl/isolation-type");
}
END_TEST

START_TEST(cpus_that_repeat_or_leave_a_gap_are_refused)
{
	put_cpu("cpu@5", 0);
	ck_assert_int_eq(read_machine(), VL_E_DUPLICATE);
	put_cpu("cpu@5", 4);
	put_cpu("cpu@c", 11);
	ck_assert_int_eq(read_machine(), VL_E_MISSING);
	put_cpu("cpu@b", 10);
	ck_assert_int_eq(read_machine(), 0);
	put_cpu("cpu@801", 77);
	ck_assert_int_eq(read_machine(), VL_E_LIMIT);
	ck_assert_str_eq(where, "/cpus");
}
END_TEST

START_TEST(memory_that_overlaps_wraps_or_is_crooked_is_refused)
{
	put_memory("memory@1", 0x1f000000, 0x2000000, 0);
	ck_assert_int_eq(read_machine(), VL_E_OVERLAP);
	put_memory("memory@1", 0xfffffffffffff000, 0x1000, 0);
	ck_assert_int_eq(read_machine(), VL_E_RANGE);
	put_memory("memory@1", 0x200000800, 0x1000, 0);
	ck_assert_int_eq(read_machine(), VL_E_ALIGN);
	put_u32("openhcl/memory@1/reg", 1);
	ck_assert_int_eq(read_machine(), VL_E_FORMAT);
}
END_TEST

START_TEST(too_many_memory_ranges_are_refused)
{
	char name[32];

	for (unsigned i = 0; i < CONTROL_RANGE_MAX; i++) {
		vl_format(name, sizeof(name), "memory@%llx", 0x200000000ull + i * 0x10000);
		put_memory(name, 0x200000000ull + i * 0x10000, 0x1000, 0);
	}
	ck_assert_int_eq(read_machine(), VL_E_LIMIT);
}
END_TEST

START_TEST(a_guest_outside_its_memory_is_refused)
{
	put_pair("vallum/guest/kernel", 0x20000000, 0x1000); /* VTL2's */
	ck_assert_int_eq(read_machine(), VL_E_RANGE);
	ck_assert_str_eq(where, "/vallum/guest/kernel");
	put_pair("vallum/guest/kernel", 0x1000000, 0x1000);
	put_pair("vallum/guest/initrd", 0x1ffff000, 0x1001);
	ck_assert_int_eq(read_machine(), VL_E_RANGE);
	ck_assert_str_eq(where, "/vallum/guest/initrd");
}
END_TEST

START_TEST(a_command_line_or_disk_count_beyond_the_limit_is_refused)
{
	static char line[CONTROL_COMMAND_LINE_MAX + 1];

	put_u32("vallum/guest/disk-count", CONTROL_DISK_MAX + 1);
	ck_assert_int_eq(read_machine(), VL_E_LIMIT);
	put_u32("vallum/guest/disk-count", 0);
	memset(line, 'x', sizeof(line) - 1);
	put_text("vallum/guest/bootargs", line);
	ck_assert_int_eq(read_machine(), VL_E_LIMIT);
	ck_assert_str_eq(where, "/vallum/guest/bootargs");
	line[sizeof(line) - 2] = 0;
	put_text("vallum/guest/bootargs", line);
	ck_assert_int_eq(read_machine(), 0);
}
END_TEST

START_TEST(a_tree_without_a_guest_is_a_machine_without_one)
{
	teardown();
	mkdir(root, 0700);
	put_text("openhcl/isolation-type", "none");
	put_cpu("cpu@1", 0);
	ck_assert_int_eq(read_machine(), VL_E_MISSING);
	ck_assert_str_eq(where, "/openhcl/memory@*");
	put_memory("memory@0", 0, 0x20000000, 0);
	ck_assert_int_eq(read_machine(), 0);
	ck_assert_uint_eq(m.kernel.size, 0);
}
END_TEST

Suite *suite_machine(void)
{
	Suite *s = suite_create("machine");
	TCase *c = tcase_create("tree");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, a_good_tree_gives_the_whole_machine);
	tcase_add_test(c, an_aarch64_cpu_id_of_two_cells_is_read);
	tcase_add_test(c, an_isolated_partition_is_told_apart);
	tcase_add_test(c, cpus_that_repeat_or_leave_a_gap_are_refused);
	tcase_add_test(c, memory_that_overlaps_wraps_or_is_crooked_is_refused);
	tcase_add_test(c, too_many_memory_ranges_are_refused);
	tcase_add_test(c, a_guest_outside_its_memory_is_refused);
	tcase_add_test(c, a_command_line_or_disk_count_beyond_the_limit_is_refused);
	tcase_add_test(c, a_tree_without_a_guest_is_a_machine_without_one);
	suite_add_tcase(s, c);
	return s;
}
