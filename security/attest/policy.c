/* The key broker's policy file (broker.h). It is its owner's; mistakes in it are told by their line. */
#include "security/attest/broker.h"

#include <string.h>

struct word {
	const char *text;
	size_t size;
};

static bool is(const struct word *w, const char *text)
{
	return w->size == strlen(text) && !memcmp(w->text, text, w->size);
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The first word of the line; *line and *size become what follows it. */
static struct word next_word(const char **line, size_t *size)
{
	struct word w;

	while (*size && blank(**line))
		++*line, --*size;
	w = (struct word){ *line, 0 };
	while (w.size < *size && !blank(w.text[w.size]))
		w.size++;
	*line += w.size;
	*size -= w.size;
	while (*size && blank(**line))
		++*line, --*size;
	return w;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int take_digest(const struct word *w, uint8_t list[][VBS_DIGEST_BYTES], unsigned *count)
{
	if (*count == BROKER_MEASUREMENT_MAX)
		return VL_E_LIMIT;
	if (w->size != 2 * VBS_DIGEST_BYTES)
		return VL_E_FORMAT;
	for (size_t i = 0; i < VBS_DIGEST_BYTES; i++) {
		int high = hex_digit(w->text[2 * i]), low = hex_digit(w->text[2 * i + 1]);

		if (high < 0 || low < 0)
			return VL_E_FORMAT;
		list[*count][i] = (uint8_t)(high << 4 | low);
	}
	++*count;
	return 0;
}

static int take_platform(struct broker_policy *p, const char *text, size_t size)
{
	int err;

	if (p->platform_count == BROKER_PLATFORM_MAX)
		return VL_E_LIMIT;
	err = platform_public_read(&p->platforms[p->platform_count], text, size);
	if (!err)
		p->platform_count++;
	return err;
}

static int take_number(const struct word *w, uint32_t *out)
{
	uint64_t n = 0;

	for (size_t i = 0; i < w->size; i++) {
		if (w->text[i] < '0' || w->text[i] > '9')
			return VL_E_FORMAT;
		n = n * 10 + (uint64_t)(w->text[i] - '0');
		if (n > UINT32_MAX)
			return VL_E_FORMAT;
	}
	*out = (uint32_t)n;
	return w->size ? 0 : VL_E_FORMAT;
}

static int take_wish(const struct word *w, enum broker_wish *out)
{
	if (!is(w, "any") && !is(w, "true") && !is(w, "false"))
		return VL_E_FORMAT;
	*out = is(w, "any") ? BROKER_ANY : is(w, "true") ? BROKER_TRUE : BROKER_FALSE;
	return 0;
}

static int take_debug(const struct word *w, bool *out)
{
	*out = is(w, "allow");
	return *out || is(w, "deny") ? 0 : VL_E_FORMAT;
}

/* Words that stand once in a policy, with one value. */
enum single { MIN_SVN, DEBUG, SECURE_BOOT, TPM, CONSOLE, SINGLE_COUNT };
static const char *const singles[SINGLE_COUNT] = { "min-svn", "debug", "secure-boot", "tpm", "console" };

static int take_single(struct broker_policy *p, enum single which, const struct word *value)
{
	switch (which) {
	case MIN_SVN: return take_number(value, &p->min_svn);
	case DEBUG: return take_debug(value, &p->allow_debug);
	case SECURE_BOOT: return take_wish(value, &p->secure_boot);
	case TPM: return take_wish(value, &p->tpm);
	default: return take_wish(value, &p->console);
	}
}

/* *seen has a bit for each single word that was there before. */
static int take_line(struct broker_policy *p, unsigned *seen, const char *line, size_t size)
{
	struct word key = next_word(&line, &size), value;
	const char *rest = line;
	size_t rest_size = size;

	if (!key.size || key.text[0] == '#')
		return 0;
	value = next_word(&line, &size);
	if (is(&key, "platform"))
		return take_platform(p, rest, rest_size);
	if (is(&key, "measurement"))
		return take_digest(&value, p->measurements, &p->measurement_count);
	if (is(&key, "signer"))
		return take_digest(&value, p->signers, &p->signer_count);
	for (unsigned i = 0; i < SINGLE_COUNT; i++) {
		if (!is(&key, singles[i]))
			continue;
		if (*seen >> i & 1)
			return VL_E_DUPLICATE;
		*seen |= 1u << i;
		return size ? VL_E_FORMAT : take_single(p, (enum single)i, &value);
	}
	return VL_E_TYPE;
}

int broker_policy_read(struct broker_policy *p, const char *text, size_t size, unsigned *line)
{
	unsigned seen = 0;
	int err = 0;

	memset(p, 0, sizeof(*p));
	for (*line = 1; size; ++*line) {
		const char *end = memchr(text, '\n', size);
		size_t part = end ? (size_t)(end - text) : size;

		err = take_line(p, &seen, text, part);
		if (err)
			return err;
		part += end ? 1 : 0;
		text += part;
		size -= part;
	}
	return p->platform_count && (p->measurement_count || p->signer_count) ? 0 : VL_E_MISSING;
}
