/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /etc/hosts (hosts(5)): "ADDRESS NAME NAME…", '#' begins a comment. A file that cannot be read says nothing. localhost
 * needs no file (RFC 6761, 6.3).
 */
#include <string.h>

#include "filestamp.h"
#include "resolve.h"

#define HOSTS_MAX (4 * 1024 * 1024)
#define BLANKS " \t\r"

static void add(const char *text, uint16_t port, struct address *addresses, size_t *n)
{
	if (*n < ADDRESSES_MAX && address_parse(text, port, &addresses[*n]))
		(*n)++;
}

static void look_at_line(char *line, const char *host, uint16_t port, struct address *addresses, size_t *n)
{
	char *rest = line, *address, *name;

	line[strcspn(line, "#")] = '\0';
	address = strtok_r(line, BLANKS, &rest);
	while (address != NULL && (name = strtok_r(NULL, BLANKS, &rest)) != NULL)
		if (strcasecmp(name, host) == 0) {
			add(address, port, addresses, n);
			return;
		}
}

void hosts_find(const char *path, const char *host, uint16_t port, struct address *addresses, size_t *n)
{
	struct buf text = BUF_INIT;
	size_t before = *n;
	char *line, *rest;

	if (file_slurp(path, HOSTS_MAX, &text) == 0 && buf_putc(&text, '\0') == 0)
		for (line = strtok_r((char *)text.data, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
			look_at_line(line, host, port, addresses, n);
	buf_deinit(&text);
	if (*n == before && strcasecmp(host, "localhost") == 0) {
		add("127.0.0.1", port, addresses, n);
		add("::1", port, addresses, n);
	}
}
