/* event_log.h. Called by boot.c. */
#include "runtime/vtpm/event_log.h"
#include "common/base/err.h"

#include <string.h>

#define PCR_EVENT_DIGEST_BYTES 20u /* of the header event, which has the old form */

static unsigned bank_count(uint8_t banks)
{
	unsigned n = 0;

	for (unsigned i = 0; i < TPM_BANK_COUNT; i++)
		n += banks >> i & 1;
	return n;
}

/* TCG_EfiSpecIDEvent, 10.4.5.1. */
void event_log_begin(struct event_log *l, uint8_t banks)
{
	struct vl_writer *w = &l->w;
	unsigned count = bank_count(banks);

	l->banks = banks;
	vl_writer_init(w, l->bytes, sizeof(l->bytes));
	vl_write_le32(w, 0);
	vl_write_le32(w, EV_NO_ACTION);
	vl_write_zeros(w, PCR_EVENT_DIGEST_BYTES);
	vl_write_le32(w, 16 + 4 + 4 + 4 + 4 * count + 1);
	vl_write_bytes(w, "Spec ID Event03", 16);
	vl_write_le32(w, 0); /* platform class: client */
	vl_write_u8(w, 0);   /* version 2.00 */
	vl_write_u8(w, 2);
	vl_write_u8(w, 0);   /* errata */
	vl_write_u8(w, 2);   /* UINTN has 64 bits */
	vl_write_le32(w, count);
	for (unsigned i = 0; i < TPM_BANK_COUNT; i++)
		if (banks >> i & 1) {
			vl_write_le16(w, tpm_bank[i].algorithm);
			vl_write_le16(w, tpm_bank[i].bytes);
		}
	vl_write_u8(w, 0); /* vendor's own */
}

/* TCG_PCR_EVENT2, 10.2.2. */
int event_log_add(struct event_log *l, uint32_t pcr, uint32_t type, const uint8_t *digests, const void *data,
	size_t size)
{
	struct vl_writer before = l->w, *w = &l->w;

	vl_write_le32(w, pcr);
	vl_write_le32(w, type);
	vl_write_le32(w, bank_count(l->banks));
	for (unsigned i = 0; i < TPM_BANK_COUNT; i++)
		if (l->banks >> i & 1) {
			vl_write_le16(w, tpm_bank[i].algorithm);
			vl_write_bytes(w, digests + tpm_bank[i].at, tpm_bank[i].bytes);
		}
	vl_write_le32(w, (uint32_t)size);
	vl_write_bytes(w, data, size);
	if (!w->err)
		return 0;
	l->w = before;
	return VL_E_NOSPACE;
}
