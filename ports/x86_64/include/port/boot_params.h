/*
 * The Linux x86 boot protocol (Documentation/arch/x86/boot.rst and zero-page.rst):
 * the zero page, its memory map and the chain of setup data. Written by the boot
 * shim for the VTL2 kernel and by the VM worker for the guest's.
 */
#ifndef VL_PORT_BOOT_PARAMS_H
#define VL_PORT_BOOT_PARAMS_H

#include "common/base/types.h"

#define BOOT_E820_MAX 128 /* entries in the zero page; more go to SETUP_E820_EXT */

enum e820_type { E820_RAM = 1, E820_RESERVED = 2, E820_ACPI = 3, E820_NVS = 4 };

struct e820_entry {
	le64 base, size; /* bytes */
	le32 type;
} VL_PACKED;
_Static_assert(sizeof(struct e820_entry) == 20, "boot_e820_entry");

enum setup_data_type { SETUP_NONE = 0, SETUP_E820_EXT = 1, SETUP_DTB = 2 };

struct setup_data {
	le64 next; /* address of the next one, 0: last */
	le32 type; /* enum setup_data_type */
	le32 length; /* bytes of data that follow */
} VL_PACKED;
_Static_assert(sizeof(struct setup_data) == 16, "setup_data");

#define BOOT_FLAG 0xaa55
#define BOOT_HEADER_MAGIC 0x53726448u /* "HdrS" */
#define BOOT_PROTOCOL 0x020f
#define BOOT_LOADER_OTHER 0xff
#define BOOT_SUBARCH_PC 0
#define BOOT_SUBARCH_LGUEST 1

/* The parts that Vallum writes or reads, at their places in the 4 KiB zero page. */
struct boot_params {
	uint8_t screen_info[0x70];
	le64 acpi_rsdp_addr;
	uint8_t reserved0[0xc0 - 0x78];
	le32 ext_ramdisk_image, ext_ramdisk_size, ext_cmd_line_ptr; /* upper halves */
	uint8_t reserved1[0x1e8 - 0xcc];
	uint8_t e820_entries;
	uint8_t reserved2[0x1f1 - 0x1e9];
	/* The setup header, also at 0x1f1 of a bzImage. */
	uint8_t setup_sects;
	le16 root_flags;
	le32 syssize;
	le16 ram_size, vid_mode, root_dev, boot_flag;
	uint8_t jump[2];
	le32 header;
	le16 version;
	le32 realmode_swtch;
	le16 start_sys_seg, kernel_version;
	uint8_t type_of_loader, loadflags;
	le16 setup_move_size;
	le32 code32_start, ramdisk_image, ramdisk_size, bootsect_kludge;
	le16 heap_end_ptr;
	uint8_t ext_loader_ver, ext_loader_type;
	le32 cmd_line_ptr, initrd_addr_max, kernel_alignment;
	uint8_t relocatable_kernel, min_alignment;
	le16 xloadflags;
	le32 cmdline_size, hardware_subarch;
	le64 hardware_subarch_data;
	le32 payload_offset, payload_length;
	le64 setup_data, pref_address;
	le32 init_size, handover_offset, kernel_info_offset;
	uint8_t reserved3[0x2d0 - 0x26c];
	struct e820_entry e820_table[BOOT_E820_MAX];
	uint8_t reserved4[0x1000 - 0xcd0];
} VL_PACKED;
_Static_assert(offsetof(struct boot_params, e820_entries) == 0x1e8, "zero page");
_Static_assert(offsetof(struct boot_params, boot_flag) == 0x1fe, "setup header");
_Static_assert(offsetof(struct boot_params, type_of_loader) == 0x210, "setup header");
_Static_assert(offsetof(struct boot_params, cmd_line_ptr) == 0x228, "setup header");
_Static_assert(offsetof(struct boot_params, setup_data) == 0x250, "setup header");
_Static_assert(offsetof(struct boot_params, e820_table) == 0x2d0, "zero page");
_Static_assert(sizeof(struct boot_params) == 4096, "zero page");

#endif
