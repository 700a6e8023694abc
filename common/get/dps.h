/*
 * The device platform settings, version 2: what the host wants the machine to
 * be, as the JSON document of GET_DPS_V2 (reference: OpenHCL,
 * get_protocol/dps_json.rs). The reference host writes it, the paravisor reads
 * it. The content is the host's wish and untrusted: an isolated VM takes from
 * it only what the filter allows.
 */
#ifndef VL_GET_DPS_H
#define VL_GET_DPS_H

#include "common/base/err.h"
#include "common/base/types.h"

#define DPS_TEXT_MAX 65 /* bytes with the NUL: HCL_DEVICE_PLATFORM_MAX_SMBIOS_LENGTH + 1 */
#define DPS_DOCUMENT_MAX 65536u /* bytes; VTL2 settings and ACPI tables travel inside */

struct dps_uart {
	bool enable_port, debugger_mode, enable_vmbus_redirector;
};

/* Field by field the document's own names; integers that have a smaller range are checked for it. */
struct dps_settings {
	bool secure_boot_enabled;
	char secure_boot_template_id[DPS_TEXT_MAX]; /* "None", "MicrosoftWindows", ... */
	bool enable_battery, enable_processor_idle, enable_tpm;
	struct dps_uart com1, com2;
	char bios_guid[DPS_TEXT_MAX];
	uint64_t console_mode; /* 0 default, 1 COM1, 2 COM2, 3 none */
	bool enable_firmware_debugging, enable_hibernation;
	char serial_number[DPS_TEXT_MAX], base_board_serial_number[DPS_TEXT_MAX];
	char chassis_serial_number[DPS_TEXT_MAX], chassis_asset_tag[DPS_TEXT_MAX];

	bool legacy_memory_map, pause_after_boot_failure, pxe_ip_v6, measure_additional_pcrs;
	bool disable_frontpage, disable_sha384_pcr, media_present_enabled_by_default;
	uint64_t memory_protection_mode;
	bool default_boot_always_attempt, vpci_boot_enabled, num_lock_enabled;
	char system_manufacturer[DPS_TEXT_MAX], system_product_name[DPS_TEXT_MAX],
		system_version[DPS_TEXT_MAX];
	char system_sku_number[DPS_TEXT_MAX], system_family[DPS_TEXT_MAX], bios_lock_string[DPS_TEXT_MAX];
	char memory_device_serial_number[DPS_TEXT_MAX];
	bool vmbus_redirection_enabled, no_persistent_secrets, watchdog_enabled;
	bool firmware_mode_is_pcat, always_relay_host_mmio, imc_enabled, cxl_memory_enabled;
	char guest_state_lifetime[DPS_TEXT_MAX];          /* "Default", "ReprovisionOnFailure", ... */
	char guest_state_encryption_policy[DPS_TEXT_MAX]; /* "Auto", "None", "GspById", ... */
	uint64_t efi_diagnostics_log_level, management_vtl_features;
	bool force_dma_bounce_enabled;
	char hardware_sealing_policy_id[DPS_TEXT_MAX]; /* "None", "Hash", "Signer" */

	uint64_t nvdimm_count;
	bool enable_psp;
	uint64_t generation_id_low, generation_id_high;
	/* base64 of SMBIOS strings */
	char processor_manufacturer[DPS_TEXT_MAX], processor_version[DPS_TEXT_MAX];
	uint64_t processor_id, external_clock, max_speed, current_speed, processor_characteristics;
	uint64_t processor_family2, processor_type, voltage, status, processor_upgrade;
	bool is_servicing_scenario;

	/* Not of the reference, whose reader skips it: devices to be in workers of their own, "com1,com2". */
	char device_workers[DPS_TEXT_MAX];
};

/* What a document that leaves every optional field out means; also a host's starting point. */
void dps_defaults(struct dps_settings *s);

/*
 * Writes the document. Returns its size in bytes, or VL_E_NOSPACE.
 */
int dps_encode(const struct dps_settings *s, char *out, size_t room);

/*
 * Copies to `s` from `strict` every field whose path in the document ("V1.EnableTpm") `keeps` does not
 * approve.
 */
void dps_replace(struct dps_settings *s, const struct dps_settings *strict,
	bool (*keeps)(const void *context, const char *path), const void *context);

/*
 * Reads a document; unknown fields are skipped, null leaves the default.
 * VL_E_FORMAT (no JSON), VL_E_LIMIT (too long, too deep, a text too long),
 * VL_E_TYPE, VL_E_RANGE, VL_E_DUPLICATE (of a field that is known),
 * VL_E_MISSING (a field without a default; *offset is then the document's
 * end). *offset is the place of the error. `s` is undefined after an error.
 */
int dps_decode(const char *json, size_t size, struct dps_settings *s, size_t *offset);

#endif
