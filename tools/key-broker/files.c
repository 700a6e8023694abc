/*
 * The key broker's folder (files.h). It is the owner's; what is damaged there is told, never repaired by
 * guessing.
 */
#include "tools/key-broker/files.h"
#include "security/crypto/gcm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define POLICY_MAX 65536u

static int complain(const char *name, const char *what)
{
	fprintf(stderr, "key-broker: %s: %s\n", name, what);
	return 1;
}

/* The file's size in bytes; -1: see errno, ENOENT: there is none. EFBIG: more than `room`. */
static ssize_t read_file(int dir, const char *name, void *out, size_t room)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, room);
	char more;

	if (n == (ssize_t)room && read(fd, &more, 1) != 0) {
		errno = EFBIG;
		n = -1;
	}
	if (fd >= 0)
		close(fd);
	return n;
}

/* Replaces the file whole and durably. */
static int write_file(int dir, const char *name, const void *data, size_t size)
{
	char temporary[32];
	int fd, good;

	snprintf(temporary, sizeof(temporary), "%s.new", name);
	fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	good = fd >= 0 && write(fd, data, size) == (ssize_t)size && !fsync(fd);
	if (fd >= 0)
		good = !close(fd) && good;
	good = good && !renameat(dir, temporary, dir, name) && !fsync(dir);
	return good ? 0 : VL_E_OS;
}

/* --- Secrets --------------------------------------------------------------------------------- */

static int make_key(const struct broker *b, int dir, char pem[PLATFORM_KEY_PEM_MAKE])
{
	uint8_t seed[32];
	int size = b->random(seed, sizeof(seed)) ? VL_E_OS : platform_key_make(seed, pem);

	crypto_wipe(seed, sizeof(seed));
	return size > 0 && !write_file(dir, "broker.key", pem, (size_t)size) ? size : VL_E_OS;
}

static int open_key(struct broker *b, int dir)
{
	char pem[PLATFORM_KEY_PEM_MAKE];
	ssize_t size = read_file(dir, "broker.key", pem, sizeof(pem));
	int err;

	if (size < 0 && errno == ENOENT)
		size = make_key(b, dir, pem);
	err = size < 0 ? VL_E_OS : platform_key_read(&b->key, pem, (size_t)size);
	crypto_wipe(pem, sizeof(pem));
	return err ? complain("broker.key", err == VL_E_OS ? strerror(errno) : vl_err_text(err)) : 0;
}

static int open_master(struct broker *b, int dir)
{
	ssize_t size = read_file(dir, "master", b->master, sizeof(b->master));

	if (size < 0 && errno == ENOENT && !b->random(b->master, sizeof(b->master)) &&
	    !write_file(dir, "master", b->master, sizeof(b->master)))
		size = sizeof(b->master);
	if (size < 0)
		return complain("master", strerror(errno));
	return size == sizeof(b->master) ? 0 : complain("master", "is damaged: it has not 32 bytes");
}

/* --- Epochs ------------------------------------------------------------------------------------ */

static struct broker_guest *find(struct broker_files *f, const uint8_t *id)
{
	for (unsigned i = 0; i < f->guest_count; i++)
		if (!memcmp(f->guests[i].id, id, ATTEST_ID_BYTES))
			return &f->guests[i];
	return NULL;
}

static int get_epoch(void *context, const uint8_t id[ATTEST_ID_BYTES], uint64_t *epoch)
{
	const struct broker_guest *g = find(context, id);

	*epoch = g ? le64_to_cpu(g->epoch) : 0;
	return 0;
}

static int set_epoch(void *context, const uint8_t id[ATTEST_ID_BYTES], uint64_t epoch)
{
	struct broker_files *f = context;
	struct broker_guest *g = find(f, id), before;
	unsigned count = f->guest_count;
	int err;

	if (!g && count == BROKER_GUEST_MAX)
		return VL_E_LIMIT;
	if (!g) {
		g = &f->guests[f->guest_count++];
		*g = (struct broker_guest){ .epoch = cpu_to_le64(0) };
		memcpy(g->id, id, ATTEST_ID_BYTES);
	}
	before = *g;
	g->epoch = cpu_to_le64(epoch);
	err = write_file(f->dir, "epochs", f->guests, f->guest_count * sizeof(f->guests[0]));
	if (err) {
		complain("epochs", strerror(errno));
		*g = before;
		f->guest_count = count;
	}
	return err;
}

static int open_epochs(struct broker_files *f)
{
	ssize_t size = read_file(f->dir, "epochs", f->guests, sizeof(f->guests));

	if (size < 0)
		return errno == ENOENT ? 0 : complain("epochs", strerror(errno));
	if ((size_t)size % sizeof(f->guests[0]))
		return complain("epochs", "is damaged: its size is not a multiple of 24 bytes");
	f->guest_count = (unsigned)((size_t)size / sizeof(f->guests[0]));
	return 0;
}

/* --- All ------------------------------------------------------------------------------------------ */

int broker_files_open(struct broker_files *f, struct broker *b, const char *dir)
{
	int status = 0;

	mkdir(dir, 0700);
	f->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->dir < 0)
		return complain(dir, strerror(errno));
	if (flock(f->dir, LOCK_EX | LOCK_NB))
		status = complain(dir, "in use by another key-broker");
	if (!status)
		status = open_key(b, f->dir);
	if (!status)
		status = open_master(b, f->dir);
	if (!status)
		status = open_epochs(f);
	b->epochs = (struct broker_epochs){ get_epoch, set_epoch, f };
	return status;
}

int broker_files_policy(struct broker *b, const char *path)
{
	static char text[POLICY_MAX];
	ssize_t size = read_file(AT_FDCWD, path, text, sizeof(text));
	unsigned line;
	int err;

	if (size < 0)
		return complain(path, strerror(errno));
	err = broker_policy_read(&b->policy, text, (size_t)size, &line);
	if (!err)
		return 0;
	if (err == VL_E_MISSING)
		return complain(path, "needs a platform, and a measurement or a signer");
	fprintf(stderr, "key-broker: %s:%u: %s; `key-broker --help` has the lines of a policy\n", path, line,
		vl_err_text(err));
	return 1;
}

void broker_files_close(struct broker_files *f, struct broker *b)
{
	if (f->dir >= 0)
		close(f->dir);
	f->dir = -1;
	crypto_wipe(b, sizeof(*b));
}
