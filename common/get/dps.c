/*
 * Device platform settings from and to JSON (dps.h). One table serves both
 * directions; it stands in the document's order, so writing opens and closes
 * objects as the paths change. Input is the host's and untrusted.
 */
#include "common/get/dps.h"
#include "common/json/json.h"

#include <string.h>

enum kind { BOOL, UINT, TEXT };

struct row {
	const char *path;
	uint8_t kind;
	bool required;  /* the reference refuses a document without it */
	uint16_t offset;
	uint64_t most;  /* of a UINT */
};

#define FIELD(f) offsetof(struct dps_settings, f)
#define BOOLEAN(p, f) { p, BOOL, false, FIELD(f), 0 }
#define NEEDED(p, f) { p, BOOL, true, FIELD(f), 0 }
#define NUMBER(p, f, need, top) { p, UINT, need, FIELD(f), top }
#define STRING(p, f, need) { p, TEXT, need, FIELD(f), 0 }
#define V1(n) "V1." n
#define STATIC(n) "V2.Static." n
#define SMBIOS(n) "V2.Static.Smbios." n
#define DYNAMIC(n) "V2.Dynamic." n

static const struct row rows[] = {
	BOOLEAN(V1("SecureBootEnabled"), secure_boot_enabled),
	STRING(V1("SecureBootTemplateId"), secure_boot_template_id, false),
	BOOLEAN(V1("EnableBattery"), enable_battery),
	BOOLEAN(V1("EnableProcessorIdle"), enable_processor_idle),
	BOOLEAN(V1("EnableTpm"), enable_tpm),
	BOOLEAN(V1("Com1.EnablePort"), com1.enable_port),
	BOOLEAN(V1("Com1.DebuggerMode"), com1.debugger_mode),
	BOOLEAN(V1("Com1.EnableVmbusRedirector"), com1.enable_vmbus_redirector),
	BOOLEAN(V1("Com2.EnablePort"), com2.enable_port),
	BOOLEAN(V1("Com2.DebuggerMode"), com2.debugger_mode),
	BOOLEAN(V1("Com2.EnableVmbusRedirector"), com2.enable_vmbus_redirector),
	STRING(V1("BiosGuid"), bios_guid, false),
	NUMBER(V1("ConsoleMode"), console_mode, false, UINT8_MAX),
	BOOLEAN(V1("EnableFirmwareDebugging"), enable_firmware_debugging),
	BOOLEAN(V1("EnableHibernation"), enable_hibernation),
	STRING(V1("SerialNumber"), serial_number, false),
	STRING(V1("BaseBoardSerialNumber"), base_board_serial_number, false),
	STRING(V1("ChassisSerialNumber"), chassis_serial_number, false),
	STRING(V1("ChassisAssetTag"), chassis_asset_tag, false),

	NEEDED(STATIC("LegacyMemoryMap"), legacy_memory_map),
	NEEDED(STATIC("PauseAfterBootFailure"), pause_after_boot_failure),
	NEEDED(STATIC("PxeIpV6"), pxe_ip_v6),
	NEEDED(STATIC("MeasureAdditionalPcrs"), measure_additional_pcrs),
	NEEDED(STATIC("DisableFrontpage"), disable_frontpage),
	NEEDED(STATIC("DisableSha384Pcr"), disable_sha384_pcr),
	NEEDED(STATIC("MediaPresentEnabledByDefault"), media_present_enabled_by_default),
	NUMBER(STATIC("MemoryProtectionMode"), memory_protection_mode, true, UINT8_MAX),
	BOOLEAN(STATIC("DefaultBootAlwaysAttempt"), default_boot_always_attempt),
	NEEDED(STATIC("VpciBootEnabled"), vpci_boot_enabled),
	NEEDED(STATIC("NumLockEnabled"), num_lock_enabled),
	STRING(SMBIOS("SystemManufacturer"), system_manufacturer, true),
	STRING(SMBIOS("SystemProductName"), system_product_name, true),
	STRING(SMBIOS("SystemVersion"), system_version, true),
	STRING(SMBIOS("SystemSKUNumber"), system_sku_number, true),
	STRING(SMBIOS("SystemFamily"), system_family, true),
	STRING(SMBIOS("BiosLockString"), bios_lock_string, true),
	STRING(SMBIOS("MemoryDeviceSerialNumber"), memory_device_serial_number, true),
	NEEDED(STATIC("VmbusRedirectionEnabled"), vmbus_redirection_enabled),
	NEEDED(STATIC("NoPersistentSecrets"), no_persistent_secrets),
	NEEDED(STATIC("WatchdogEnabled"), watchdog_enabled),
	BOOLEAN(STATIC("FirmwareModeIsPcat"), firmware_mode_is_pcat),
	BOOLEAN(STATIC("AlwaysRelayHostMmio"), always_relay_host_mmio),
	BOOLEAN(STATIC("ImcEnabled"), imc_enabled),
	BOOLEAN(STATIC("CxlMemoryEnabled"), cxl_memory_enabled),
	STRING(STATIC("GuestStateLifetime"), guest_state_lifetime, false),
	STRING(STATIC("GuestStateEncryptionPolicy"), guest_state_encryption_policy, false),
	NUMBER(STATIC("EfiDiagnosticsLogLevel"), efi_diagnostics_log_level, false, UINT32_MAX),
	NUMBER(STATIC("ManagementVtlFeatures"), management_vtl_features, false, UINT64_MAX),
	BOOLEAN(STATIC("ForceDmaBounceEnabled"), force_dma_bounce_enabled),
	STRING(STATIC("HardwareSealingPolicyId"), hardware_sealing_policy_id, false),

	NUMBER(DYNAMIC("NvdimmCount"), nvdimm_count, true, UINT16_MAX),
	NEEDED(DYNAMIC("EnablePsp"), enable_psp),
	NUMBER(DYNAMIC("GenerationIdLow"), generation_id_low, true, UINT64_MAX),
	NUMBER(DYNAMIC("GenerationIdHigh"), generation_id_high, true, UINT64_MAX),
	STRING(DYNAMIC("Smbios.ProcessorManufacturer"), processor_manufacturer, true),
	STRING(DYNAMIC("Smbios.ProcessorVersion"), processor_version, true),
	NUMBER(DYNAMIC("Smbios.ProcessorID"), processor_id, true, UINT64_MAX),
	NUMBER(DYNAMIC("Smbios.ExternalClock"), external_clock, true, UINT16_MAX),
	NUMBER(DYNAMIC("Smbios.MaxSpeed"), max_speed, true, UINT16_MAX),
	NUMBER(DYNAMIC("Smbios.CurrentSpeed"), current_speed, true, UINT16_MAX),
	NUMBER(DYNAMIC("Smbios.ProcessorCharacteristics"), processor_characteristics, true, UINT16_MAX),
	NUMBER(DYNAMIC("Smbios.ProcessorFamily2"), processor_family2, true, UINT16_MAX),
	NUMBER(DYNAMIC("Smbios.ProcessorType"), processor_type, true, UINT8_MAX),
	NUMBER(DYNAMIC("Smbios.Voltage"), voltage, true, UINT8_MAX),
	NUMBER(DYNAMIC("Smbios.Status"), status, true, UINT8_MAX),
	NUMBER(DYNAMIC("Smbios.ProcessorUpgrade"), processor_upgrade, true, UINT8_MAX),
	NEEDED(DYNAMIC("IsServicingScenario"), is_servicing_scenario),

	STRING("Vallum.DeviceWorkers", device_workers, false),
};

