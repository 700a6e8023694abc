/* Device platform settings as JSON, both ways. */
#include "common/get/dps.h"

#include <check.h>
#include <string.h>

Suite *suite_dps(void);

static char document[8192];
static struct dps_settings in, out;
static size_t offset;

/* A valid document in `document`; returns its size. */
static size_t encode(void)
{
	int size;

	dps_defaults(&in);
	in.com1.enable_port = true;
	in.generation_id_low = UINT64_MAX;
	in.is_servicing_scenario = true;
	strcpy(in.system_manufacturer, "quote \" backslash \\ tab \t");
	size = dps_encode(&in, document, sizeof(document) - 1);
	ck_assert_int_gt(size, 0);
	document[size] = 0;
	return (size_t)size;
}

/* Replaces the first `from` in the document; returns the new size. */
static size_t replace(const char *from, const char *to)
{
	static char copy[sizeof(document)];
	char *at = strstr(document, from);

	ck_assert_ptr_nonnull(at);
	strcpy(copy, at + strlen(from));
	strcpy(at, to);
	strcat(document, copy);
	return strlen(document);
}

START_TEST(what_was_written_is_read_back)
{
	size_t size = encode();

	ck_assert_int_eq(dps_decode(document, size, &out, &offset), 0);
	ck_assert_mem_eq(&in, &out, sizeof(in));
}
END_TEST

START_TEST(the_document_nests_as_the_reference_schema_does)
{
	encode();
	ck_assert_int_eq(strncmp(document, "{\"V1\":{\"SecureBootEnabled\":false,", 32), 0);
	ck_assert_ptr_nonnull(strstr(document, "\"Com1\":{\"EnablePort\":true,\"DebuggerMode\":false,"
		"\"EnableVmbusRedirector\":false},\"Com2\":{"));
	ck_assert_ptr_nonnull(strstr(document, "},\"V2\":{\"Static\":{\"LegacyMemoryMap\":false,"));
	ck_assert_ptr_nonnull(strstr(document, "},\"Dynamic\":{\"NvdimmCount\":0,"));
	ck_assert_ptr_nonnull(strstr(document,
			"\"IsServicingScenario\":true}},\"Vallum\":{\"DeviceWorkers\":\"\"}}"));
}
END_TEST

START_TEST(every_truncation_is_refused)
{
	size_t size = encode();

	for (size_t n = 0; n < size; n++)
		ck_assert_int_eq(dps_decode(document, n, &out, &offset), VL_E_FORMAT);
}
END_TEST

START_TEST(an_unknown_field_is_skipped_whatever_it_holds)
{
	encode();
	size_t size = replace("{\"V1\":", "{\"Future\":[{\"a\":[1,-2.5e3,null]},\"x\",{}],\"V1\":");

	ck_assert_int_eq(dps_decode(document, size, &out, &offset), 0);
	ck_assert_mem_eq(&in, &out, sizeof(in));
}
END_TEST

START_TEST(a_missing_required_field_is_named_an_error_and_an_optional_one_has_its_default)
{
	encode();
	size_t size = replace("\"WatchdogEnabled\":false,", "");

	ck_assert_int_eq(dps_decode(document, size, &out, &offset), VL_E_MISSING);
	encode();
	size = replace("\"GuestStateLifetime\":\"Default\",", "");
	ck_assert_int_eq(dps_decode(document, size, &out, &offset), 0);
	ck_assert_str_eq(out.guest_state_lifetime, "Default");
}
END_TEST

START_TEST(a_field_that_occurs_twice_is_refused)
{
	encode();
	size_t size = replace("\"EnableTpm\":false", "\"EnableTpm\":false,\"EnableTpm\":true");

	ck_assert_int_eq(dps_decode(document, size, &out, &offset), VL_E_DUPLICATE);
}
END_TEST

START_TEST(a_name_with_a_dot_cannot_pose_as_another_path)
{
	encode();
	size_t size = replace("{\"V1\":", "{\"V1.EnableTpm\":true,\"V1\":");

	ck_assert_int_eq(dps_decode(document, size, &out, &offset), VL_E_FORMAT);
}
END_TEST

START_TEST(a_wrong_type_or_a_value_out_of_range_is_refused_with_its_place)
{
	encode();
	size_t size = replace("\"EnableTpm\":false", "\"EnableTpm\":1");

	ck_assert_int_eq(dps_decode(document, size, &out, &offset), VL_E_TYPE);
	ck_assert_int_eq(strncmp(document + offset - 1, "1,", 2), 0);
	encode();
	size = replace("\"NvdimmCount\":0", "\"NvdimmCount\":65536");
	ck_assert_int_eq(dps_decode(document, size, &out, &offset), VL_E_RANGE);
	encode();
	size = replace("\"NvdimmCount\":0", "\"NvdimmCount\":-1");
	ck_assert_int_eq(dps_decode(document, size, &out, &offset), VL_E_RANGE);
	encode();
	size = replace("\"GenerationIdHigh\":0", "\"GenerationIdHigh\":18446744073709551616");
	ck_assert_int_eq(dps_decode(document, size, &out, &offset), VL_E_RANGE);
}
END_TEST

START_TEST(a_text_that_is_too_long_is_refused)
{
	char text[DPS_TEXT_MAX + 32];

	encode();
	memset(text, 'x', sizeof(text));
	memcpy(text, "\"SystemVersion\":\"", 17);
	strcpy(text + 17 + DPS_TEXT_MAX, "\"");
	ck_assert_int_eq(dps_decode(document, replace("\"SystemVersion\":\"\"", text), &out, &offset),
		VL_E_LIMIT);
	encode();
	strcpy(text + 17 + DPS_TEXT_MAX - 1, "\"");
	ck_assert_int_eq(dps_decode(document, replace("\"SystemVersion\":\"\"", text), &out, &offset), 0);
}
END_TEST

START_TEST(a_document_beyond_the_limit_is_not_looked_at)
{
	ck_assert_int_eq(dps_decode(document, DPS_DOCUMENT_MAX + 1, &out, &offset), VL_E_LIMIT);
}
END_TEST

START_TEST(writing_into_too_little_room_fails)
{
	size_t size = encode();

	ck_assert_int_eq(dps_encode(&in, document, size - 1), VL_E_NOSPACE);
	ck_assert_int_eq(dps_encode(&in, document, size), (int)size);
}
END_TEST

Suite *suite_dps(void)
{
	Suite *s = suite_create("dps");
	TCase *c = tcase_create("json");

	tcase_add_test(c, what_was_written_is_read_back);
	tcase_add_test(c, the_document_nests_as_the_reference_schema_does);
	tcase_add_test(c, every_truncation_is_refused);
	tcase_add_test(c, an_unknown_field_is_skipped_whatever_it_holds);
	tcase_add_test(c, a_missing_required_field_is_named_an_error_and_an_optional_one_has_its_default);
	tcase_add_test(c, a_field_that_occurs_twice_is_refused);
	tcase_add_test(c, a_name_with_a_dot_cannot_pose_as_another_path);
	tcase_add_test(c, a_wrong_type_or_a_value_out_of_range_is_refused_with_its_place);
	tcase_add_test(c, a_text_that_is_too_long_is_refused);
	tcase_add_test(c, a_document_beyond_the_limit_is_not_looked_at);
	tcase_add_test(c, writing_into_too_little_room_fails);
	suite_add_tcase(s, c);
	return s;
}
