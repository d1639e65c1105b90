/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions of leaves as APISIX says them: expressions for routes, networks of clients for stream
 * routes; see plan.h.
 */
#include <string.h>

#include "expr.h"
#include "json.h"
#include "plan.h"

/* More networks than this for one place of a stream route cannot be said. */
#define CLIENTS_MAX 256

static const char *list_expr(struct job *job, const char *var, bool no, const char *op, const struct strs *values)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	json_arr_open(&j);
	json_str(&j, var);
	if (no)
		json_str(&j, "!");
	json_str(&j, op);
	json_arr_open(&j);
	for (size_t i = 0; i < values->n; i++)
		json_str(&j, values->list[i]);
	json_arr_close(&j);
	json_arr_close(&j);
	return job_take(job, &b);
}

static const char *names_expr(struct job *job, const struct term *term)
{
	struct strs names = { 0 };
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);
	struct buf re = BUF_INIT;

	for (size_t i = 0; i < term->names.n; i++) {
		const char *name = term->names.list[i];

		strs_add(job, &names, job_printf(job, "%s%s", name[0] == '.' ? ".+" : "", regex_quote(job, name)));
	}
	buf_puts(&re, "\\A(?:");
	for (size_t i = 0; i < names.n; i++)
		buf_printf(&re, "%s%s", i > 0 ? "|" : "", names.list[i]);
	buf_puts(&re, ")\\z");
	json_arr_open(&j);
	json_str(&j, "ssl_server_name");
	if (term->no)
		json_str(&j, "!");
	json_str(&j, "~*");
	json_str(&j, job_take(job, &re));
	json_arr_close(&j);
	return job_take(job, &b);
}

static const char *net_text(struct job *job, const struct cidr *net)
{
	char text[CIDR_TEXT];

	cidr_print(net, text);
	return job_str(job, text, strlen(text));
}

static const char *term_expr(struct job *job, const struct term *term)
{
	struct strs values = { 0 };

	if (term->kind == TERM_NAME)
		return names_expr(job, term);
	for (size_t i = 0; i < term->n; i++)
		strs_add(job, &values,
			 term->kind == TERM_CLIENT ? net_text(job, &term->nets[i]) :
						     job_printf(job, "%u", term->ports[i]));
	return term->kind == TERM_CLIENT ? list_expr(job, "remote_addr", term->no, "ipmatch", &values) :
					   list_expr(job, "remote_port", term->no, "in", &values);
}

void terms_vars(struct job *job, const struct term *terms, struct strs *vars)
{
	if (terms == NULL)
		return;
	terms_vars(job, terms->up, vars);
	strs_add(job, vars, term_expr(job, terms));
}

/* ---- sets of networks --------------------------------------------------------------------- */

struct nets {
	struct cidr *list;
	size_t n, cap;
};

static void nets_add(struct job *job, struct nets *nets, const struct cidr *net)
{
	if (nets->n <= CLIENTS_MAX && job_grow(job, (void **)&nets->list, nets->n, &nets->cap, sizeof *net))
		nets->list[nets->n++] = *net;
}

/* `net` without `hole`: nothing, all of it, or its halves down to the hole. */
static void nets_add_without(struct job *job, struct nets *nets, struct cidr net, const struct cidr *hole)
{
	while (!cidr_contains(hole, &net)) {
		struct cidr first, second;
		bool in_first;

		if (!cidr_contains(&net, hole)) {
			nets_add(job, nets, &net);
			return;
		}
		first = cidr_half(&net, false);
		second = cidr_half(&net, true);
		in_first = cidr_contains(&first, hole);
		nets_add(job, nets, in_first ? &second : &first);
		net = in_first ? first : second;
	}
}

static struct nets nets_without(struct job *job, const struct nets *from, const struct term *term)
{
	struct nets now = *from;

	for (size_t i = 0; i < term->n; i++) {
		struct nets next = { 0 };

		for (size_t k = 0; k < now.n; k++)
			nets_add_without(job, &next, now.list[k], &term->nets[i]);
		now = next;
	}
	return now;
}

static struct nets nets_within(struct job *job, const struct nets *from, const struct term *term)
{
	struct nets now = { 0 };

	for (size_t i = 0; i < from->n; i++)
		for (size_t k = 0; k < term->n; k++) {
			if (cidr_contains(&term->nets[k], &from->list[i]))
				nets_add(job, &now, &from->list[i]);
			else if (cidr_contains(&from->list[i], &term->nets[k]))
				nets_add(job, &now, &term->nets[k]);
		}
	return now;
}

bool terms_clients(struct job *job, const struct term *terms, bool v6, struct strs *ret_clients)
{
	struct cidr all = cidr_all(v6);
	struct nets nets = { 0 };
	bool some = false;

	nets_add(job, &nets, &all);
	for (; terms != NULL; terms = terms->up) {
		if (terms->kind == TERM_PORT)
			return false;
		if (terms->kind == TERM_NAME)
			continue;
		some = true;
		nets = terms->no ? nets_without(job, &nets, terms) : nets_within(job, &nets, terms);
	}
	if (nets.n > CLIENTS_MAX)
		return false;
	for (size_t i = 0; i < nets.n; i++)
		strs_add(job, ret_clients, some ? net_text(job, &nets.list[i]) : NULL);
	return true;
}
