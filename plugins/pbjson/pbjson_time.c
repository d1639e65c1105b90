/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts of time. A Duration is a decimal number of seconds with up to nine digits behind the point
 * and an 's'; a Timestamp is RFC 3339 with a zone. Both messages are seconds = 1, nanos = 2, so
 * they share the writer. Called through the table of well-known types; what cannot be read is an
 * error.
 */
#include "pbjson_time.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NANOS_PER_SECOND 1000000000
#define DURATION_MAX 315576000000 /* seconds; google/protobuf/duration.proto */
#define SECONDS_PER_DAY 86400
#define YEAR_MAX 9999

/* Fields that Duration and Timestamp have in common. */
enum { TIME_SECONDS = 1, TIME_NANOS = 2 };

static int write_time(struct pbjson_encoder *e, int64_t seconds, int32_t nanos,
		      const struct doc_node *n)
{
	struct pbjson_scalar s = { .wire = PB_VARINT, .bits = (uint64_t)seconds };
	struct pbjson_scalar ns = { .wire = PB_VARINT, .bits = (uint64_t)(int64_t)nanos };
	int r = 0;

	if (seconds != 0)
		r = pbjson_scalar_write(e, TIME_SECONDS, &s, n);
	if (r == 0 && nanos != 0)
		r = pbjson_scalar_write(e, TIME_NANOS, &ns, n);
	return r;
}

/* Reads up to `max` digits as a number and steps behind them; returns how many there were. */
static size_t read_digits(const char **text, size_t max, int64_t *ret)
{
	size_t n = 0;
	int64_t v = 0;

	for (; n < max && (*text)[n] >= '0' && (*text)[n] <= '9'; n++)
		v = v * 10 + ((*text)[n] - '0');
	*text += n;
	*ret = v;
	return n;
}

/* ".123" as nanoseconds; nothing there is 0. */
static bool read_fraction(const char **text, int32_t *ret)
{
	int64_t v = 0;
	size_t n;

	*ret = 0;
	if (**text != '.')
		return true;
	(*text)++;
	n = read_digits(text, 9, &v);
	if (n == 0)
		return false;
	for (; n < 9; n++)
		v *= 10;
	*ret = (int32_t)v;
	return true;
}

static bool duration_of(const char *text, int64_t *ret_seconds, int32_t *ret_nanos)
{
	bool negative = *text == '-';
	int64_t seconds;
	int32_t nanos;

	if (negative)
		text++;
	if (read_digits(&text, 12, &seconds) == 0 || !read_fraction(&text, &nanos) ||
	    strcmp(text, "s") != 0 || seconds > DURATION_MAX)
		return false;
	*ret_seconds = negative ? -seconds : seconds;
	*ret_nanos = negative ? -nanos : nanos;
	return true;
}

int pbjson_duration(struct pbjson_encoder *e, const ProtobufCMessageDescriptor *desc,
		    const struct doc_node *n)
{
	int64_t seconds;
	int32_t nanos;

	if (doc_kind(n) != DOC_SCALAR)
		return pbjson_fail(e, n, -EBADMSG, "is %s, must be a duration such as \"1.5s\"",
				   doc_kind_name(n));
	if (!duration_of(doc_text(n), &seconds, &nanos))
		return pbjson_fail(e, n, -EBADMSG,
				   "'%.40s' is no duration, must be seconds with an s: \"1.5s\"",
				   doc_text(n));
	return write_time(e, seconds, nanos, n);
}

/* Days from 1970-01-01 to a date of the Gregorian calendar. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month > 2 ? year : year - 1;
	int64_t m = month > 2 ? month - 3 : month + 9; /* March is the first month */

	return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 719469;
}

static int64_t days_in_month(int64_t year, int64_t month)
{
	static const int8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* "2024-02-29T23:59:59" in pieces; each must be in its range. */
static bool read_date_time(const char **text, int64_t *ret_seconds)
{
	static const struct {
		size_t digits;
		int64_t min, max;
		char end;
	} parts[] = {
		{ 4, 1, YEAR_MAX, '-' }, { 2, 1, 12, '-' }, { 2, 1, 31, 'T' },
		{ 2, 0, 23, ':' },	 { 2, 0, 59, ':' }, { 2, 0, 59, '\0' },
	};
	int64_t v[ARRAY_SIZE(parts)];

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		if (read_digits(text, parts[i].digits, &v[i]) != parts[i].digits ||
		    v[i] < parts[i].min || v[i] > parts[i].max)
			return false;
		if (parts[i].end != '\0' && *(*text)++ != parts[i].end)
			return false;
	}
	if (v[2] > days_in_month(v[0], v[1]))
		return false;
	*ret_seconds = days_of(v[0], v[1], v[2]) * SECONDS_PER_DAY + v[3] * 3600 + v[4] * 60 + v[5];
	return true;
}

/* "Z" or "+01:30", in seconds east of Greenwich. */
static bool read_zone(const char *text, int64_t *ret_offset)
{
	int64_t hours, minutes;
	char sign = *text++;

	if (sign == 'Z') {
		*ret_offset = 0;
		return *text == '\0';
	}
	if ((sign != '+' && sign != '-') || read_digits(&text, 2, &hours) != 2 || *text++ != ':' ||
	    read_digits(&text, 2, &minutes) != 2 || *text != '\0' || hours > 23 || minutes > 59)
		return false;
	*ret_offset = (hours * 3600 + minutes * 60) * (sign == '-' ? -1 : 1);
	return true;
}

int pbjson_timestamp(struct pbjson_encoder *e, const ProtobufCMessageDescriptor *desc,
		     const struct doc_node *n)
{
	const char *text = doc_text(n);
	int64_t seconds, offset;
	int32_t nanos;

	if (text == NULL)
		return pbjson_fail(e, n, -EBADMSG,
				   "is %s, must be a time such as \"2024-02-29T12:00:00Z\"",
				   doc_kind_name(n));
	if (!read_date_time(&text, &seconds) || !read_fraction(&text, &nanos) ||
	    !read_zone(text, &offset))
		return pbjson_fail(e, n, -EBADMSG,
				   "'%.40s' is no time, must be as \"2024-02-29T12:00:00Z\"",
				   doc_text(n));
	return write_time(e, seconds - offset, nanos, n);
}
