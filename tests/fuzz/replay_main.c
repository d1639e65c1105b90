/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replays a fuzz corpus: gives every file of the folders (or every file) named as arguments to the
 * fuzz target once, in the order of names. Linked to each fuzz target and run as a test, so that
 * old findings stay found with any compiler. Fails when there is nothing to replay.
 */
#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A block of exactly the file's size, so that a sanitizer sees a read beyond it. */
static int replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct stat st;
	uint8_t *data;
	size_t size;

	if (f == NULL || fstat(fileno(f), &st) < 0) {
		perror(path);
		exit(1);
	}
	data = malloc((size_t)st.st_size + (st.st_size == 0));
	size = data != NULL ? fread(data, 1, (size_t)st.st_size, f) : 0;
	if (data == NULL || size != (size_t)st.st_size) {
		perror(path);
		exit(1);
	}
	fclose(f);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 1;
}

static int replay(const char *path)
{
	struct dirent **names;
	int n = scandir(path, &names, NULL, alphasort), done = 0;

	if (n < 0)
		return replay_file(path);
	for (int i = 0; i < n; i++) {
		char file[4096];

		snprintf(file, sizeof file, "%s/%s", path, names[i]->d_name);
		if (names[i]->d_name[0] != '.')
			done += replay_file(file);
		free(names[i]);
	}
	free(names);
	return done;
}

int main(int argc, char **argv)
{
	int done = 0;

	for (int i = 1; i < argc; i++)
		done += replay(argv[i]);
	printf("%d inputs replayed\n", done);
	return done > 0 ? 0 : 1;
}
