/*
 * IGVM files (Independent Guest Virtual Machine format), versions 1 and 2:
 * reading and checking. Source of the format: the igvm_defs documentation of
 * github.com/microsoft/igvm. Used by the igvm tool and by the host's loader;
 * the file is untrusted. Nothing allocates; a struct igvm_file only points to
 * the caller's bytes, which must stay unchanged while it is used.
 *
 * A file is: fixed header | variable headers | file data. igvm_open checks the
 * first and the checksum; igvm_next decodes one header and checks what can be
 * told from it alone; igvm_check walks all and checks what concerns several.
 */
#ifndef VL_IGVM_IGVM_H
#define VL_IGVM_IGVM_H

#include "common/base/types.h"

#define IGVM_MAGIC 0x4d564749u /* "IGVM" */
#define IGVM_FIXED_V1_BYTES 24u
#define IGVM_FIXED_V2_BYTES 32u
/* Half a million pages; bounds the time that a hostile file takes. */
#define IGVM_HEADERS_BYTES_MAX (16u << 20)

enum igvm_architecture { IGVM_ARCH_X64 = 0, IGVM_ARCH_AARCH64 = 1 };
#define IGVM_VERSION_1_ARCH IGVM_ARCH_X64 /* its fixed header has no field for it */

/* Variable header types. A type with IGVM_OPTIONAL that is not known is skipped. */
#define IGVM_OPTIONAL 0x80000000u
enum igvm_type {
	/* section: platform */
	IGVM_SUPPORTED_PLATFORM = 0x001,
	/* section: initialization */
	IGVM_GUEST_POLICY = 0x101,
	IGVM_RELOCATABLE_REGION = 0x102,
	IGVM_PAGE_TABLE_RELOCATION = 0x103,
	IGVM_CORIM_DOCUMENT = 0x104,
	IGVM_CORIM_SIGNATURE = 0x105,
	IGVM_CCA_POLICY = 0x106,
	/* section: directives */
	IGVM_PARAMETER_AREA = 0x301,
	IGVM_PAGE_DATA = 0x302,
	IGVM_PARAMETER_INSERT = 0x303,
	IGVM_VP_CONTEXT = 0x304,
	IGVM_REQUIRED_MEMORY = 0x305,
	/* parameters; the payload that the loader writes: */
	IGVM_VP_COUNT = 0x307,         /* u32 */
	IGVM_SRAT = 0x308,             /* ACPI table */
	IGVM_MADT = 0x309,             /* ACPI table */
	IGVM_MMIO_RANGES = 0x30a,      /* 2 x {first page u64, pages u64} */
	IGVM_SNP_ID_BLOCK = 0x30b,     /* (no parameter) */
	IGVM_MEMORY_MAP = 0x30c,       /* struct igvm_memory_map_entry[], sorted, ended by pages 0 */
	IGVM_ERROR_RANGE = 0x30d,      /* (no parameter) */
	IGVM_COMMAND_LINE = 0x30e,     /* text, NUL-terminated */
	IGVM_SLIT = 0x30f,             /* ACPI table */
	IGVM_PPTT = 0x310,             /* ACPI table */
	IGVM_VBS_MEASUREMENT = 0x311,  /* (no parameter) */
	IGVM_DEVICE_TREE = 0x312,      /* flattened device tree */
	IGVM_ENVIRONMENT_INFO = 0x313, /* u32: bit 0 memory is shared by default */
};

enum igvm_platform_type {
	IGVM_PLATFORM_NATIVE = 0,
	IGVM_PLATFORM_VSM_ISOLATION = 1,
	IGVM_PLATFORM_SEV_SNP = 2,
	IGVM_PLATFORM_TDX = 3,
	IGVM_PLATFORM_SEV = 4,
	IGVM_PLATFORM_SEV_ES = 5,
	IGVM_PLATFORM_CCA = 6,
};

#define IGVM_REGION_IS_VTL2 1u
#define IGVM_REGION_APPLY_PC 2u
#define IGVM_REGION_APPLY_GDTR 4u

