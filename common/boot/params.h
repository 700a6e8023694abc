/*
 * What the image builder (tools/igvm) leaves in memory for the boot shim: the
 * measured pages of a VTL2 image and the layout of its parameter region. The
 * builder writes them, the shim reads them, user space reads the measured VTL2
 * configuration. They are the reference implementation's formats (OpenHCL,
 * vm/loader/src/paravisor.rs and loader_defs), so images are interchangeable.
 *
 * The pages that are measured are as trustworthy as the image; those that the
 * loader fills (PARAMETER_SLIT/PPTT/DEVICE_TREE) come from the host and are not.
 */
#ifndef VL_BOOT_PARAMS_H
#define VL_BOOT_PARAMS_H

#include "common/base/types.h"

/* --- The shim's own parameters: one measured page ------------------------- */

enum shim_isolation { SHIM_ISOLATION_VBS = 1, SHIM_ISOLATION_SNP = 2, SHIM_ISOLATION_TDX = 3 };

/*
 * Every *_offset, used_* and *_start is a signed byte distance from the shim's
 * load base (its ELF address 0), which makes the page independent of where the
 * image was put. Sizes are bytes; a size of 0 means that the thing is absent
 * and its offset means nothing. The shim finds this page by the distance from
 * its load base that the VP context holds (x86_64 RSI, aarch64 X0).
 */
struct shim_params {
	le64 kernel_entry_offset;
	le64 cmdline_offset; /* struct paravisor_command_line */
	le64 initrd_offset;
	le64 initrd_size;
	le32 initrd_crc; /* CRC-32 (vl_crc32) over initrd_size bytes */
	le32 supported_isolation_type; /* enum shim_isolation; VBS stands for none too */
	le64 memory_start_offset; /* all memory that the image asks for, 2 MiB aligned */
	le64 memory_size;
	le64 parameter_region_offset; /* PARAMETER_* pages below */
	le64 parameter_region_size;
	le64 vtl2_reserved_region_offset;
	le64 vtl2_reserved_region_size;
	le64 sidecar_offset;
	le64 sidecar_size;
	le64 sidecar_entry_offset;
	le64 used_start; /* [used_start, used_end): what the image occupies; the page tables in */
	le64 used_end;   /* force at the entry lie outside, in the last pages of memory_size */
	le64 bounce_buffer_start;
	le64 bounce_buffer_size;
	le64 log_buffer_start; /* SHIM_LOG_PAGES; not in the file, contents undefined at entry */
	le64 log_buffer_size;
	le64 heap_start_offset; /* SHIM_HEAP_PAGES; likewise */
	le64 heap_size;
	le64 persisted_state_region_offset; /* 2 MiB, kept across servicing; not in the file */
	le64 persisted_state_region_size;
} VL_PACKED;
_Static_assert(sizeof(struct shim_params) == 192, "ShimParamsRaw");

/* Value of a signed distance field above. */
static inline int64_t shim_offset(le64 field) { return (int64_t)le64_to_cpu(field); }

#define SHIM_LOG_PAGES 2u
#define SHIM_HEAP_PAGES 16u
#define SHIM_PERSISTED_BYTES VL_LARGE_PAGE_BYTES
#define SHIM_RESERVED_PAGES 4u /* x86_64: SNP VMSA, 2 x CPUID, secrets */

/* --- The measured command line: one page ---------------------------------- */

enum command_line_policy {
	COMMAND_LINE_STATIC = 0,        /* `text` is all */
	COMMAND_LINE_APPEND_CHOSEN = 1, /* a trusted host may append /chosen bootargs */
};

#define COMMAND_LINE_TEXT_MAX 4092u

struct paravisor_command_line {
	le16 policy; /* enum command_line_policy */
	le16 length; /* bytes of text; no terminator */
	uint8_t text[COMMAND_LINE_TEXT_MAX];
} VL_PACKED;
_Static_assert(sizeof(struct paravisor_command_line) == VL_PAGE_BYTES, "ParavisorCommandLine");

/* --- The parameter region: page index and page count ---------------------- */

#define PARAMETER_SLIT_PAGE 0u /* ACPI SLIT from the host, unmeasured */
#define PARAMETER_SLIT_PAGES 20u
#define PARAMETER_PPTT_PAGE 20u /* ACPI PPTT from the host, unmeasured */
#define PARAMETER_PPTT_PAGES 20u
#define PARAMETER_DEVICE_TREE_PAGE 40u /* host device tree, unmeasured */
#define PARAMETER_DEVICE_TREE_PAGES 64u
#define PARAMETER_IMPORTED_REGIONS_PAGE 104u /* struct imported_regions, measured */
#define PARAMETER_IMPORTED_REGIONS_PAGES 1u
#define PARAMETER_VTL2_CONFIG_PAGE 105u /* struct measured_vtl2_config, measured */
#define PARAMETER_VTL2_CONFIG_PAGES 1u
#define PARAMETER_PAGE_HASHES_PAGE 106u /* struct expected_page_hashes, measured; diagnostics only */
#define PARAMETER_PAGE_HASHES_PAGES 256u
#define PARAMETER_REGION_PAGES 362u

