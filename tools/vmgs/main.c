/*
 * vmgs: makes, shows, changes and checks VM guest state files (security/vmgs).
 * Run by people, on a state file that no machine uses at the time; `vmgs --help`
 * says how. State files are untrusted input, key files are the user's own.
 */
#include "common/base/err.h"
#include "common/base/log.h"
#include "security/crypto/gcm.h"
#include "security/vmgs/vmgs.h"
#include "tools/host/state_file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum tool_status { TOOL_OK = 0, TOOL_USAGE = 1, TOOL_INVALID = 2 };

#define FILE_BYTES_MAX (32u << 20)

static const char help[] =
"vmgs create FILE [--size BYTES] [--key K]   make an empty state file; with a key, an encrypted one\n"
"vmgs list FILE [--key K]                    print what is in it\n"
"vmgs read FILE ID [-o OUT] [--key K]        one file's content, to OUT or standard output\n"
"vmgs write FILE ID INPUT [--key K]          replace one file's content; encrypted when a key is given\n"
"vmgs rekey FILE --key K --new-key N         wrap the metadata key anew: afterwards N alone opens it\n"
"vmgs check FILE [--key K]                   say whether it is whole; with the key, authenticate all\n"
"\n"
"FILE is a regular file or a block device that no virtual machine uses at the time. ID is a\n"
"number (1 to 62) or a name that `list` prints. K and N are files with a key: 32 bytes, or 64\n"
"hexadecimal digits. BYTES is a multiple of 4096, 16384 to 67108864 (default 4194304).\n"
"\n"
"Exit status: 0 good; 1 wrong usage, or a file that cannot be read or written;\n"
"2 a state file that is damaged or altered, lacks what was asked for, or does not open with the key.\n";

struct arguments {
	const char *words[4]; /* command, FILE, ID, INPUT */
	unsigned count;
	const char *key, *new_key, *output, *size;
};

static const char *const file_names[VMGS_FILE_COUNT] = {
	[VMGS_BIOS_NVRAM] = "bios-nvram", [VMGS_TPM_PPI] = "tpm-ppi", [VMGS_TPM_NVRAM] = "tpm-nvram",
	[VMGS_RTC_SKEW] = "rtc-skew", [VMGS_ATTEST] = "attest", [VMGS_KEY_PROTECTOR] = "key-protector",
	[VMGS_VM_UNIQUE_ID] = "vm-unique-id", [VMGS_GUEST_FIRMWARE] = "guest-firmware",
	[VMGS_CUSTOM_UEFI] = "custom-uefi", [VMGS_GUEST_WATCHDOG] = "guest-watchdog",
	[VMGS_HW_KEY_PROTECTOR] = "hw-key-protector", [VMGS_GUEST_SECRET_KEY] = "guest-secret-key",
	[VMGS_HIBERNATION_TOKEN] = "hibernation-token", [VMGS_PLATFORM_SEED] = "platform-seed",
	[VMGS_PROVENANCE_DOC] = "provenance-doc", [VMGS_TPM_NVRAM_BACKUP] = "tpm-nvram-backup",
	[VMGS_PROVISIONING_MARKER] = "provisioning-marker",
};

