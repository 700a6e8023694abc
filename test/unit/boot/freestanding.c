/*
 * The shim's own memory and string functions, against the C library's, and its
 * self-relocation. They are compiled here under other names.
 */
#include <check.h>
#include <string.h>

#define memcpy boot_memcpy
#define memmove boot_memmove
#define memset boot_memset
#define memcmp boot_memcmp
#define memchr boot_memchr
#define strlen boot_strlen
#define __memcpy_chk boot_memcpy_chk
#define strnlen boot_strnlen
#define strcmp boot_strcmp
#define strncmp boot_strncmp
#define strrchr boot_strrchr
void *boot_memcpy(void *restrict out, const void *restrict in, size_t size);
void *boot_memmove(void *out, const void *in, size_t size);
void *boot_memset(void *out, int value, size_t size);
int boot_memcmp(const void *a, const void *b, size_t size);
void *boot_memchr(const void *in, int value, size_t size);
void *boot_memcpy_chk(void *out, const void *in, size_t size, size_t room);
size_t boot_strlen(const char *text);
size_t boot_strnlen(const char *text, size_t most);
int boot_strcmp(const char *a, const char *b);
int boot_strncmp(const char *a, const char *b, size_t most);
char *boot_strrchr(const char *text, int value);
#include "common/boot/freestanding/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef __memcpy_chk
#undef strnlen
#undef strcmp
#undef strncmp
#undef strrchr
#include "common/boot/freestanding/relocate.c"

Suite *suite_freestanding(void);

static int sign(int v)
{
	return (v > 0) - (v < 0);
}

START_TEST(moving_works_for_every_overlap)
{
	for (unsigned from = 0; from < 9; from++) {
		for (unsigned to = 0; to < 9; to++) {
			char ours[17] = "0123456789abcdef", theirs[17] = "0123456789abcdef";

			boot_memmove(ours + to, ours + from, 8);
			memmove(theirs + to, theirs + from, 8);
			ck_assert_str_eq(ours, theirs);
		}
	}
}
END_TEST

START_TEST(copying_and_filling_touch_only_their_bytes)
{
	char bytes[] = "........";

	boot_memcpy(bytes + 2, "abc", 3);
	ck_assert_str_eq(bytes, "..abc...");
	boot_memset(bytes + 1, 'x', 2);
	ck_assert_str_eq(bytes, ".xxbc...");
}
END_TEST

START_TEST(comparing_agrees_with_the_c_library)
{
	static const char *const words[] = { "", "a", "ab", "abc", "b", "\xff", "ab\xff" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		for (size_t j = 0; j < sizeof(words) / sizeof(words[0]); j++) {
			ck_assert_int_eq(sign(boot_strcmp(words[i], words[j])), sign(strcmp(words[i],
				words[j])));
			ck_assert_int_eq(sign(boot_strncmp(words[i], words[j], 2)), sign(strncmp(words[i],
				words[j], 2)));
		}
		ck_assert_uint_eq(boot_strlen(words[i]), strlen(words[i]));
		ck_assert_uint_eq(boot_strnlen(words[i], 2), strnlen(words[i], 2));
	}
	ck_assert_int_lt(boot_memcmp("a\0b", "a\0c", 3), 0);
	ck_assert_int_eq(boot_memcmp("a\0b", "a\0c", 2), 0);
}
END_TEST

START_TEST(searching_finds_the_first_byte_and_the_last_character)
{
	static const char path[] = "/cpus/cpu@1";

	ck_assert_ptr_eq(boot_memchr(path, '/', sizeof(path)), path);
	ck_assert_ptr_null(boot_memchr(path, '@', 9));
	ck_assert_ptr_eq(boot_strrchr(path, '/'), path + 5);
	ck_assert_ptr_eq(boot_strrchr(path, 0), path + 11);
	ck_assert_ptr_null(boot_strrchr(path, 'z'));
}
END_TEST

START_TEST(relative_relocations_get_the_load_address)
{
	struct {
		uint64_t words[3];
		struct elf_rela rela[2];
	} image = { .words = { 7, 7, 7 } };
	const uint64_t base = (uintptr_t)&image;
	struct elf_dyn dynamic[] = { { 1, 99 }, { DT_RELASZ, sizeof(image.rela) },
		{ DT_RELA, offsetof(__typeof__(image), rela) }, { 0, 0 } };

	image.rela[0] = (struct elf_rela){ 0, 8, 0x1234 };
	image.rela[1] = (struct elf_rela){ 16, 8, 16 };
	boot_relocate(base, dynamic);
	ck_assert_uint_eq(image.words[0], base + 0x1234);
	ck_assert_uint_eq(image.words[1], 7);
	ck_assert_uint_eq(image.words[2], base + 16);
}
END_TEST

Suite *suite_freestanding(void)
{
	Suite *s = suite_create("freestanding");
	TCase *t = tcase_create("freestanding");

	tcase_add_test(t, moving_works_for_every_overlap);
	tcase_add_test(t, copying_and_filling_touch_only_their_bytes);
	tcase_add_test(t, comparing_agrees_with_the_c_library);
	tcase_add_test(t, searching_finds_the_first_byte_and_the_last_character);
	tcase_add_test(t, relative_relocations_get_the_load_address);
	suite_add_tcase(s, t);
	return s;
}
