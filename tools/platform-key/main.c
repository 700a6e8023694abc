/*
 * platform-key: makes the key by which a reference host signs reports about its
 * isolated guests (security/report/report.h), and prints its public half for a key
 * broker's policy. Run by people and by tools/run; its files are theirs.
 */
#include "common/base/err.h"
#include "security/crypto/gcm.h"
#include "security/report/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

static const char help[] =
"platform-key create FILE    make a new key (RSA-2048, PEM); FILE must not exist\n"
"platform-key public FILE    print the public key of FILE\n"
"Exit status: 0 good, 1 an error, which is printed.\n";

static int complain(const char *path, const char *what)
{
	fprintf(stderr, "platform-key: %s: %s\n", path, what);
	return 1;
}

/* --- create -------------------------------------------------------------------------------- */

static int create(const char *path)
{
	char pem[PLATFORM_KEY_PEM_MAKE];
	uint8_t seed[32];
	int fd, size = VL_E_OS, status = 0;

	if (getrandom(seed, sizeof(seed), 0) == (ssize_t)sizeof(seed))
		size = platform_key_make(seed, pem);
	crypto_wipe(seed, sizeof(seed));
	if (size < 0)
		return complain(path, "the key could not be made");
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		status = complain(path, strerror(errno));
	} else if (write(fd, pem, (size_t)size) != (ssize_t)size || fsync(fd) || close(fd)) {
		status = complain(path, strerror(errno));
		unlink(path);
	}
	crypto_wipe(pem, sizeof(pem));
	return status;
}

/* --- public -------------------------------------------------------------------------------- */

static int public(const char *path)
{
	static struct platform_key key;
	static char pem[PLATFORM_KEY_PEM_MAX];
	char text[PLATFORM_PUBLIC_TEXT_BYTES];
	FILE *file = fopen(path, "re");
	size_t size = file ? fread(pem, 1, sizeof(pem), file) : 0;
	int err = file && !ferror(file) ? platform_key_read(&key, pem, size) : VL_E_OS;

	crypto_wipe(pem, sizeof(pem));
	if (file)
		fclose(file);
	if (err)
		return complain(path, err == VL_E_OS ? strerror(errno) : vl_err_text(err));
	platform_public_write(&key.public, text);
	platform_key_wipe(&key);
	return puts(text) < 0 || fflush(stdout) ? complain("standard output", strerror(errno)) : 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "create"))
		return create(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "public"))
		return public(argv[2]);
	fputs(help, argc == 2 && !strcmp(argv[1], "--help") ? stdout : stderr);
	return argc == 2 && !strcmp(argv[1], "--help") ? 0 : 1;
}
