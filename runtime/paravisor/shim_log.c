/*
 * Replays the shim's log (shim_log.h; format: common/boot/params.h). Called
 * once by the paravisor. The shim is trusted, but the text may hold names that
 * the host chose, and a host can write this memory in a VM that is not isolated.
 */
#include "runtime/paravisor/shim_log.h"
#include "common/base/log.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* "<3>text": the kernel's severities to ours. */
static enum vl_log_level take_level(const char **line, size_t *size)
{
	char digit;

	if (*size < 3 || (*line)[0] != '<' || (*line)[2] != '>')
		return VL_LOG_INFO;
	digit = (*line)[1];
	*line += 3;
	*size -= 3;
	if (digit <= '3')
		return VL_LOG_ERROR;
	return digit == '4' ? VL_LOG_WARN : digit <= '6' ? VL_LOG_INFO : VL_LOG_DEBUG;
}

int shim_log_lines(const struct shim_log *log)
{
	size_t left = le32_to_cpu(log->length), size;
	const char *line = log->text, *end;
	enum vl_log_level level;

	if (le32_to_cpu(log->magic) != SHIM_LOG_MAGIC)
		return VL_E_MAGIC;
	if (left > sizeof(log->text))
		return VL_E_LIMIT;
	while (left) {
		end = memchr(line, '\n', left);
		size = end ? (size_t)(end - line) : left;
		left -= end ? size + 1 : size;
		level = take_level(&line, &size);
		vl_log(level, "shim: %.*s", (int)size, line);
		line += size + 1;
	}
	if (le32_to_cpu(log->dropped))
		vl_warn("shim: %u more lines did not fit its log", le32_to_cpu(log->dropped));
	return 0;
}

/* Whole words, one by one: where the kernel maps this memory as a device's, others would fault. */
static void copy_log(struct shim_log *copy, const void *map)
{
	const volatile uint64_t *from = map;
	uint64_t word;

	for (size_t i = 0; i < sizeof(*copy) / sizeof(word); i++) {
		word = from[i];
		memcpy((uint8_t *)copy + i * sizeof(word), &word, sizeof(word));
	}
}

int shim_log_replay(const char *memory_path, uint64_t base, uint64_t size)
{
	struct shim_log copy;
	void *map;
	int fd;

	if (size != sizeof(copy) || !vl_is_aligned(base, VL_PAGE_BYTES))
		return VL_E_RANGE;
	fd = open(memory_path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return VL_E_OS;
	map = mmap(NULL, sizeof(copy), PROT_READ, MAP_SHARED, fd, (off_t)base);
	close(fd);
	if (map == MAP_FAILED)
		return VL_E_OS;
	copy_log(&copy, map);
	munmap(map, sizeof(copy));
	return shim_log_lines(&copy);
}