#define ROW_COUNT VL_ARRAY_COUNT(rows)

void dps_defaults(struct dps_settings *s)
{
	memset(s, 0, sizeof(*s));
	strcpy(s->secure_boot_template_id, "None");
	strcpy(s->bios_guid, "00000000-0000-0000-0000-000000000000");
	strcpy(s->guest_state_lifetime, "Default");
	strcpy(s->guest_state_encryption_policy, "Auto");
	strcpy(s->hardware_sealing_policy_id, "None");
}

void dps_replace(struct dps_settings *s, const struct dps_settings *strict,
	bool (*keeps)(const void *context, const char *path), const void *context)
{
	static const size_t sizes[] = { [BOOL] = sizeof(bool), [UINT] = sizeof(uint64_t),
		[TEXT] = DPS_TEXT_MAX };

	for (size_t i = 0; i < ROW_COUNT; i++)
		if (!keeps(context, rows[i].path))
			memcpy((char *)s + rows[i].offset, (const char *)strict + rows[i].offset,
				sizes[rows[i].kind]);
}

/* --- Writing -------------------------------------------------------------------- */

/* Bytes of the objects' part of a path, with the last dot. */
static size_t objects_size(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot ? (size_t)(dot - path) + 1 : 0;
}

static size_t dots(const char *text, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < size; i++)
		n += text[i] == '.';
	return n;
}

