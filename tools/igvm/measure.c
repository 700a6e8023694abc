/* igvm measure: the launch measurement of each platform in a file, one line each. */
#include "common/base/err.h"
#include "common/igvm/measure.h"
#include "tools/igvm/tool.h"

#include <stdio.h>

static const struct {
	uint8_t platform;
	const char *name; /* of the measurement */
	unsigned bytes;
	int (*measure)(const struct igvm_file *file, uint32_t mask, uint8_t *digest,
		struct igvm_error *error);
} kinds[] = {
	{ IGVM_PLATFORM_VSM_ISOLATION, "vbs-boot-digest", IGVM_VBS_DIGEST_BYTES, igvm_measure_vbs },
	{ IGVM_PLATFORM_SEV_SNP, "snp-launch-digest", IGVM_SNP_DIGEST_BYTES, igvm_measure_snp },
	{ IGVM_PLATFORM_TDX, "tdx-mrtd", IGVM_TDX_DIGEST_BYTES, igvm_measure_tdx },
};

int tool_measure(const char *path, const struct igvm_file *file)
{
	uint8_t digest[48];
	unsigned count = 0;

	for (size_t i = 0; i < VL_ARRAY_COUNT(kinds); i++) {
		struct igvm_platform platform;
		struct igvm_error error;

		if (igvm_find_platform(file, kinds[i].platform, &platform))
			continue;
		if (kinds[i].measure(file, platform.mask, digest, &error))
			return tool_malformed(path, &error);
		printf("%s ", kinds[i].name);
		for (unsigned b = 0; b < kinds[i].bytes; b++)
			printf("%02x", digest[b]);
		putchar('\n');
		count++;
	}
	if (!count)
		return tool_fail(TOOL_INVALID,
			"%s: has no platform with a launch measurement (VBS, SNP or TDX)", path);
	return TOOL_OK;
}
