/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See percent.h.  Pure but for notes; cannot fail.
 */
#include "percent.h"

uint64_t fraction_base(const pb_fraction *f)
{
	switch (f->denominator) {
	case XDS_TYPE(FRACTIONAL_PERCENT__DENOMINATOR_TYPE__TEN_THOUSAND):
		return 10000;
	case XDS_TYPE(FRACTIONAL_PERCENT__DENOMINATOR_TYPE__MILLION):
		return 1000000;
	default:
		return 100;
	}
}

unsigned percent_of(const pb_fraction *f, unsigned absent)
{
	uint64_t base, percent;

	if (f == NULL)
		return absent;
	base = fraction_base(f);
	percent = (f->numerator * UINT64_C(100) + base / 2) / base;
	if (percent == 0 && f->numerator > 0)
		percent = 1;
	return percent < 100 ? (unsigned)percent : 100;
}

void percent_note(struct job *job, const pb_fraction *f, const struct path *at, const char *none)
{
	if (f == NULL || f->numerator == 0)
		job_note(job, at, B_INFO, "is 0 %%: %s", none);
	else if (f->numerator * UINT64_C(100) % fraction_base(f) != 0)
		job_note(job, at, B_WARN, "APISIX counts in whole percent: %u %% are taken",
			 percent_of(f, 0));
}

unsigned runtime_percent(struct job *job, const pb_runtime_fraction *f, unsigned absent,
			 const struct path *at)
{
	if (f != NULL && f->runtime_key[0] != '\0')
		job_note(job, at, B_INFO, "there is no runtime: the default value counts");
	return f != NULL ? percent_of(f->default_value, 0) : absent;
}
