/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See peer.h.
 */
#include "peer.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define WRITE_SIZE (256u << 10)
#define READ_SIZE (64u << 10)
#define WINDOW (16 << 20)	/* requests name 10,000 resources */

#define HEADER(n, v) { (uint8_t *)n, (uint8_t *)v, sizeof n - 1, sizeof v - 1, 0 }

/* ---- out ---- */

static ssize_t read_out(nghttp2_session *session, int32_t stream, uint8_t *to, size_t room, uint32_t *flags,
			nghttp2_data_source *source, void *user)
{
	struct peer *p = user;
	size_t left = p->out.len - p->sent, n = left < room ? left : room;

	(void)session, (void)stream, (void)flags, (void)source;
	p->waits = n == 0;
	if (n == 0)
		return NGHTTP2_ERR_DEFERRED;
	memcpy(to, p->out.data + p->sent, n);
	p->sent += n;
	return (ssize_t)n;
}

/* Up to WRITE_SIZE bytes of frames. */
static bool gather(struct peer *p)
{
	const uint8_t *data;
	ssize_t n = 0;

	while (p->frames.len < WRITE_SIZE && (n = nghttp2_session_mem_send(p->session, &data)) > 0)
		(void)buf_append(&p->frames, data, (size_t)n);
	return n >= 0 && buf_error(&p->frames) == 0;
}

bool peer_send(struct peer *p)
{
	if (p->waits && p->sent < p->out.len) {
		p->waits = false;
		nghttp2_session_resume_data(p->session, p->stream);
	}
	for (;;) {
		if (p->written == p->frames.len) {
			p->written = 0;
			buf_reset(&p->frames);
			if (!gather(p))
				return false;
		}
		if (p->frames.len == 0)
			break;
		ssize_t n = write(p->fd, p->frames.data + p->written, p->frames.len - p->written);

		if (n < 0)
			return errno == EAGAIN;
		p->written += (size_t)n;
	}
	if (p->sent == p->out.len) {
		p->sent = 0;
		buf_reset(&p->out);
	}
	return true;
}

/* ---- in ---- */

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_size,
		     const uint8_t *value, size_t value_size, uint8_t flags, void *user)
{
	struct peer *p = user;

	(void)session, (void)frame, (void)flags;
	if (name_size == 5 && memcmp(name, ":path", 5) == 0)
		p->delta = memmem(value, value_size, "Delta", 5) != NULL;
	return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	static const nghttp2_nv headers[] = { HEADER(":status", "200"), HEADER("content-type", "application/grpc") };
	nghttp2_data_provider provider = { .read_callback = read_out };
	struct peer *p = user;

	if (frame->hd.type != NGHTTP2_HEADERS || p->stream != 0)
		return 0;
	p->stream = frame->hd.stream_id;
	return nghttp2_submit_response(session, p->stream, headers, 2, &provider);
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data, size_t size,
		   void *user)
{
	struct peer *p = user;
	size_t at = 0, length;

	(void)session, (void)flags, (void)stream;
	(void)buf_append(&p->in, data, size);
	for (; p->in.len - at >= 5; at += 5 + length) {
		const uint8_t *head = p->in.data + at;

		length = (size_t)head[1] << 24 | (size_t)head[2] << 16 | (size_t)head[3] << 8 | head[4];
		if (p->in.len - at - 5 < length)
			break;
		p->on_message(p, head + 5, length);
	}
	buf_consume(&p->in, at);
	return buf_error(&p->in) < 0 ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t error, void *user)
{
	struct peer *p = user;

	(void)session, (void)error;
	if (stream == p->stream)
		p->stream = 0;
	return 0;
}

bool peer_receive(struct peer *p)
{
	uint8_t data[READ_SIZE];
	ssize_t n = read(p->fd, data, sizeof data);

	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	return nghttp2_session_mem_recv(p->session, data, (size_t)n) == n && peer_send(p);
}

/* ---- life ---- */

bool peer_open(struct peer *p, int fd, void (*on_message)(struct peer *p, const uint8_t *data, size_t size))
{
	static const nghttp2_settings_entry settings[] = { { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW } };
	nghttp2_session_callbacks *calls;
	int r;

	*p = (struct peer){ .fd = fd, .in = BUF_INIT, .out = BUF_INIT, .frames = BUF_INIT, .on_message = on_message };
	if (nghttp2_session_callbacks_new(&calls) != 0)
		return false;
	nghttp2_session_callbacks_set_on_header_callback(calls, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(calls, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(calls, on_close);
	r = nghttp2_session_server_new(&p->session, calls, p);
	nghttp2_session_callbacks_del(calls);
	return r == 0 && nghttp2_submit_settings(p->session, NGHTTP2_FLAG_NONE, settings, 1) == 0 &&
	       nghttp2_session_set_local_window_size(p->session, NGHTTP2_FLAG_NONE, 0, WINDOW) == 0 && peer_send(p);
}

void peer_close(struct peer *p)
{
	if (p->fd >= 0)
		close(p->fd);
	nghttp2_session_del(p->session);
	buf_deinit(&p->in);
	buf_deinit(&p->out);
	buf_deinit(&p->frames);
	*p = (struct peer){ .fd = -1 };
}
