/* SPDX-License-Identifier: MIT
 * plot.c - files for `make plots`: comma-separated values whose head says how to draw them.
 */
#include "host/plot.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct plot {
	FILE *f;
	unsigned columns;
};

struct plot *plot_open(const char *figure, const char *title, ...)
{
	const char *dir = getenv("PLOTS"), *column;
	char path[512];
	struct plot *p;
	va_list ap;

	if (!dir || !*dir)
		return NULL;
	snprintf(path, sizeof(path), "%s/%s.csv", dir, figure);
	p = calloc(1, sizeof(*p));
	p->f = fopen(path, "w");
	if (!p->f) {
		perror(path);
		exit(1);
	}
	fprintf(p->f, "# %s\n", title);
	va_start(ap, title);
	while ((column = va_arg(ap, const char *)))
		fprintf(p->f, "%s%s", p->columns++ ? "\t" : "", column);
	va_end(ap);
	fputc('\n', p->f);
	return p;
}

void plot_row(struct plot *p, ...)
{
	va_list ap;

	if (!p)
		return;
	va_start(ap, p);
	for (unsigned i = 0; i < p->columns; i++)
		fprintf(p->f, "%s%.9g", i ? "\t" : "", va_arg(ap, double));
	va_end(ap);
	fputc('\n', p->f);
}

void plot_close(struct plot *p)
{
	if (!p)
		return;
	fclose(p->f);
	free(p);
}
