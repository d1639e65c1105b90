/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64. The encoder looks up two characters for every 12 bits, which is about twice as fast as
 * one for 6 and needs nothing of a particular CPU. The decoder reads groups of four by a table and
 * leaves everything else (padding, line ends, errors) to a careful path for one group.
 */
#include "base64.h"

#include <errno.h>

/* All pairs of characters, indexed by 12 bits. */
#define PAIR(h, l) { h, l }
#define PAIRS4(h, a, b, c, d) PAIR(h, a), PAIR(h, b), PAIR(h, c), PAIR(h, d)
#define PAIRS(h)                                                                         \
	PAIRS4(h, 'A', 'B', 'C', 'D'), PAIRS4(h, 'E', 'F', 'G', 'H'),                    \
	PAIRS4(h, 'I', 'J', 'K', 'L'), PAIRS4(h, 'M', 'N', 'O', 'P'),                    \
	PAIRS4(h, 'Q', 'R', 'S', 'T'), PAIRS4(h, 'U', 'V', 'W', 'X'),                    \
	PAIRS4(h, 'Y', 'Z', 'a', 'b'), PAIRS4(h, 'c', 'd', 'e', 'f'),                    \
	PAIRS4(h, 'g', 'h', 'i', 'j'), PAIRS4(h, 'k', 'l', 'm', 'n'),                    \
	PAIRS4(h, 'o', 'p', 'q', 'r'), PAIRS4(h, 's', 't', 'u', 'v'),                    \
	PAIRS4(h, 'w', 'x', 'y', 'z'), PAIRS4(h, '0', '1', '2', '3'),                    \
	PAIRS4(h, '4', '5', '6', '7'), PAIRS4(h, '8', '9', '+', '/')
#define ROWS4(a, b, c, d) PAIRS(a), PAIRS(b), PAIRS(c), PAIRS(d)

static const char pairs[4096][2] = {
	ROWS4('A', 'B', 'C', 'D'), ROWS4('E', 'F', 'G', 'H'), ROWS4('I', 'J', 'K', 'L'),
	ROWS4('M', 'N', 'O', 'P'), ROWS4('Q', 'R', 'S', 'T'), ROWS4('U', 'V', 'W', 'X'),
	ROWS4('Y', 'Z', 'a', 'b'), ROWS4('c', 'd', 'e', 'f'), ROWS4('g', 'h', 'i', 'j'),
	ROWS4('k', 'l', 'm', 'n'), ROWS4('o', 'p', 'q', 'r'), ROWS4('s', 't', 'u', 'v'),
	ROWS4('w', 'x', 'y', 'z'), ROWS4('0', '1', '2', '3'), ROWS4('4', '5', '6', '7'),
	ROWS4('8', '9', '+', '/'),
};

/*
 * What a character stands for. Standard alphabet: CODE plus its value; URL alphabet: URL plus its
 * value; else one of the classes, 0 being illegal.
 */
enum { EOL = 1, BLANK = 2, PADDING = 3, CODE = 0x40, URL = 0x80, VALUE = 0x3f };

static const uint8_t codes[256] = {
	['\n'] = EOL, ['\r'] = EOL, [' '] = BLANK, ['\t'] = BLANK, ['='] = PADDING,
	['-'] = URL | 62, ['_'] = URL | 63, ['+'] = CODE | 62, ['/'] = CODE | 63,
	['0'] = 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x7b, 0x7c, 0x7d,
	['A'] = 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x4b, 0x4c,
		0x4d, 0x4e, 0x4f, 0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59,
	['a'] = 0x5a, 0x5b, 0x5c, 0x5d, 0x5e, 0x5f, 0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66,
		0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f, 0x70, 0x71, 0x72, 0x73,
};

struct decoder {
	const uint8_t *text;
	size_t len, pos;
	bool lenient;
	bool done;       /* padding or the end was seen */
	size_t bad;      /* position of the error */
};

static void encode_tail(char *out, const uint8_t *in, size_t len)
{
	unsigned v = (unsigned)in[0] << 16 | (len > 1 ? (unsigned)in[1] << 8 : 0);

	memcpy(out, pairs[v >> 12], 2);
	memcpy(out + 2, pairs[v & 0xfff], 2);
	out[3] = '=';
	if (len == 1)
		out[2] = '=';
}

void base64_encode_to(char *out, const void *data, size_t len)
{
	const uint8_t *in = data;

	for (; len >= 6; len -= 6, in += 6, out += 8) {
		unsigned a = (unsigned)in[0] << 16 | (unsigned)in[1] << 8 | in[2];
		unsigned b = (unsigned)in[3] << 16 | (unsigned)in[4] << 8 | in[5];

		memcpy(out, pairs[a >> 12], 2);
		memcpy(out + 2, pairs[a & 0xfff], 2);
		memcpy(out + 4, pairs[b >> 12], 2);
		memcpy(out + 6, pairs[b & 0xfff], 2);
	}
	if (len >= 3) {
		unsigned a = (unsigned)in[0] << 16 | (unsigned)in[1] << 8 | in[2];

		memcpy(out, pairs[a >> 12], 2);
		memcpy(out + 2, pairs[a & 0xfff], 2);
		len -= 3, in += 3, out += 4;
	}
	if (len > 0)
		encode_tail(out, in, len);
}

