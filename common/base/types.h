/*
 * Little-endian wire integers and guest addresses as types that the sparse
 * checker keeps apart from plain integers (`make sparse`), and the few macros
 * that every part uses. Freestanding: no libc beyond <stddef.h>/<stdint.h>.
 */
#ifndef VL_BASE_TYPES_H
#define VL_BASE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __CHECKER__
#define VL_BITWISE __attribute__((bitwise))
#define VL_FORCE __attribute__((force))
#else
#define VL_BITWISE
#define VL_FORCE
#endif

typedef uint16_t VL_BITWISE le16;
typedef uint32_t VL_BITWISE le32;
typedef uint64_t VL_BITWISE le64;

/* A guest physical address: an index into a guest's memory, never a pointer. */
typedef uint64_t VL_BITWISE gpa_t;

static inline gpa_t gpa(uint64_t v) { return (VL_FORCE gpa_t)v; }
static inline uint64_t gpa_raw(gpa_t a) { return (VL_FORCE uint64_t)a; }

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Vallum's ports are little-endian; add byte swaps here for another kind"
#endif

static inline uint16_t le16_to_cpu(le16 v) { return (VL_FORCE uint16_t)v; }
static inline uint32_t le32_to_cpu(le32 v) { return (VL_FORCE uint32_t)v; }
static inline uint64_t le64_to_cpu(le64 v) { return (VL_FORCE uint64_t)v; }
static inline le16 cpu_to_le16(uint16_t v) { return (VL_FORCE le16)v; }
static inline le32 cpu_to_le32(uint32_t v) { return (VL_FORCE le32)v; }
static inline le64 cpu_to_le64(uint64_t v) { return (VL_FORCE le64)v; }

#define VL_PAGE_BYTES 4096u
#define VL_PAGE_SHIFT 12
#define VL_LARGE_PAGE_BYTES 0x200000u

#define VL_ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define VL_CONTAINER_OF(p, type, member) \
	((type *)(void *)((char *)(p) - offsetof(type, member)))
#define VL_PACKED __attribute__((packed))
/*
 * On the way of each exit of the guest. Kept together: after an exit each page's first touch is a page walk.
 */
#define VL_HOT __attribute__((hot))
#define VL_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define VL_NORETURN __attribute__((noreturn))
#define VL_MUST_CHECK __attribute__((warn_unused_result))

/* Rounds for a power-of-two `a`; the caller has excluded overflow of v + a. */
static inline uint64_t vl_align_up(uint64_t v, uint64_t a) { return (v + a - 1) & ~(a - 1); }
static inline uint64_t vl_align_down(uint64_t v, uint64_t a) { return v & ~(a - 1); }
static inline bool vl_is_aligned(uint64_t v, uint64_t a) { return (v & (a - 1)) == 0; }

/* True when [base, base+size) does not wrap around 2^64. */
static inline bool vl_range_ok(uint64_t base, uint64_t size) { return size == 0 || base + size - 1 >= base; }
/* True when [off, off+size) lies within [0, total); no overflow for any input. */
static inline bool vl_within(uint64_t off, uint64_t size, uint64_t total)
{
	return off <= total && size <= total - off;
}
/* True when two non-wrapping ranges share a byte; an empty range never does. */
static inline bool vl_ranges_overlap(uint64_t a, uint64_t an, uint64_t b, uint64_t bn)
{
	return an && bn && a <= b + bn - 1 && b <= a + an - 1;
}

#endif