/* --- Imported regions ------------------------------------------------------ */

/*
 * Which guest pages the loader filled. Addresses are those of the file: the
 * shim adds the distance by which the image was moved. The first region, the
 * kernel, lies right behind the persisted region, which tells that distance.
 * Ascending, disjoint, ended by a descriptor with page_count 0 or by the page's
 * end. `sha384` covers, in this order, the contents of every region that is not
 * yet accepted (all zero bytes when there is none).
 */
struct imported_region {
	le64 base_page;
	le64 page_count;
	uint8_t accepted; /* 1: accepted and measured at load, 0: to be accepted and hashed by the shim */
	uint8_t padding[7];
} VL_PACKED;
_Static_assert(sizeof(struct imported_region) == 24, "ImportedRegionDescriptor");

#define IMPORTED_REGIONS_MAX ((VL_PAGE_BYTES - 48) / sizeof(struct imported_region))

struct imported_regions {
	uint8_t sha384[48];
	struct imported_region region[IMPORTED_REGIONS_MAX];
} VL_PACKED;
_Static_assert(sizeof(struct imported_regions) <= VL_PAGE_BYTES, "one page");

/* --- Expected page hashes (optional) --------------------------------------- */

#define EXPECTED_PAGE_HASHES_MAGIC 0x53485045u /* "EPHS" as bytes in memory */
#define EXPECTED_PAGE_HASHES_VERSION 1u

struct expected_page_hashes {
	le32 magic;
	le32 version;
	le32 page_hash_count; /* SHA-384 digests that follow, ascending by address */
	le32 reserved;
} VL_PACKED;
_Static_assert(sizeof(struct expected_page_hashes) == 16, "ExpectedPageHashesHeader");

/* --- Measured VTL2 configuration: one page ---------------------------------- */

#define MEASURED_VTL2_CONFIG_MAGIC 0x4f48434c56544c32ull

struct measured_vtl2_config {
	le64 magic;
	uint8_t vtom_offset_bit; /* SNP: shared address bit; 0: none */
	uint8_t padding[7];
	le32 product_policy_size; /* bytes of policy that follow in the page; 0: none */
	uint8_t reserved[4];
} VL_PACKED;
_Static_assert(sizeof(struct measured_vtl2_config) == 24, "ParavisorMeasuredVtl2Config");

/* --- The shim's log: log_buffer_start, read by user space ------------------- */

#define SHIM_LOG_MAGIC 0x474f4c56u /* "VLOG" as bytes in memory */
#define SHIM_LOG_BYTES (SHIM_LOG_PAGES * VL_PAGE_BYTES)

/*
 * Lines of text, each "<level>text\n" with level as /dev/kmsg takes it (3 error,
 * 4 warning, 6 information, 7 debug). User space finds it by the memory range of
 * type BOOT_MEMORY_SHIM_LOG in the device tree. Lines that did not fit are only
 * counted. The text may hold names that the host chose; bytes outside printable
 * ASCII were replaced.
 */
struct shim_log {
	le32 magic;
	le32 length;  /* bytes of text that are valid */
	le32 dropped; /* lines that did not fit */
	le32 reserved;
	char text[SHIM_LOG_BYTES - 16];
} VL_PACKED;
_Static_assert(sizeof(struct shim_log) == SHIM_LOG_BYTES, "two pages");

/* --- What memory is for: `openhcl,memory-type` in the VTL2 device tree ------- */

/* The values are the reference implementation's MemoryVtlType. */
enum boot_memory_type {
	BOOT_MEMORY_VTL0 = 0,
	BOOT_MEMORY_VTL2_RAM = 1,
	BOOT_MEMORY_VTL2_CONFIG = 2,
	BOOT_MEMORY_SIDECAR_IMAGE = 3,
	BOOT_MEMORY_SIDECAR_NODE = 4,
	BOOT_MEMORY_VTL0_MMIO = 5,
	BOOT_MEMORY_VTL2_MMIO = 6,
	BOOT_MEMORY_VTL2_RESERVED = 7,
	BOOT_MEMORY_VTL2_GPA_POOL = 8,
	BOOT_MEMORY_TDX_PAGE_TABLES = 9,
	BOOT_MEMORY_SHIM_LOG = 10,
	BOOT_MEMORY_PERSISTED_HEADER = 11,
	BOOT_MEMORY_PERSISTED_STATE = 12,
};

#define SHIM_PERSISTED_HEADER_PAGES 1u /* of the persisted region, from its start; */
#define SHIM_PERSISTED_STATE_PAGES 19u /* what is left over of it is RAM */

#endif