int base64_encode(struct buf *out, const void *data, size_t len)
{
	uint8_t *at;

	if (len > SIZE_MAX / 4) {
		out->failed = true;
		return -ENOMEM;
	}
	at = buf_extend(out, base64_encoded_len(len));
	if (at == NULL)
		return -ENOMEM;
	base64_encode_to((char *)at, data, len);
	return 0;
}

static bool decoder_skips(const struct decoder *d, uint8_t code)
{
	return code == EOL || (d->lenient && code == BLANK);
}

static void decoder_skip(struct decoder *d)
{
	while (d->pos < d->len && decoder_skips(d, codes[d->text[d->pos]]))
		d->pos++;
}

/* The text ends after n characters of a group. */
static int decoder_end(struct decoder *d, size_t n)
{
	d->done = true;
	if (n == 0 || (d->lenient && n > 1))
		return 0;
	d->bad = d->pos - n;
	return -EBADMSG;
}

/* A '=' stands at pos, after n characters of a group: two need a second one, nothing may follow. */
static int decoder_padding(struct decoder *d, size_t n)
{
	d->done = true;
	d->bad = d->pos++;
	if (n < 2)
		return -EBADMSG;
	decoder_skip(d);
	if (n == 2) {
		if (d->pos == d->len) {
			d->bad = d->len;
			return -EBADMSG;
		}
		if (d->text[d->pos] != '=') {
			d->bad = d->pos - 1;
			return -EBADMSG;
		}
		d->pos++;
		decoder_skip(d);
	}
	d->bad = d->pos;
	return d->pos == d->len ? 0 : -EBADMSG;
}

/* Reads one group of up to four characters into v. Returns their number or -EBADMSG. */
static int decoder_group(struct decoder *d, uint8_t v[4])
{
	size_t n = 0;
	int r;

	while (n < 4) {
		uint8_t code;

		decoder_skip(d);
		if (d->pos == d->len) {
			r = decoder_end(d, n);
			return r < 0 ? r : (int)n;
		}
		code = codes[d->text[d->pos]];
		if (code == PADDING) {
			r = decoder_padding(d, n);
			return r < 0 ? r : (int)n;
		}
		if (!(code & (d->lenient ? CODE | URL : CODE))) {
			d->bad = d->pos;
			return -EBADMSG;
		}
		v[n++] = code & VALUE;
		d->pos++;
	}
	return 4;
}

static uint8_t *put_group(uint8_t *out, const uint8_t v[4], int n)
{
	if (n > 1)
		*out++ = (uint8_t)(v[0] << 2 | v[1] >> 4);
	if (n > 2)
		*out++ = (uint8_t)(v[1] << 4 | v[2] >> 2);
	if (n > 3)
		*out++ = (uint8_t)(v[2] << 6 | v[3]);
	return out;
}

/* Groups of four plain characters, as long as there are any. */
static uint8_t *decoder_fast(struct decoder *d, uint8_t *out)
{
	while (d->len - d->pos >= 4) {
		const uint8_t *t = d->text + d->pos;
		uint8_t c[4] = { codes[t[0]], codes[t[1]], codes[t[2]], codes[t[3]] };

		if (!(c[0] & c[1] & c[2] & c[3] & CODE))
			break;
		for (int i = 0; i < 4; i++)
			c[i] &= VALUE;
		out = put_group(out, c, 4);
		d->pos += 4;
	}
	return out;
}

static int decode(struct decoder *d, struct buf *b, size_t *ret_bad)
{
	size_t start = b->len;
	uint8_t *out;

	if (buf_reserve(b, d->len / 4 * 3 + 3) < 0)
		return -ENOMEM;
	out = b->data + start;
	while (!d->done) {
		uint8_t v[4] = { 0 };
		int n;

		out = decoder_fast(d, out);
		n = decoder_group(d, v);
		if (n < 0) {
			*ret_bad = d->bad;
			return n;
		}
		out = put_group(out, v, n);
	}
	b->len = (size_t)(out - b->data);
	return 0;
}

int base64_decode(struct buf *out, const char *text, size_t len, size_t *ret_bad)
{
	struct decoder d = { .text = (const uint8_t *)text, .len = len };

	return decode(&d, out, ret_bad);
}

int base64_decode_lenient(struct buf *out, const char *text, size_t len, size_t *ret_bad)
{
	struct decoder d = { .text = (const uint8_t *)text, .len = len, .lenient = true };

	return decode(&d, out, ret_bad);
}
