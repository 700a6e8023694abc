/* The inspect tree as text and as JSON (tree.h). The tree was checked: its depth is bounded. */
#include "tools/vallumctl/tree.h"
#include "tools/vallumctl/utf8.h"

#include <math.h>
#include <string.h>

const char *tree_error_text(enum inspect_error error)
{
	switch (error) {
	case INSPECT_UNRESOLVED: return "no answer in time";
	case INSPECT_CHANNEL: return "its process cannot be asked";
	case INSPECT_IMMUTABLE: return "cannot be changed";
	case INSPECT_UPDATE: return "not changed";
	case INSPECT_NOT_A_DIRECTORY: return "is no folder";
	case INSPECT_NOT_FOUND: return "not found";
	case INSPECT_INTERNAL: return "internal error";
	}
	return "unknown error";
}

static double real_of(const struct inspect_value *v)
{
	uint32_t low = (uint32_t)v->u64;
	double wide;
	float narrow;

	if (v->type == INSPECT_FLOAT) {
		memcpy(&narrow, &low, sizeof(narrow));
		return (double)narrow;
	}
	memcpy(&wide, &v->u64, sizeof(wide));
	return wide;
}

/* JSON has no word for what is no number. */
static void put_real(FILE *out, double real, bool json)
{
	if (json && !isfinite(real))
		fputs("null", out);
	else
		fprintf(out, "%.17g", real);
}

static void put_number(FILE *out, const struct inspect_value *v, bool json)
{
	switch (v->type) {
	case INSPECT_SIGNED:
		fprintf(out, "%lld", (long long)v->i64);
		return;
	case INSPECT_UNSIGNED:
		fprintf(out, v->flags & INSPECT_HEX && !json ? "0x%llx" : "%llu", (unsigned long long)v->u64);
		return;
	case INSPECT_BOOL:
		fputs(v->u64 ? "true" : "false", out);
		return;
	default:
		put_real(out, real_of(v), json);
	}
}

static void put_bytes(FILE *out, const struct inspect_value *v)
{
	for (size_t i = 0; i < v->size; i++)
		fprintf(out, "%02x", v->bytes[i]);
}

/* --- Text ------------------------------------------------------------------------------------- */

static void text_node(struct ctl *c, const struct inspect_node *n, unsigned level);

static void text_value(struct ctl *c, const struct inspect_value *v)
{
	if (v->type == INSPECT_STRING)
		ctl_put_text(c->out, (const char *)v->bytes, v->size);
	else if (v->type == INSPECT_BYTES)
		put_bytes(c->out, v);
	else
		put_number(c->out, v, false);
	fputc('\n', c->out);
}

static void text_failure(struct ctl *c, const struct inspect_node *n)
{
	fprintf(c->out, "%s(%s", ctl_style(c, CTL_RED), tree_error_text(n->error));
	if (n->text_size)
		fputs(": ", c->out);
	ctl_put_text(c->out, (const char *)n->text, n->text_size);
	fprintf(c->out, ")%s\n", ctl_style(c, CTL_PLAIN));
}

static void text_entry(struct ctl *c, const struct inspect_entry *e, unsigned level)
{
	bool folder = e->node.kind == INSPECT_NODE_DIR;

	fprintf(c->out, "%*s%s", (int)level * 2, "", ctl_style(c, folder ? CTL_BOLD : CTL_BLUE));
	ctl_put_text(c->out, (const char *)e->name, e->name_size);
	fprintf(c->out, "%s%s", ctl_style(c, CTL_PLAIN), folder ? "/\n" : ": ");
	text_node(c, &e->node, level + 1);
}

static void text_node(struct ctl *c, const struct inspect_node *n, unsigned level)
{
	struct vl_reader entries = n->entries;
	struct inspect_entry e;

	switch (n->kind) {
	case INSPECT_NODE_UNEVALUATED:
		fprintf(c->out, "%s...%s\n", ctl_style(c, CTL_DIM), ctl_style(c, CTL_PLAIN));
		return;
	case INSPECT_NODE_FAILED:
		text_failure(c, n);
		return;
	case INSPECT_NODE_VALUE:
		text_value(c, &n->value);
		return;
	case INSPECT_NODE_DIR:
		while (inspect_next(&entries, &e))
			text_entry(c, &e, level);
	}
}

void tree_text(struct ctl *c, const struct inspect_node *root)
{
	text_node(c, root, 0);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void json_node(FILE *out, const struct inspect_node *n, unsigned level);

static void json_text(FILE *out, const uint8_t *bytes, size_t size)
{
	const char *text = (const char *)bytes;
	uint32_t code;

	fputc('"', out);
	for (size_t at = 0, n; at < size; at += n) {
		n = utf8_read(text + at, size - at, &code);
		if (!n)
			fputs("\\ufffd", out), n = 1;
		else if (!utf8_size(text + at, n))
			fprintf(out, "\\u%04x", code); /* all of them have four digits */
		else if (text[at] == '"' || text[at] == '\\')
			fprintf(out, "\\%c", text[at]);
		else if (text[at] == '\t')
			fputs("\\t", out);
		else
			fwrite(text + at, 1, n, out);
	}
	fputc('"', out);
}

static void json_value(FILE *out, const struct inspect_value *v)
{
	if (v->type == INSPECT_STRING) {
		json_text(out, v->bytes, v->size);
	} else if (v->type == INSPECT_BYTES) {
		fputc('"', out);
		put_bytes(out, v);
		fputc('"', out);
	} else {
		put_number(out, v, true);
	}
}

static void json_failure(FILE *out, const struct inspect_node *n)
{
	const char *text = tree_error_text(n->error);

	fputs("{ \"$error\": ", out);
	if (n->text_size)
		json_text(out, n->text, n->text_size);
	else
		json_text(out, (const uint8_t *)text, strlen(text));
	fputs(" }", out);
}

static void json_folder(FILE *out, const struct inspect_node *n, unsigned level)
{
	struct vl_reader entries = n->entries;
	struct inspect_entry e;
	bool first = true;

	fputc('{', out);
	for (; inspect_next(&entries, &e); first = false) {
		fprintf(out, "%s\n%*s", first ? "" : ",", (int)(level + 1) * 2, "");
		json_text(out, e.name, e.name_size);
		fputs(": ", out);
		json_node(out, &e.node, level + 1);
	}
	if (!first)
		fprintf(out, "\n%*s", (int)level * 2, "");
	fputc('}', out);
}

static void json_node(FILE *out, const struct inspect_node *n, unsigned level)
{
	switch (n->kind) {
	case INSPECT_NODE_UNEVALUATED:
		fputs("null", out);
		return;
	case INSPECT_NODE_FAILED:
		json_failure(out, n);
		return;
	case INSPECT_NODE_VALUE:
		json_value(out, &n->value);
		return;
	case INSPECT_NODE_DIR:
		json_folder(out, n, level);
	}
}

void tree_json(struct ctl *c, const struct inspect_node *root)
{
	json_node(c->out, root, 0);
	fputc('\n', c->out);
}
