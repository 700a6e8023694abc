/* Boot phases for the eye (chart.h). */
#include "tools/vallumctl/chart.h"
#include "tools/vallumctl/svg.h"

#include <stdlib.h>
#include <string.h>

#define BAR_COLUMNS 32

static int by_start(const void *left, const void *right)
{
	const struct chart_phase *a = left, *b = right;

	if (a->start_ns != b->start_ns)
		return a->start_ns < b->start_ns ? -1 : 1;
	return strcmp(a->name, b->name);
}

void chart_sort(struct chart *chart)
{
	qsort(chart->phases, chart->count, sizeof(chart->phases[0]), by_start);
}

/* Of a phase; 0 of the last one. */
static uint64_t duration(const struct chart *chart, unsigned i)
{
	return i + 1 < chart->count ? chart->phases[i + 1].start_ns - chart->phases[i].start_ns : 0;
}

static uint64_t whole(const struct chart *chart)
{
	return chart->phases[chart->count - 1].start_ns;
}

/* --- Table ------------------------------------------------------------------------------------ */

static void put_bar(struct ctl *c, const struct chart *chart, unsigned i)
{
	double scale = whole(chart) ? (double)BAR_COLUMNS / (double)whole(chart) : 0;
	unsigned from = (unsigned)((double)chart->phases[i].start_ns * scale);
	unsigned to = (unsigned)((double)(chart->phases[i].start_ns + duration(chart, i)) * scale);

	fprintf(c->out, "%*s%s", (int)from, "", ctl_style(c, CTL_BLUE));
	for (unsigned k = from; k < to || k == from; k++)
		fputc('#', c->out);
	fputs(ctl_style(c, CTL_PLAIN), c->out);
}

void chart_table(struct ctl *c, const struct chart *chart)
{
	size_t width = strlen("PHASE");

	for (unsigned i = 0; i < chart->count; i++) {
		size_t length = svg_length(chart->phases[i].name);

		width = length > width ? length : width;
	}
	fprintf(c->out, "%s%-*s  %10s  %10s%s\n", ctl_style(c, CTL_BOLD), (int)width, "PHASE",
		"START", "TAKES", ctl_style(c, CTL_PLAIN));
	for (unsigned i = 0; i < chart->count; i++) {
		const char *name = chart->phases[i].name;
		char start[32], takes[32] = "";

		svg_duration(start, sizeof(start), chart->phases[i].start_ns);
		if (i + 1 < chart->count)
			svg_duration(takes, sizeof(takes), duration(chart, i));
		ctl_put_text(c->out, name, strlen(name));
		fprintf(c->out, "%*s  %10s  %10s  ", (int)(width - svg_length(name)), "", start, takes);
		put_bar(c, chart, i);
		fputc('\n', c->out);
	}
}

/* --- SVG --------------------------------------------------------------------------------------- */

#define WIDTH 960.0
#define LEFT 190.0
#define RIGHT 110.0
#define TOP 74.0
#define ROW 30.0
#define BAR 18.0

static const char *const colours[] = { "#4c8fd6", "#57b894", "#e2a33d", "#d9705f", "#8f7cc9", "#5fb3c4" };

/* A distance between grid lines that makes 4 to 10 of them: 1, 2 or 5 times a power of ten. */
static uint64_t grid_step(uint64_t ns)
{
	static const unsigned factors[] = { 1, 2, 5 };
	uint64_t power = 1;

	/* 2^64 ns are below 10 * 2e18: it ends before the power overflows. */
	for (;; power *= 10)
		for (size_t i = 0; i < VL_ARRAY_COUNT(factors); i++)
			if (ns / 10 <= power * factors[i])
				return power * factors[i];
}

static void put_grid(const struct chart *chart, double scale, double bottom, FILE *out)
{
	uint64_t step = grid_step(whole(chart));
	char text[32];

	for (uint64_t at = 0; at <= whole(chart); at += step) {
		double x = LEFT + (double)at * scale;

		svg_duration(text, sizeof(text), at);
		fprintf(out, "<line x1=\"%.1f\" y1=\"%.0f\" x2=\"%.1f\" y2=\"%.0f\" stroke=\"#e4e4e4\"/>", x,
			TOP - 8, x, bottom);
		fprintf(out, "<text class=\"note\" x=\"%.1f\" y=\"%.0f\" text-anchor=\"middle\">%s</text>\n",
			x, bottom + 18, at ? text : "0");
		if (at > UINT64_MAX - step)
			break;
	}
}

static void put_phase(const struct chart *chart, unsigned i, double scale, FILE *out)
{
	double x = LEFT + (double)chart->phases[i].start_ns * scale,
			width = (double)duration(chart, i) * scale;
	double y = TOP + ROW * i;
	bool last = i + 1 == chart->count;
	char takes[32], start[32];

	svg_duration(takes, sizeof(takes), duration(chart, i));
	svg_duration(start, sizeof(start), chart->phases[i].start_ns);
	fprintf(out, "<text class=\"name\" x=\"%.0f\" y=\"%.0f\" text-anchor=\"end\">", LEFT - 12, y + 14);
	svg_text(out, chart->phases[i].name, 24);
	fputs("</text><g><title>", out);
	svg_text(out, chart->phases[i].name, CHART_NAME_MAX);
	fprintf(out, " at %s</title>", start);
	if (last)
		fprintf(out, "<path d=\"M%.1f %.0fl7 %.0fl-7 %.0fl-7 -%.0fz\" fill=\"#333\"/></g>"
			"<text class=\"note\" x=\"%.1f\" y=\"%.0f\">at %s</text>\n", x, y, BAR / 2,
			BAR / 2, BAR / 2, x + 13, y + 14, start);
	else
		fprintf(out, "<rect x=\"%.1f\" y=\"%.0f\" width=\"%.1f\" height=\"%.0f\" rx=\"2\" "
			"fill=\"%s\"/></g>"
			"<text class=\"note\" x=\"%.1f\" y=\"%.0f\">%s</text>\n", x, y,
			width < 1 ? 1 : width, BAR,
			colours[i % VL_ARRAY_COUNT(colours)], x + (width < 1 ? 1 : width) + 6, y + 14, takes);
}

void chart_svg(const struct chart *chart, const char *title, FILE *out)
{
	double scale = whole(chart) ? (WIDTH - LEFT - RIGHT) / (double)whole(chart) : 0;
	double bottom = TOP + ROW * chart->count, height = bottom + 36;
	char total[32];

	svg_duration(total, sizeof(total), whole(chart));
	fprintf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" "
		"height=\"%.0f\">\n"
		"<style>text{font-family:system-ui,'DejaVu "
		"Sans',sans-serif}.title{font-size:17px;font-weight:600}"
		".name{font-size:13px}.note{font-size:12px;fill:#555}</style>\n<title>", WIDTH, height, WIDTH,
		height);
	svg_text(out, title, 200);
	fprintf(out, "</title>\n<rect width=\"%.0f\" height=\"%.0f\" fill=\"#fff\"/>\n"
		"<text class=\"title\" x=\"16\" y=\"27\">", WIDTH, height);
	svg_text(out, title, 80);
	fprintf(out, "</text>\n<text class=\"note\" x=\"16\" y=\"47\">"
		"%u phases, %s from the partition's begin to the last</text>\n", chart->count, total);
	put_grid(chart, scale, bottom, out);
	for (unsigned i = 0; i < chart->count; i++)
		put_phase(chart, i, scale, out);
	fputs("</svg>\n", out);
}