#define IGVM_PAGE_2MB 1u
#define IGVM_PAGE_UNMEASURED 2u
#define IGVM_PAGE_SHARED 4u
enum igvm_page_type {
	IGVM_PAGE_NORMAL = 0,
	IGVM_PAGE_SECRETS = 1,
	IGVM_PAGE_CPUID = 2,
	IGVM_PAGE_CPUID_XF = 3,
};

#define IGVM_REQUIRED_VTL2_PROTECTABLE 1u

/* Memory types of the memory map and of `microsoft,igvm-type` in a device tree. */
enum igvm_memory_type {
	IGVM_MEMORY = 0,
	IGVM_MEMORY_PLATFORM_RESERVED = 1,
	IGVM_MEMORY_PERSISTENT = 2,
	IGVM_MEMORY_VTL2_PROTECTABLE = 3,
	IGVM_MEMORY_SPECIFIC_PURPOSE = 4,
	IGVM_MEMORY_HIDDEN = 5,
};

struct igvm_memory_map_entry {
	le64 first_page;
	le64 page_count;
	le16 type; /* enum igvm_memory_type */
	le16 flags;
	le32 reserved;
} VL_PACKED;
_Static_assert(sizeof(struct igvm_memory_map_entry) == 24, "IGVM_VHS_MEMORY_MAP_ENTRY");

/*
 * What is wrong and where. `what` is a static sentence fragment naming the
 * field and the rule; `offset` counts from the start of the file.
 */
struct igvm_error {
	int code; /* enum vl_err, negative */
	size_t offset;
	const char *what;
};

struct igvm_file {
	const uint8_t *data;
	size_t size; /* bytes */
	uint32_t version;
	uint32_t arch; /* enum igvm_architecture */
	uint32_t headers_offset, headers_size;
	uint32_t checksum;
};

/* --- Decoded variable headers ------------------------------------------------ */

struct igvm_platform {
	uint32_t mask; /* one bit */
	uint8_t highest_vtl;
	uint8_t type; /* enum igvm_platform_type */
	uint16_t version;
	uint64_t shared_gpa_boundary;
};

/* GUEST_POLICY. */
struct igvm_policy { uint64_t policy; uint32_t mask; };

struct igvm_relocatable {
	uint32_t mask;
	uint16_t vp_index;
	uint8_t vtl;
	uint8_t flags; /* IGVM_REGION_* */
	uint64_t alignment, gpa, bytes, minimum, maximum;
};

struct igvm_page_table_region {
	uint32_t mask;
	uint16_t vp_index;
	uint8_t vtl;
	uint64_t gpa, bytes, used_bytes;
};

/* CORIM_DOCUMENT, CORIM_SIGNATURE. */
struct igvm_corim { uint32_t mask, file_offset, bytes; };

struct igvm_cca_policy { uint32_t mask; uint64_t zeroes, ones; uint8_t hash, lfa; };

/* `file_offset` 0: starts as zeroes, else as `bytes` bytes of the file. */
struct igvm_area { uint64_t bytes; uint32_t index, file_offset; };

struct igvm_page {
	uint64_t gpa;
	uint32_t mask, file_offset, flags;
	uint16_t type; /* enum igvm_page_type */
};

struct igvm_insert { uint64_t gpa; uint32_t mask, area; };

struct igvm_vp_context {
	uint64_t gpa;
	uint32_t mask, file_offset;
	uint16_t vp_index;
};

struct igvm_required { uint64_t gpa; uint32_t mask, bytes, flags; };

/* All parameters: where in which area to write. */
struct igvm_parameter { uint32_t area, byte_offset; };

struct igvm_error_range { uint64_t gpa; uint32_t mask, bytes; };

/* SNP_ID_BLOCK and VBS_MEASUREMENT: the mask, and the raw content. */
struct igvm_blob { uint32_t mask; };

