/* Layout of attestation requests and answers (attest.h). Both directions are decoded from hostile bytes. */
#include "common/attest/attest.h"
#include "common/base/bytes.h"

#include <string.h>

const char *attest_refusal_text(unsigned refusal)
{
	static const char *const texts[ATTEST_REFUSAL_COUNT] = {
		[ATTEST_RELEASED] = "released",
		[ATTEST_MALFORMED] = "the request to the key broker is malformed",
		[ATTEST_NOT_SIGNED] =
			"the report was altered, or signed by no platform that the key broker knows",
		[ATTEST_NOT_BOUND] = "the report does not vouch for the claims to the key broker",
		[ATTEST_MEASUREMENT] = "the measurement is none that the key broker accepts",
		[ATTEST_POLICY] = "the key broker's policy does not allow this configuration",
		[ATTEST_EPOCH] = "the epoch is not the next one of the key broker",
		[ATTEST_UNAVAILABLE] = "the key broker is unavailable",
		[ATTEST_REPORT_TYPE] =
			"the key broker verifies reports of VBS alone, not of SNP, TDX or others",
	};

	return refusal < ATTEST_REFUSAL_COUNT ? texts[refusal] :
		"the key broker refuses and does not say why";
}

int attest_request_encode(uint8_t out[ATTEST_REQUEST_MAX], enum attest_report_type type, const void *report,
	size_t report_bytes, const char *claims, size_t claims_bytes)
{
	struct vl_writer w;

	if (report_bytes > ATTEST_REPORT_BYTES || claims_bytes > ATTEST_CLAIMS_MAX)
		return VL_E_LIMIT;
	vl_writer_init(&w, out, ATTEST_REQUEST_MAX);
	vl_write_le32(&w, ATTEST_SIGNATURE);
	vl_write_le32(&w, ATTEST_VERSION);
	vl_write_le32(&w, ATTEST_REPORT_BYTES);
	vl_write_le32(&w, ATTEST_KEY_RELEASE);
	vl_write_zeros(&w, 16);
	vl_write_bytes(&w, report, report_bytes);
	vl_write_zeros(&w, ATTEST_REPORT_BYTES - report_bytes);
	vl_write_le32(&w, (uint32_t)(sizeof(struct attest_request_data) + claims_bytes));
	vl_write_le32(&w, ATTEST_VERSION);
	vl_write_le32(&w, type);
	vl_write_le32(&w, ATTEST_HASH_SHA256);
	vl_write_le32(&w, (uint32_t)claims_bytes);
	vl_write_le32(&w, ATTEST_CAN_ERROR_CODE | ATTEST_CAN_RETRY);
	vl_write_bytes(&w, claims, claims_bytes);
	return w.err ? VL_E_LIMIT : (int)w.pos;
}

static int check_request(const struct attest_request_header *h, const struct attest_request_data *d,
	size_t left)
{
	uint32_t claims = le32_to_cpu(d->variable_bytes);

	if (le32_to_cpu(h->signature) != ATTEST_SIGNATURE)
		return VL_E_MAGIC;
	if (le32_to_cpu(h->version) != ATTEST_VERSION || le32_to_cpu(d->version) != ATTEST_VERSION)
		return VL_E_VERSION;
	if (le32_to_cpu(h->status) || le32_to_cpu(h->reserved[0]) || le32_to_cpu(h->reserved[1]) ||
	    le32_to_cpu(h->reserved[2]))
		return VL_E_RESERVED;
	if (le32_to_cpu(h->request_type) != ATTEST_KEY_RELEASE ||
	    le32_to_cpu(d->hash_type) != ATTEST_HASH_SHA256 ||
	    le32_to_cpu(d->report_type) < ATTEST_VBS || le32_to_cpu(d->report_type) > ATTEST_CCA)
		return VL_E_TYPE;
	if (le32_to_cpu(h->report_bytes) != ATTEST_REPORT_BYTES || claims != left ||
	    le32_to_cpu(d->data_bytes) != sizeof(*d) + claims)
		return VL_E_RANGE;
	return 0;
}

int attest_request_decode(struct attest_request *r, const void *data, size_t size)
{
	struct attest_request_header h;
	struct attest_request_data d;
	struct vl_reader in;
	int err;

	vl_reader_init(&in, data, size);
	vl_read_copy(&in, &h, sizeof(h));
	r->report = vl_read_view(&in, ATTEST_REPORT_BYTES);
	vl_read_copy(&in, &d, sizeof(d));
	if (in.err)
		return in.err;
	r->claims_bytes = vl_reader_left(&in);
	r->claims = (const char *)vl_read_view(&in, r->claims_bytes);
	err = check_request(&h, &d, r->claims_bytes);
	r->report_type = (enum attest_report_type)le32_to_cpu(d.report_type);
	return err;
}

size_t attest_response_encode(uint8_t out[ATTEST_RESPONSE_MAX], enum attest_refusal refusal, bool retry,
	const void *payload, size_t payload_bytes)
{
	struct attest_response_header h = {
		.data_bytes = cpu_to_le32((uint32_t)(sizeof(h) + payload_bytes)),
		.version = cpu_to_le32(ATTEST_VERSION),
		.error = cpu_to_le32(refusal),
		.http_status = cpu_to_le32(!refusal ? 200 : refusal == ATTEST_UNAVAILABLE ? 503 : 403),
		.signal = cpu_to_le32(retry ? ATTEST_SIGNAL_RETRY : 0),
	};

	memcpy(out, &h, sizeof(h));
	if (payload_bytes)
		memcpy(out + sizeof(h), payload, payload_bytes);
	return sizeof(h) + payload_bytes;
}

int attest_response_decode(const void *data, size_t size, const uint8_t **payload, size_t *payload_bytes,
	unsigned *refusal)
{
	struct attest_response_header h;

	*refusal = ATTEST_UNAVAILABLE;
	if (size < sizeof(h))
		return VL_E_TRUNCATED;
	memcpy(&h, data, sizeof(h));
	if (le32_to_cpu(h.version) != ATTEST_VERSION)
		return VL_E_VERSION;
	if (le32_to_cpu(h.data_bytes) != size || (le32_to_cpu(h.error) && size != sizeof(h)))
		return VL_E_RANGE;
	*refusal = le32_to_cpu(h.error);
	*payload = (const uint8_t *)data + sizeof(h);
	*payload_bytes = size - sizeof(h);
	if (!*refusal)
		return 0;
	return le32_to_cpu(h.signal) & ATTEST_SIGNAL_RETRY ? VL_E_AGAIN : VL_E_DENIED;
}
