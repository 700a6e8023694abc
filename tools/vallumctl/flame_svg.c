/*
 * A flame graph as SVG (flame.h). Root below, each function above its caller,
 * width in proportion to its samples; children in the order of their names, so that
 * two profiles are easy to compare.
 */
#include "tools/vallumctl/flame.h"
#include "tools/vallumctl/svg.h"

#include <stdlib.h>
#include <string.h>

#define WIDTH 1200.0
#define PAD 10.0
#define ROW 18.0
#define TOP 64.0
#define BOTTOM 34.0
#define FONT 11.0
#define NARROWEST 0.15 /* pixels; what is narrower is left out */

struct painter {
	const struct flame *f;
	FILE *out;
	uint32_t *order; /* room to sort the children of one node */
	double unit;     /* pixels a sample */
	double height;
};

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), k = strlen(end);

	return n >= k && !strcmp(text + n - k, end);
}

/* Kernel cool, programs warm, what has no name grey; the shade is the name's own. */
static void put_colour(FILE *out, const char *name, uint32_t depth)
{
	unsigned h = 0;

	for (const char *p = name; *p; p++)
		h = h * 31 + (unsigned char)*p;
	if (depth == 0)
		fputs("#d8d8d8", out);
	else if (!strncmp(name, "[unknown]", 9))
		fprintf(out, "hsl(0,0%%,%u%%)", 78 + h % 8);
	else if (depth == 1)
		fprintf(out, "hsl(%u,45%%,%u%%)", 130 + h % 40, 68 + (h >> 8) % 9);
	else if (ends_with(name, "_[k]"))
		fprintf(out, "hsl(%u,62%%,%u%%)", 196 + h % 26, 66 + (h >> 8) % 10);
	else
		fprintf(out, "hsl(%u,82%%,%u%%)", 16 + h % 34, 62 + (h >> 8) % 9);
}

static void put_frame(const struct painter *p, uint32_t node, double x)
{
	const struct flame_node *n = &p->f->nodes[node];
	const char *name = flame_name(p->f, node);
	double width = (double)n->count * p->unit, y = p->height - BOTTOM - ROW * (n->depth + 1);
	double room = (width - 4) / SVG_CHAR_WIDTH(FONT);

	fprintf(p->out, "<g class=\"f\" data-depth=\"%u\" data-name=\"", n->depth);
	svg_text(p->out, name, FLAME_NAME_MAX);
	fputs("\"><title>", p->out);
	svg_text(p->out, name, FLAME_NAME_MAX);
	fprintf(p->out,
		" (%llu %s, %.2f %%)</title><rect x=\"%.3f\" y=\"%.0f\" width=\"%.3f\" height=\"%.0f\" "
		"rx=\"1.5\" fill=\"", (unsigned long long)n->count, n->count == 1 ? "sample" : "samples",
		100.0 * (double)n->count / (double)p->f->nodes[0].count, x, y, width, ROW - 1);
	put_colour(p->out, name, n->depth);
	fprintf(p->out, "\"/><text x=\"%.3f\" y=\"%.1f\">", x + 3, y + ROW - 5.5);
	if (room >= 3)
		svg_text(p->out, name, (size_t)room);
	fputs("</text></g>\n", p->out);
}

static const struct flame *sorted; /* qsort gives its comparison no context */

static int by_name(const void *left, const void *right)
{
	return strcmp(flame_name(sorted, *(const uint32_t *)left),
			flame_name(sorted, *(const uint32_t *)right));
}

/* `used` of order[] is taken by the levels below. The depth is bounded by FLAME_DEPTH_MAX. */
static void put_node(const struct painter *p, uint32_t node, double x, uint32_t used)
{
	uint32_t *children = p->order + used, count = 0;

	if ((double)p->f->nodes[node].count * p->unit < NARROWEST)
		return;
	put_frame(p, node, x);
	for (uint32_t c = p->f->nodes[node].child; c; c = p->f->nodes[c].sibling)
		children[count++] = c;
	sorted = p->f;
	qsort(children, count, sizeof(children[0]), by_name);
	for (uint32_t i = 0; i < count; i++) {
		put_node(p, children[i], x, used + count);
		x += (double)p->f->nodes[children[i]].count * p->unit;
	}
}

