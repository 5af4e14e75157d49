/* SPDX-License-Identifier: MIT
 * tcp_app.c - the application of the TCP fuzzer. What it writes and reads are the bytes that belong at that place of the stream.
 */
#include "fuzz/tcp_app.h"
#include "host/harness.h"
#include "net/socket/socket.h"

#include <string.h>

#define BUF_MAX 65536

static u8 buf[BUF_MAX];
static u8 site[BUF_MAX + 256]; /* what send_static() refers to: the stream's bytes repeat every 65536 */

static struct net_cpu *cpu_of(const struct world *w) { return w->host->cpu; }

static struct tcb *tcb_of_fd(const struct world *w, int i)
{
	struct file *f = w->fds[i] < 0 ? NULL : file_get(cpu_of(w), w->fds[i]);
	struct socket *s = f ? f->priv : NULL;

	return s && s->sk ? tcb_of(s->sk) : NULL;
}

/* The number of the byte that is written next. */
static u32 write_at(const struct tcb *t)
{
	return !t || t->sk.state == TCP_CLOSE || t->sk.state == TCP_LISTEN ? 0 : t->snd.write.v - t->snd.iss.v - 1;
}

/* ---- opening ---- */

static int socket_at(struct world *w, int i)
{
	if (w->fds[i] < 0)
		w->fds[i] = sys_socket(cpu_of(w), AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (w->fds[i] < 0)
		w->fds[i] = -1;
	return w->fds[i];
}

static struct sockaddr_ip address(u8 last, u16 port)
{
	return (struct sockaddr_ip){ .family = AF_INET, .port = port, .addr = ip_from_v4(be32_of(0x0a000000u + last)) };
}

static void bind_for(struct world *w, int i, unsigned conn)
{
	struct sockaddr_ip us = address(1, w->peers[conn].dport);
	int on = 1;

	sys_setsockopt(cpu_of(w), w->fds[i], SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	sys_bind(cpu_of(w), w->fds[i], &us);
}

void app_connects(struct world *w, int i, unsigned conn)
{
	struct sockaddr_ip them = address(2, w->peers[conn].sport);

	if (socket_at(w, i) < 0)
		return;
	bind_for(w, i, conn);
	sys_connect(cpu_of(w), w->fds[i], &them);
	world_settle(w, 10 * NSEC_PER_USEC);
	peer_acknowledges(w, (u8)conn);
}

static void app_accepts(struct world *w, int i)
{
	if (w->fds[i] >= 0 || w->fds[0] < 0)
		return;
	w->fds[i] = sys_accept4(cpu_of(w), w->fds[0], NULL, SOCK_NONBLOCK);
	if (w->fds[i] < 0)
		w->fds[i] = -1;
}

/* SYN and data by one call (RFC 7413). */
static void app_fast_open(struct world *w, int i, unsigned conn)
{
	struct sockaddr_ip them = address(2, w->peers[conn].sport);

	if (socket_at(w, i) < 0)
		return;
	bind_for(w, i, conn);
	for (u32 k = 0; k < 2000; k++)
		buf[k] = byte_of(write_at(tcb_of_fd(w, i)) + k);
	sys_sendto(cpu_of(w), w->fds[i], buf, 2000, MSG_FASTOPEN, &them);
}

void app_opens(struct world *w, struct input *in)
{
	u8 what = input_u8(in);
	int i = what % FDS;
	unsigned conn = CONNS / 2 + what / FDS % (CONNS / 2);
	struct sockaddr_ip them = address(2, w->peers[conn].sport), none = { .family = AF_UNSPEC };

	switch (what >> 5) {
	case 0: case 1: case 2: app_accepts(w, i); break;
	case 3: if (i) app_connects(w, i, conn); break;
	case 4: if (i) app_fast_open(w, i, conn); break;
	case 5:
		if (i && socket_at(w, i) >= 0) {
			bind_for(w, i, conn);
			sys_connect(cpu_of(w), w->fds[i], &them); /* nobody answers by itself */
		}
		break;
	case 6: sys_connect(cpu_of(w), w->fds[i], &none); break;
	case 7: sys_listen(cpu_of(w), w->fds[i], what % 5); break;
	}
}

/* ---- bytes ---- */

static long app_sends(struct world *w, int i, u32 n, int flags)
{
	u32 from = write_at(tcb_of_fd(w, i));

	for (u32 k = 0; k < n; k++)
		buf[k] = byte_of(from + k);
	return sys_send(cpu_of(w), w->fds[i], buf, n, flags);
}

void app_writes(struct world *w, int i, u32 n)
{
	if (i && w->fds[i] < 0)
		app_accepts(w, i);
	app_sends(w, i, n, 0);
}

static void app_reads(struct world *w, int i, u32 n, int flags)
{
	struct tcb *t = tcb_of_fd(w, i);
	u32 from = t ? t->rcv.copied.v : 0;
	long got = sys_recv(cpu_of(w), w->fds[i], buf, n, flags);

	for (long k = 0; k < got && !w->urgent && !(flags & (MSG_TRUNC | MSG_OOB | MSG_ERRQUEUE)); k++)
		CHECK_EQ(buf[k], byte_of(from + (u32)k));
}

static void app_sends_static(struct world *w, int i, u32 n)
{
	u32 from = write_at(tcb_of_fd(w, i));

	if (from + n > sizeof(site))
		return;
	if (!site[1])
		for (u32 k = 0; k < sizeof(site); k++)
			site[k] = byte_of(k);
	sys_send_static(cpu_of(w), w->fds[i], site + from, n, 0);
}

/* What came goes back, or to another one, whole or in part. */
static void app_moves_skb(struct world *w, int i, int to, u8 how)
{
	struct net_cpu *cpu = cpu_of(w);
	int err;
	struct sk_buff *skb = sys_recv_skb(cpu, w->fds[i], MSG_DONTWAIT, &err), *first;

	if (!skb)
		return;
	w->odd_bytes = true;
	if (how & 1 && skb->len > 5) {
		first = sys_skb_split(cpu, skb, skb->len / 2);
		if (first)
			sys_skb_free(cpu, first);
	}
	if (how & 2 && skb->len > 3)
		sys_skb_pull(cpu, skb, 1);
	if (sys_send_skb(cpu, w->fds[to], skb, how & 4 ? MSG_MORE : 0))
		sys_skb_free(cpu, skb);
}

void app_transfers(struct world *w, struct input *in)
{
	static const u32 sizes[] = { 1, 100, 1448, 1460, 3000, 20000, 65536, 0, 47, 536, 1447, 7000, 30000, 2, 10, 2896 };
	static const int out[] = { 0, 0, 0, MSG_MORE, MSG_EOR, MSG_ZEROCOPY, MSG_OOB, MSG_NOSIGNAL };
	static const int into[] = { 0, 0, 0, MSG_PEEK, MSG_TRUNC, MSG_WAITALL, MSG_OOB, MSG_ERRQUEUE };
	u8 what = input_u8(in), how = input_u8(in);
	u32 n = sizes[how & 15];
	int i = what % FDS;

	switch (what >> 2 & 7) {
	case 0: case 1: case 2: app_sends(w, i, n, out[how >> 4 & 7] | MSG_DONTWAIT); break;
	case 3: case 4: case 5: app_reads(w, i, n, into[how >> 4 & 7] | MSG_DONTWAIT); break;
	case 6: app_sends_static(w, i, n); break;
	case 7: app_moves_skb(w, i, what >> 5 & 3, how); break;
	}
}

/* ---- settings and questions ---- */

void app_sets(struct world *w, struct input *in)
{
	static const u8 tcp[] = { TCP_NODELAY, TCP_MAXSEG, TCP_CORK, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_SYNCNT, TCP_LINGER2,
				  TCP_DEFER_ACCEPT, TCP_WINDOW_CLAMP, TCP_QUICKACK, TCP_USER_TIMEOUT, TCP_FASTOPEN_OPT,
				  TCP_NOTSENT_LOWAT, TCP_FASTOPEN_CONNECT, TCP_FASTOPEN_NO_COOKIE, TCP_INQ, TCP_ACCEPT_DATA };
	static const u8 sol[] = { SO_KEEPALIVE, SO_SNDBUF, SO_RCVBUF, SO_ZEROCOPY, SO_TIMESTAMPING, SO_MAX_PACING_RATE, SO_LINGER,
				  SO_TIMESTAMPNS, SO_OOBINLINE, SO_REUSEPORT, SO_MARK, SO_RCVLOWAT, SO_BUSY_POLL, SO_PRIORITY };
	static const char *const algorithms[] = { "reno", "cubic", "vegas", "westwood", "bic", "bbr", "none", "" };
	static const int values[] = { 1, 0, 2, -1, 100, 5000, 88, 0x7fffffff, 1 << 20, 0x3ff, 536, 30, 4096, 65536, 3, -2147483647 - 1 };
	u8 what = input_u8(in), b = input_u8(in);
	u8 opt = tcp[(what >> 4 | (b & 16)) % ARRAY_SIZE(tcp)];
	int fd = w->fds[what % FDS], v[2] = { values[b & 15], values[b >> 4] };

	if (opt == TCP_USER_TIMEOUT)
		v[0] %= 100000; /* no orphan of this world is to wait for weeks */
	switch (what >> 2 & 3) {
	case 0: sys_setsockopt(cpu_of(w), fd, SOL_TCP, opt, v, 4); break;
	case 1: sys_setsockopt(cpu_of(w), fd, SOL_SOCKET, sol[(what >> 4) % ARRAY_SIZE(sol)], v, what >> 4 == 6 ? 8 : 4); break;
	case 2: sys_setsockopt(cpu_of(w), fd, SOL_TCP, TCP_CONGESTION, algorithms[b & 7], (unsigned)strlen(algorithms[b & 7])); break;
	case 3: sys_setsockopt(cpu_of(w), fd, SOL_IP, b % 48, v, 4); break;
	}
}

void app_asks(struct world *w, struct input *in)
{
	u8 what = input_u8(in), b = input_u8(in);
	struct net_cpu *cpu = cpu_of(w);
	int fd = w->fds[what % FDS], v;
	struct sockaddr_ip a;
	struct pollfd p = { .fd = fd, .events = 0x7f };
	struct msg_notes notes;
	struct iovec iov = { buf, b };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_notes = &notes };
	unsigned len = b % 300;

	switch (what >> 2 & 7) {
	case 0: sys_getsockopt(cpu, fd, SOL_TCP, TCP_INFO, buf, &len); break;
	case 1: sys_getsockopt(cpu, fd, SOL_TCP, b % 40, buf, &len); break;
	case 2: sys_getsockopt(cpu, fd, SOL_SOCKET, b % 70, buf, &len); break;
	case 3: sys_ioctl(cpu, fd, (int[]){ SIOCINQ, SIOCOUTQ, SIOCATMARK }[b % 3], &v); break;
	case 4: sys_poll(cpu, &p, 1, 0); break;
	case 5: sys_recvmsg(cpu, fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT); break;
	case 6: sys_recvmsg(cpu, fd, &m, MSG_PEEK | MSG_DONTWAIT); break;
	case 7: b & 1 ? sys_getpeername(cpu, fd, &a) : sys_getsockname(cpu, fd, &a); break;
	}
}

/* ---- closing ---- */

void app_closes(struct world *w, struct input *in)
{
	u8 what = input_u8(in);
	int i = what % FDS;

	if (what & 64) {
		sys_shutdown(cpu_of(w), w->fds[i], what >> 2 & 3);
		return;
	}
	if (!i && !(what & 128)) /* the listener lives longer */
		return;
	sys_close(cpu_of(w), w->fds[i]);
	w->fds[i] = -1;
}

void app_closes_all(struct world *w)
{
	for (int i = 0; i < FDS; i++)
		if (w->fds[i] >= 0)
			sys_close(cpu_of(w), w->fds[i]);
}