struct igvm_header {
	uint32_t type; /* enum igvm_type; of a skipped optional header: as in the file */
	bool known;    /* false: an optional type that this library does not know */
	size_t offset; /* of the type field, in the file */
	const uint8_t *content;
	uint32_t length; /* bytes of content */
	union {
		struct igvm_platform platform;
		struct igvm_policy policy;
		struct igvm_relocatable relocatable;
		struct igvm_page_table_region page_tables;
		struct igvm_corim corim;
		struct igvm_cca_policy cca;
		struct igvm_area area;
		struct igvm_page page;
		struct igvm_insert insert;
		struct igvm_vp_context vp_context;
		struct igvm_required required;
		struct igvm_parameter parameter;
		struct igvm_error_range error_range;
		struct igvm_blob blob;
	};
};

/* --- Reading ------------------------------------------------------------------- */

/*
 * Checks the fixed header and the checksum of data[0, size). 0, or VL_E_TRUNCATED,
 * MAGIC, VERSION, ARCH (a number that the format does not define), ALIGN, RANGE,
 * LIMIT, CHECKSUM, UNSUPPORTED (page size other than 4 KiB). `error` may be NULL here and
 * below.
 */
int igvm_open(struct igvm_file *file, const void *data, size_t size, struct igvm_error *error);

struct igvm_cursor {
	const struct igvm_file *file;
	size_t offset;    /* of the next header */
	unsigned section; /* 0 platform, 1 initialization, 2 directive */
};

void igvm_first(struct igvm_cursor *cursor, const struct igvm_file *file);

/*
 * The next header: 1, or 0 at the end, or a negative error (VL_E_TRUNCATED, ORDER,
 * TYPE, RANGE, ALIGN, RESERVED, OVERFLOW) with its place.
 */
int igvm_next(struct igvm_cursor *cursor, struct igvm_header *header, struct igvm_error *error);

/* Limits of what igvm_check keeps track of: beyond, VL_E_LIMIT. */
#define IGVM_AREAS_MAX 256
#define IGVM_REGIONS_MAX 64
#define IGVM_AREA_BYTES_MAX (16u << 20)

/*
 * All rules of the whole file: sections in order, unique platforms, parameter
 * areas declared once, used before inserted, parameters inside their area,
 * regions that do not overlap, VP contexts for regions, contexts well-formed.
 */
int igvm_check(const struct igvm_file *file, struct igvm_error *error);

/* The platform of `type`. 0 or VL_E_NOTFOUND. */
int igvm_find_platform(const struct igvm_file *file, uint8_t type, struct igvm_platform *platform);

/* The mask of a header that has one, else all ones (parameter areas and parameters). */
uint32_t igvm_header_mask(const struct igvm_header *header);

/* True for VP_COUNT ... ENVIRONMENT_INFO: types that use struct igvm_parameter. */
bool igvm_is_parameter(uint32_t type);

/* The format's own name, "PAGE_DATA", or "unknown". */
const char *igvm_type_name(uint32_t type);
const char *igvm_platform_name(uint8_t type);

/*
 * A page's contents: 4096 bytes, or 2 MiB when flagged, in the file; NULL when it
 * is a page of zeroes. The header comes from igvm_next, which checked the bounds.
 */
const uint8_t *igvm_page_bytes(const struct igvm_file *file, const struct igvm_page *page, size_t *bytes);

/* One register of a VSM_ISOLATION VP context. */
struct igvm_register {
	uint8_t vtl;
	uint32_t name;     /* HV_REGISTER_NAME (TLFS) */
	uint8_t value[16]; /* HV_REGISTER_VALUE, little endian */
};

/*
 * The registers of a VSM_ISOLATION VP context: the count (at most
 * IGVM_REGISTERS_MAX), then each below it. Negative: VL_E_RANGE (outside the file),
 * VL_E_LIMIT.
 */
#define IGVM_REGISTERS_MAX 256
int igvm_vsm_register_count(const struct igvm_file *file, const struct igvm_vp_context *context);
void igvm_vsm_register(const struct igvm_file *file, const struct igvm_vp_context *context, unsigned i,
	struct igvm_register *reg);

#endif