static void put_head(const struct painter *p, const struct flame_text *text)
{
	fprintf(p->out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"100%%\" "
		"height=\"%.0f\" "
		"data-width=\"%.0f\" data-pad=\"%.0f\" data-char=\"%.3f\">\n"
		"<style>\n"
		"svg{background:#fff;font-family:" SVG_FONT ";font-size:%.0fpx}\n"
		".f{cursor:pointer}.f text{fill:#1c1c1c;pointer-events:none}\n"
		".f:hover rect{stroke:#222;stroke-width:1}.below{opacity:.5}.hit rect{fill:#d63ad6}\n"
		".title{font-size:17px;font-family:system-ui,'DejaVu Sans',sans-serif;font-weight:600}\n"
		".note{font-size:12px;font-family:system-ui,'DejaVu Sans',sans-serif;fill:#555}\n"
		".button{font-size:12px;font-family:system-ui,'DejaVu "
		"Sans',sans-serif;fill:#0b57d0;cursor:pointer}\n"
		"</style>\n<title>", WIDTH, p->height, p->height, WIDTH, PAD, SVG_CHAR_WIDTH(FONT), FONT);
	svg_text(p->out, text->title, FLAME_NAME_MAX);
	fprintf(p->out, "</title>\n<rect width=\"%.0f\" height=\"%.0f\" fill=\"#fff\"/>\n"
		"<text class=\"title\" x=\"%.0f\" y=\"27\">", WIDTH, p->height, PAD);
	svg_text(p->out, text->title, 100);
	fprintf(p->out, "</text>\n<text class=\"note\" x=\"%.0f\" y=\"47\">", PAD);
	svg_text(p->out, text->subtitle, 160);
	fprintf(p->out, "</text>\n"
		"<text class=\"button\" id=\"reset\" x=\"%.0f\" y=\"27\" text-anchor=\"end\" "
		"style=\"display:none\">"
		"Whole graph (Esc)</text>\n"
		"<text class=\"button\" id=\"find\" x=\"%.0f\" y=\"27\" text-anchor=\"end\" "
		"style=\"display:none\">"
		"Search (/)</text>\n", WIDTH - PAD - 80, WIDTH - PAD);
}

static void put_legend(const struct painter *p)
{
	static const struct { const char *name, *colour; } kinds[] = {
		{ "process", "hsl(150,45%,72%)" }, { "program", "hsl(30,82%,66%)" },
		{ "kernel", "hsl(208,62%,71%)" }, { "no name", "hsl(0,0%,80%)" },
	};
	double x = WIDTH - PAD - 4 * 86;

	for (size_t i = 0; i < VL_ARRAY_COUNT(kinds); i++, x += 86)
		fprintf(p->out,
			"<rect x=\"%.0f\" y=\"%.0f\" width=\"12\" height=\"12\" rx=\"2\" fill=\"%s\"/>"
			"<text class=\"note\" x=\"%.0f\" y=\"%.1f\">%s</text>\n", x, p->height - 23,
			kinds[i].colour, x + 17, p->height - 12.5, kinds[i].name);
}

int flame_svg(const struct flame *f, const struct flame_text *text, FILE *out)
{
	struct painter p = { .f = f, .out = out, .height = TOP + BOTTOM + ROW * (f->depth + 1) };

	p.order = malloc(f->node_count * sizeof(p.order[0]));
	if (!p.order)
		return VL_E_NOMEM;
	p.unit = f->nodes[0].count ? (WIDTH - 2 * PAD) / (double)f->nodes[0].count : 0;
	put_head(&p, text);
	if (f->nodes[0].count)
		put_node(&p, 0, PAD, 0);
	fprintf(out, "<text class=\"note\" id=\"info\" x=\"%.0f\" y=\"%.1f\">%s</text>\n", PAD,
		p.height - 12.5,
		f->nodes[0].count ? "Click a frame to zoom, point at it for its numbers." : "No samples.");
	put_legend(&p);
	if (f->nodes[0].count)
		fprintf(out, "<script><![CDATA[\n%s]]></script>\n", flame_script);
	fputs("</svg>\n", out);
	free(p.order);
	return 0;
}
