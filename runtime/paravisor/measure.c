/* measure.h. Called once by main.c, before the guest's memory is touched. */
#include "runtime/paravisor/measure.h"
#include "common/base/bytes.h"
#include "common/base/fmt.h"

#include <bearssl.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int add_content(br_sha256_context *sha, int fd)
{
	static uint8_t bytes[64u << 10];
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		br_sha256_update(sha, bytes, (size_t)n);
	return n < 0 ? VL_E_OS : 0;
}

static int add_file(br_sha256_context *sha, const char *folder, const char *name)
{
	char path[128];
	struct stat st;
	le64 size;
	int fd, err = VL_E_OS;

	vl_format(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return VL_E_OS;
	if (fstat(fd, &st) == 0) {
		size = cpu_to_le64((uint64_t)st.st_size);
		br_sha256_update(sha, name, strlen(name) + 1);
		br_sha256_update(sha, &size, sizeof(size));
		err = add_content(sha, fd);
	}
	close(fd);
	return err;
}

int measure_files(const char *folder, const char *const *names, uint8_t digest[MEASURE_DIGEST_BYTES],
	unsigned *which)
{
	br_sha256_context sha;
	int err = 0;

	br_sha256_init(&sha);
	for (*which = 0; !err && names[*which]; ++*which)
		err = add_file(&sha, folder, names[*which]);
	if (err)
		--*which;
	else
		br_sha256_out(&sha, digest);
	return err;
}
