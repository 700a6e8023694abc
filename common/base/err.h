/*
 * The one list of errors. Every function that can fail returns `int`: 0 or a
 * count on success, a negative value of enum vl_err otherwise. A parser adds
 * the place by an `offset` out-parameter; a program adds what to do next in
 * the line it prints.
 *
 * To add an error: one line in VL_ERR_LIST. Values are part of protocols
 * between our processes of the same build only, never of a stored format.
 */
#ifndef VL_BASE_ERR_H
#define VL_BASE_ERR_H

#define VL_ERR_LIST(X) \
	X(VL_E_TRUNCATED, "data ends before the structure does") \
	X(VL_E_RANGE, "a value is outside its allowed range") \
	X(VL_E_ALIGN, "an address or size is not aligned as required") \
	X(VL_E_OVERLAP, "two ranges overlap") \
	X(VL_E_OVERFLOW, "an address or size computation overflows") \
	X(VL_E_MAGIC, "the magic number is wrong") \
	X(VL_E_VERSION, "the version is not supported") \
	X(VL_E_CHECKSUM, "the checksum does not match the content") \
	X(VL_E_ARCH, "made for another architecture") \
	X(VL_E_RESERVED, "a reserved field is not zero") \
	X(VL_E_TYPE, "the type is unknown or not allowed here") \
	X(VL_E_ORDER, "an element is out of order") \
	X(VL_E_DUPLICATE, "an element that must be unique occurs twice") \
	X(VL_E_MISSING, "a required element is missing") \
	X(VL_E_LIMIT, "a documented limit is exceeded") \
	X(VL_E_NOSPACE, "the buffer or memory region is too small") \
	X(VL_E_NOMEM, "out of memory") \
	X(VL_E_FORMAT, "the data is malformed") \
	X(VL_E_UNSUPPORTED, "not supported") \
	X(VL_E_STATE, "not allowed in the present state") \
	X(VL_E_DENIED, "denied by policy") \
	X(VL_E_AUTH, "authentication failed") \
	X(VL_E_MEASUREMENT, "the measurement does not match") \
	X(VL_E_TIMEOUT, "the time limit has passed") \
	X(VL_E_CLOSED, "the other side closed the connection") \
	X(VL_E_AGAIN, "nothing to do now, try again later") \
	X(VL_E_BUSY, "the resource is in use") \
	X(VL_E_NOTFOUND, "there is no such thing") \
	X(VL_E_EXISTS, "exists already") \
	X(VL_E_IO, "input or output failed") \
	X(VL_E_OS, "the operating system refused (see errno)") \
	X(VL_E_HYPERCALL, "the hypervisor refused (see the hypercall status)") \
	X(VL_E_GUEST, "the guest broke the rules") \
	X(VL_E_PROTOCOL, "the peer broke the protocol") \
	X(VL_E_INTERNAL, "an internal invariant does not hold")

#define VL_ERR_NUMBER(name, text) name##_NUMBER,
enum { VL_ERR_NONE, VL_ERR_LIST(VL_ERR_NUMBER) VL_ERR_COUNT };
#undef VL_ERR_NUMBER

#define VL_ERR_VALUE(name, text) name = -name##_NUMBER,
enum vl_err { VL_OK = 0, VL_ERR_LIST(VL_ERR_VALUE) };
#undef VL_ERR_VALUE

/* The sentence for `err` (0 or negative); never NULL, for any value. */
const char *vl_err_text(int err);
/* The enumerator's own name, "VL_E_RANGE"; for tests and structured logs. */
const char *vl_err_name(int err);

#endif