static VL_PRINTF(2, 3) int complain(int status, const char *fmt, ...)
{
	va_list args;

	fputs("vmgs: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	return status;
}

static void print_line(enum vl_log_level level, const char *line, size_t length)
{
	complain(0, "%.*s", (int)length, line);
}

/* --- Storage, keys, ids ------------------------------------------------------------------------ */

static int io_read(void *ctx, uint64_t offset, void *out, size_t size)
{
	return state_file_read(ctx, offset, out, size);
}

static int io_write(void *ctx, uint64_t offset, const void *data, size_t size)
{
	return state_file_write(ctx, offset, data, size);
}

static int io_flush(void *ctx)
{
	return state_file_flush(ctx);
}

static int io_random(void *ctx, void *out, size_t size)
{
	return getrandom(out, size, 0) == (ssize_t)size ? 0 : VL_E_OS;
}

static struct vmgs_io io_of(struct state_file *f)
{
	return (struct vmgs_io){ io_read, io_write, io_flush, io_random, f, f->size_bytes, 512 };
}

/* At most `room` bytes and a NUL. Prints what was wrong. */
static int read_file(const char *path, void *out, size_t room, size_t *size)
{
	FILE *in = fopen(path, "rb");
	bool good;

	if (!in)
		return complain(TOOL_USAGE, "%s: cannot be opened: %s", path, strerror(errno));
	*size = fread(out, 1, room, in);
	good = !ferror(in) && fgetc(in) == EOF && feof(in);
	fclose(in);
	return good ? 0 : complain(TOOL_USAGE, "%s: cannot be read, or has more than %zu bytes", path, room);
}

static int hex_key(const char *text, size_t size, uint8_t key[VMGS_KEY_BYTES])
{
	while (size && (text[size - 1] == '\n' || text[size - 1] == '\r' || text[size - 1] == ' '))
		size--;
	if (size != 2 * VMGS_KEY_BYTES || strspn(text, "0123456789abcdefABCDEF") < size)
		return VL_E_FORMAT;
	for (size_t i = 0; i < VMGS_KEY_BYTES; i++) {
		const char digits[3] = { text[2 * i], text[2 * i + 1], 0 };

		key[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return 0;
}

static int read_key(const char *path, uint8_t key[VMGS_KEY_BYTES])
{
	char text[129] = "";
	size_t size;
	int status = read_file(path, text, sizeof(text) - 1, &size);

	if (!status && size == VMGS_KEY_BYTES)
		memcpy(key, text, VMGS_KEY_BYTES);
	else if (!status && hex_key(text, size, key))
		status = complain(TOOL_USAGE, "%s: a key is 32 bytes or 64 hexadecimal digits", path);
	crypto_wipe(text, sizeof(text));
	return status;
}

/* 0: none such. */
static unsigned parse_id(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text >= '0' && *text <= '9' && !*end)
		return n < VMGS_EXTENDED_TABLE ? (unsigned)n : 0;
	for (unsigned id = 1; id < VMGS_EXTENDED_TABLE; id++)
		if (file_names[id] && !strcmp(file_names[id], text))
			return id;
	return 0;
}

/* --- Commands: on an open state file ------------------------------------------------------------- */

struct tool {
	const struct arguments *args;
	struct state_file file;
	struct vmgs vmgs;
	uint8_t key[VMGS_KEY_BYTES], new_key[VMGS_KEY_BYTES];
};

static uint8_t content[FILE_BYTES_MAX];

static int failed(const struct tool *t, const char *what, int err)
{
	return complain(TOOL_INVALID, "%s: %s: %s (%s)", t->args->words[1], what, vl_err_text(err),
		vl_err_name(err));
}

static int do_list(struct tool *t)
{
	struct vmgs_info info;

	printf("version 3, sequence %u, %s%s\n", vmgs_sequence(&t->vmgs),
		vmgs_is_encrypted(&t->vmgs) ? "encrypted" : "not encrypted",
		t->vmgs.unlocked ? ", opened with the key" : "");
	for (unsigned id = 1; id < VMGS_EXTENDED_TABLE; id++)
		if (!vmgs_info(&t->vmgs, id, &info))
			printf("%2u %-20s %8llu bytes, %8llu allocated%s\n", id,
				file_names[id] ? file_names[id] : "-",
				(unsigned long long)info.size, (unsigned long long)info.allocated,
				info.encrypted ? ", encrypted" : "");
	return TOOL_OK;
}

static int do_read(struct tool *t)
{
	unsigned id = parse_id(t->args->words[2]);
	int64_t size = vmgs_read(&t->vmgs, id, content, sizeof(content));
	FILE *out = stdout;
	bool good;

	if (size < 0)
		return failed(t, t->args->words[2], (int)size);
	if (t->args->output)
		out = fopen(t->args->output, "wb");
	if (!out)
		return complain(TOOL_USAGE, "%s: cannot be created: %s", t->args->output, strerror(errno));
	good = fwrite(content, 1, (size_t)size, out) == (size_t)size && !fflush(out);
	if (out != stdout)
		good = !fclose(out) && good;
	return good ? TOOL_OK : complain(TOOL_USAGE, "the content cannot be written: %s", strerror(errno));
}

static int do_write(struct tool *t)
{
	unsigned id = parse_id(t->args->words[2]);
	size_t size;
	int status, err;

	if (vmgs_is_encrypted(&t->vmgs) && !t->args->key)
		return complain(TOOL_USAGE,
			"%s: is encrypted, and without a key everybody could read what is "
			"written; give --key", t->args->words[1]);
	status = read_file(t->args->words[3], content, sizeof(content), &size);
	err = status ? 0 : vmgs_write(&t->vmgs, id, content, size, t->args->key);

	return err ? failed(t, t->args->words[2], err) : status;
}

static int do_rekey(struct tool *t)
{
	int err = vmgs_rekey(&t->vmgs, t->new_key);

	return err ? failed(t, "rekey", err) : TOOL_OK;
}

static int do_check(struct tool *t)
{
	char what[40];
	unsigned id;
	int err = vmgs_check(&t->vmgs, &id);

	snprintf(what, sizeof(what), "file %u", id);
	if (err)
		return failed(t, what, err);
	printf("whole%s\n", t->vmgs.unlocked ? ", and every encrypted file is authentic" :
		vmgs_is_encrypted(&t->vmgs) ? "; encrypted files were not looked at, for want of a key" : "");
	return TOOL_OK;
}

static int do_create(struct tool *t)
{
	const struct vmgs_io io = io_of(&t->file);
	int err = vmgs_open(&t->vmgs, &io);

	if (err != VL_E_NOTFOUND)
		return complain(TOOL_USAGE, "%s: exists and is not empty", t->args->words[1]);
	err = vmgs_format(&t->vmgs, &io);
	if (!err && t->args->key)
		err = vmgs_encrypt(&t->vmgs, t->key);
	/* Not a file that works but is not encrypted as it was to be. */
	if (err && ftruncate(t->file.fd, 0))
		complain(TOOL_USAGE, "%s: is incomplete; remove it: %s", t->args->words[1], strerror(errno));
	return err ? failed(t, "create", err) : TOOL_OK;
}

static int do_open(struct tool *t)
{
	const struct vmgs_io io = io_of(&t->file);
	int err = vmgs_open(&t->vmgs, &io);

	if (err)
		return failed(t, "open", err);
	if (!t->args->key)
		return TOOL_OK;
	err = vmgs_unlock(&t->vmgs, t->key);
	if (err == VL_E_STATE)
		return complain(TOOL_INVALID, "%s: is not encrypted; give no --key", t->args->words[1]);
	return err ? failed(t, "unlock: another key, or altered", err) : TOOL_OK;
}

static const struct command {
	const char *name;
	int (*run)(struct tool *t);
	unsigned words; /* with the command's own */
	bool creates, needs_id, needs_keys;
} commands[] = {
	{ "create", do_create, 2, true, false, false },
	{ "list", do_list, 2, false, false, false },
	{ "read", do_read, 3, false, true, false },
	{ "write", do_write, 4, false, true, false },
	{ "rekey", do_rekey, 2, false, false, true },
	{ "check", do_check, 2, false, false, false },
};

static int run(struct tool *t, const struct command *c)
{
	char *end = "";
	uint64_t size = t->args->size ? strtoull(t->args->size, &end, 10) : STATE_FILE_BYTES;
	int status = TOOL_OK;

	if (c->needs_id && !parse_id(t->args->words[2]))
		return complain(TOOL_USAGE, "'%s' is no file: a number from 1 to 62, or a name",
				t->args->words[2]);
	if (*end || size % VMGS_BLOCK_BYTES || size < 4 * VMGS_BLOCK_BYTES ||
	    size > VMGS_BLOCKS_MAX * VMGS_BLOCK_BYTES)
		return complain(TOOL_USAGE, "--size %s: a multiple of 4096, 16384 to 67108864",
				t->args->size);
	if (t->args->key)
		status = read_key(t->args->key, t->key);
	if (!status && t->args->new_key)
		status = read_key(t->args->new_key, t->new_key);
	if (!status && state_file_open(&t->file, t->args->words[1], c->creates ? size : 0))
		status = TOOL_USAGE;
	if (!status && !c->creates)
		status = do_open(t);
	return status ? status : c->run(t);
}

/* --- Command line ---------------------------------------------------------------------------------- */

static bool parse(struct arguments *a, int argc, char **argv)
{
	static const char *const names[] = { "--key", "--new-key", "-o", "--size" };
	const char **const values[] = { &a->key, &a->new_key, &a->output, &a->size };

	for (int i = 1; i < argc; i++) {
		const char **to = NULL;

		for (size_t k = 0; k < VL_ARRAY_COUNT(names); k++)
			if (!strcmp(argv[i], names[k]))
				to = values[k];
		if (to && (*to || ++i == argc))
			return false;
		if (!to && (argv[i][0] == '-' || a->count == VL_ARRAY_COUNT(a->words)))
			return false;
		if (!to)
			to = &a->words[a->count++];
		*to = argv[i];
	}
	return a->count > 0;
}

static bool fits(const struct command *c, const struct arguments *a)
{
	return c->words == a->count && (!a->size || c->creates) && (!a->output || c->run == do_read) &&
		c->needs_keys == !!a->new_key && (!c->needs_keys || a->key);
}

int main(int argc, char **argv)
{
	static struct tool t = { .file.fd = -1 };
	struct arguments a = { 0 };
	int status = TOOL_USAGE;

	vl_log_init(print_line, VL_LOG_INFO);
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(help, stdout);
		return TOOL_OK;
	}
	if (!parse(&a, argc, argv))
		return complain(TOOL_USAGE, "wrong arguments; see `vmgs --help`");
	t.args = &a;
	for (size_t i = 0; i < VL_ARRAY_COUNT(commands); i++) {
		if (strcmp(commands[i].name, a.words[0]))
			continue;
		status = fits(&commands[i], &a) ? run(&t, &commands[i]) :
			complain(TOOL_USAGE, "%s: wrong arguments; see `vmgs --help`", a.words[0]);
		state_file_close(&t.file);
		vmgs_close(&t.vmgs);
		crypto_wipe(&t, sizeof(t));
		crypto_wipe(content, sizeof(content));
		return status;
	}
	return complain(TOOL_USAGE, "unknown command '%s'; see `vmgs --help`", a.words[0]);
}
