/* SPDX-License-Identifier: MIT
 * replay.c - runs a fuzz target over the inputs that are kept: replay CORPUS looks into CORPUS/<name of the program>.
 * TAP output for prove; an input that breaks something ends the program with its name as the last line.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fuzz/fuzz.h"

#define INPUT_MAX (1 << 20)

static void replay(const char *folder, const char *name)
{
	char path[1024];
	u8 *data = malloc(INPUT_MAX);
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "rb");
	if (f) {
		n = fread(data, 1, INPUT_MAX, f);
		fclose(f);
	}
	printf("# %s, %zu bytes\n", path, n);
	fflush(stdout);
	data = realloc(data, n ? n : 1); /* so that a read past its end is seen */
	LLVMFuzzerTestOneInput(data, n);
	free(data);
}

int main(int argc, char **argv)
{
	const char *self = strrchr(argv[0], '/');
	unsigned inputs = 0;
	struct dirent *e;
	char folder[512];
	DIR *d;

	snprintf(folder, sizeof(folder), "%s/%s", argc > 1 ? argv[1] : "tests/fuzz/corpus", self ? self + 1 : argv[0]);
	d = opendir(folder);
	printf("1..1\n");
	for (; d && (e = readdir(d)); inputs += e->d_name[0] != '.')
		if (e->d_name[0] != '.')
			replay(folder, e->d_name);
	if (d)
		closedir(d);
	printf("%sok 1 - %u kept inputs of %s harm nothing\n", inputs ? "" : "not ", inputs, folder);
	return !inputs;
}