/* Bytes of the leading objects that two paths share, with the last dot. */
static size_t shared_size(const char *a, const char *b)
{
	size_t shared = 0;

	for (size_t i = 0; a[i] && a[i] == b[i]; i++)
		if (a[i] == '.')
			shared = i + 1;
	return shared;
}

/* Closes the objects of `from` that `to` is not in, then opens those of `to`. */
static void move(struct json_writer *w, const char *from, const char *to)
{
	size_t shared = shared_size(from, to), own = objects_size(from), at = shared;
	char name[DPS_TEXT_MAX];

	for (size_t n = dots(from + shared, own - shared); n; n--)
		json_close(w, '}');
	for (const char *dot; (dot = strchr(to + at, '.')); at = (size_t)(dot - to) + 1) {
		size_t size = (size_t)(dot - to) - at;

		memcpy(name, to + at, size);
		name[size] = 0;
		json_open(w, name, '{');
	}
}

static void put_row(struct json_writer *w, const struct row *r, const struct dps_settings *s)
{
	const char *name = r->path + objects_size(r->path);
	const char *field = (const char *)s + r->offset;

	if (r->kind == BOOL)
		json_put_bool(w, name, *(const bool *)field);
	else if (r->kind == UINT)
		json_put_uint(w, name, *(const uint64_t *)(const void *)field);
	else
		json_put_string(w, name, field);
}

int dps_encode(const struct dps_settings *s, char *out, size_t room)
{
	struct json_writer w;
	const char *from = "";

	json_begin(&w, out, room);
	json_open(&w, NULL, '{');
	for (size_t i = 0; i < ROW_COUNT; i++) {
		move(&w, from, rows[i].path);
		put_row(&w, &rows[i], s);
		from = rows[i].path;
	}
	move(&w, from, "");
	json_close(&w, '}');
	return w.err ? w.err : (int)w.used;
}

/* --- Reading -------------------------------------------------------------------- */

struct decode {
	struct dps_settings *settings;
	bool seen[ROW_COUNT];
};

static int take_field(void *context, const struct json_value *v)
{
	struct decode *d = context;
	size_t i = 0;

	while (i < ROW_COUNT && strcmp(rows[i].path, v->path) != 0)
		i++;
	if (i == ROW_COUNT)
		return 0;
	if (d->seen[i])
		return VL_E_DUPLICATE;
	d->seen[i] = true;
	char *field = (char *)d->settings + rows[i].offset;

	if (v->type == JSON_NULL)
		return rows[i].required ? VL_E_TYPE : 0;
	if (rows[i].kind == BOOL)
		return json_bool(v, (bool *)field);
	if (rows[i].kind == UINT)
		return json_uint(v, rows[i].most, (uint64_t *)(void *)field);
	return json_string(v, field, DPS_TEXT_MAX);
}

int dps_decode(const char *json, size_t size, struct dps_settings *s, size_t *offset)
{
	struct decode d = { .settings = s };
	int err;

	*offset = 0;
	if (size > DPS_DOCUMENT_MAX)
		return VL_E_LIMIT;
	dps_defaults(s);
	err = json_walk(json, size, take_field, &d, offset);
	for (size_t i = 0; !err && i < ROW_COUNT; i++)
		if (rows[i].required && !d.seen[i])
			err = VL_E_MISSING;
	return err;
}
