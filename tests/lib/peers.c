/* SPDX-License-Identifier: MIT
 * peers.c - TCP peers behind which stands no kernel: a hundred thousand clients of a guest, or a flood of SYNs from nobody.
 *
 *   peers flood IFACE MAC ADDRESS PORT window=N seconds=S least=N [near=1]   SYNs from addresses that never answer,
 *       for so long, and until there were so many
 *   peers hold IFACE MAC ADDRESS PORT [window=N]                      connections; told on standard input, a line each:
 *       open N     until there are N in all        ask      a request on each, its answer read, the connection left open
 *       last       the same with Connection: close, which the guest ends        reset    a RST on each, and none is left
 *
 * Frames go out and come in by a packet socket at the host's end of a tap. The addresses are of a network behind the host
 * (10.128.0.0/9, fd78::/16), which its stack does not take for its own; with near=1 of the link itself, where the guest asks for
 * them in vain. A flood is as fast as the guest is: at most `window` SYNs are unanswered, so the guest always has
 * work and the queue of the link does not overflow, which no guest could do anything about. Prints a line of JSON per task.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define BATCH     64
#define FRAME     256           /* bytes: the longest that is sent */
#define PER_ADDR  50000         /* ports of one address */
#define MAX_CONNS 1000000
#define STALL_NS  50000000ull   /* silence after which what is unanswered counts as lost */
enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };
enum { CLOSED, SYN_SENT, OPEN, ASKED, DONE };
static const char request[] = "GET /health HTTP/1.1\r\nHost: peers\r\n\r\n";
static const char last_request[] = "GET /health HTTP/1.1\r\nHost: peers\r\nConnection: close\r\n\r\n";

struct segment { /* host order */
	uint32_t who; /* which peer */
	uint32_t seq, ack, tsecr;
	uint8_t flags;
	const char *text;
};
struct heard {
	uint32_t who, seq, ack, len, tsval;
	uint8_t flags;
};
struct conn {
	uint32_t seq, ack, ts; /* what we send next, what we expect, the timestamp to echo */
	uint8_t state;
};

static int sock;
static bool six, near;
static uint8_t mac[6], own_mac[6], server[16];
static uint16_t port;
static unsigned window = 256;
static double seconds = 1;
static uint64_t least;
static uint8_t out[BATCH][FRAME];
static struct iovec out_iov[BATCH];
static struct mmsghdr out_msg[BATCH];
static unsigned nr_out;
static struct conn *conns;
static uint32_t nr_conns;
static struct { uint64_t sent, answered, asked_for, refused, stalls; } count;

static void fail(const char *what)
{
	fprintf(stderr, "peers: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---------------------------------------------------------------- bytes */
static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static uint32_t get16(const uint8_t *p) { return (uint32_t)p[0] << 8 | p[1]; }
static uint32_t get32(const uint8_t *p) { return get16(p) << 16 | get16(p + 2); }

static uint32_t sum(const uint8_t *p, size_t n, uint32_t s)
{
	for (; n > 1; p += 2, n -= 2)
		s += get16(p);
	return n ? s + ((uint32_t)p[0] << 8) : s;
}

static uint32_t fold(uint32_t s)
{
	s = (s & 0xffff) + (s >> 16);
	return ~(s + (s >> 16)) & 0xffff;
}

/* ---------------------------------------------------------------- frames */
static uint16_t port_of(uint32_t who) { return (uint16_t)(10000 + who % PER_ADDR); }

/* The peer's address: one of its network for each PER_ADDR peers, or for each peer of a flood. */
static void address_of(uint32_t who, uint8_t *a)
{
	uint32_t n = (conns ? who / PER_ADDR : who) + 1;

	if (six) {
		memcpy(a, server, 8);
		a[1] += !near;
		put32(a + 8, 0x80000000u);
		put32(a + 12, n);
	} else if (near) {
		memcpy(a, server, 3);
		a[3] = (uint8_t)(100 + n % 150);
	} else {
		put32(a, 0x0a800000u | (n & 0x7fffff));
	}
}

static size_t put_options(uint8_t *o, const struct segment *s)
{
	static const uint8_t syn[] = { 2, 4, 0x05, 0xb4, 4, 2, 1, 3, 3, 7 };
	size_t n = 0;

	if (s->flags & SYN) {
		memcpy(o, syn, sizeof(syn));
		n = sizeof(syn);
	}
	if (!(s->flags & SYN)) {
		o[n++] = 1;
		o[n++] = 1;
	}
	o[n] = 8;
	o[n + 1] = 10;
	put32(o + n + 2, (uint32_t)(now_ns() / 1000000));
	put32(o + n + 6, s->tsecr);
	return n + 10;
}

/* Writes the frame of a segment to f; its length. */
static size_t put_frame(uint8_t *f, const struct segment *s)
{
	size_t hlen = six ? 40 : 20, alen = six ? 16 : 4, text = s->text ? strlen(s->text) : 0, n;
	uint8_t *ip = f + 14, *src = ip + (six ? 8 : 12), *tcp = ip + hlen;

	memcpy(f, mac, 6);
	memcpy(f + 6, own_mac, 6);
	put16(f + 12, six ? 0x86dd : 0x0800);
	put16(tcp, port_of(s->who));
	put16(tcp + 2, port);
	put32(tcp + 4, s->seq);
	put32(tcp + 8, s->ack);
	n = 20 + put_options(tcp + 20, s);
	put16(tcp + 12, (uint32_t)(n / 4) << 12 | s->flags);
	put16(tcp + 14, 64240);
	put32(tcp + 16, 0);
	if (text)
		memcpy(tcp + n, s->text, text);
	n += text;
	memset(ip, 0, hlen);
	address_of(s->who, src);
	memcpy(src + alen, server, alen);
	if (six) {
		ip[0] = 0x60;
		put16(ip + 4, (uint32_t)n);
		ip[6] = 6;
		ip[7] = 64;
	} else {
		ip[0] = 0x45;
		put16(ip + 2, (uint32_t)(20 + n));
		ip[6] = 0x40;
		ip[8] = 64;
		ip[9] = 6;
		put16(ip + 10, fold(sum(ip, 20, 0)));
	}
	put16(tcp + 16, fold(sum(tcp, n, sum(src, 2 * alen, 6 + (uint32_t)n))));
	return 14 + hlen + n;
}

static void flush(void)
{
	unsigned done = 0;

	while (done < nr_out) {
		int n = sendmmsg(sock, out_msg + done, nr_out - done, 0);

		if (n < 0 && errno != ENOBUFS && errno != EAGAIN)
			fail("send");
		done += n > 0 ? (unsigned)n : 0;
	}
	nr_out = 0;
}

static void send_segment(struct segment s)
{
	out_iov[nr_out].iov_len = put_frame(out[nr_out], &s);
	if (++nr_out == BATCH)
		flush();
}

/* What a frame says to one of the peers; false: nothing, it is no segment of theirs. */
static bool parse(const uint8_t *f, size_t size, struct heard *h)
{
	const uint8_t *ip = f + 14, *tcp = ip + (six ? 40 : 20), *o;
	uint32_t all = six ? 40 + get16(ip + 4) : get16(ip + 2), hlen = tcp[12] >> 4 << 2;
	const uint8_t *addr = ip + (six ? 36 : 16);

	if (size < (six ? 74u : 54u) || get16(f + 12) != (six ? 0x86dd : 0x0800) || ip[six ? 6 : 9] != 6 || get16(tcp) != port)
		return false;
	*h = (struct heard){ .who = ((get32(addr) & 0x7fffff) - 1) * PER_ADDR + get16(tcp + 2) - 10000, .seq = get32(tcp + 4),
			     .ack = get32(tcp + 8), .len = all - (uint32_t)(tcp - ip) - hlen, .flags = tcp[13] };
	for (o = tcp + 20; o < tcp + hlen && o + 10 <= f + size && *o; o += *o == 1 ? 1 : o[1] ? o[1] : 255)
		if (*o == 8)
			h->tsval = get32(o + 2);
	return true;
}

/* Takes what came, after at most ms of waiting; false: nothing did. */
static bool receive(int ms, void (*take)(const struct heard *h))
{
	static uint8_t in[BATCH][FRAME];
	static struct iovec iov[BATCH];
	static struct mmsghdr msg[BATCH];
	struct pollfd p = { .fd = sock, .events = POLLIN };
	struct heard h;
	int n;

	for (unsigned i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){ in[i], FRAME };
		msg[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[i], .msg_iovlen = 1 };
	}
	if (ms && poll(&p, 1, ms) <= 0)
		return false;
	n = recvmmsg(sock, msg, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++) {
		if (parse(in[i], msg[i].msg_len, &h))
			take(&h);
		else
			count.asked_for++; /* who has that address? */
	}
	return n > 0;
}

/* ---------------------------------------------------------------- a flood */
static void flood_heard(const struct heard *h)
{
	if ((h->flags & (SYN | ACK)) == (SYN | ACK))
		count.answered++;
	else
		count.refused += !!(h->flags & RST);
}

/* The guest answers a SYN from far away, and asks for a neighbour: either shows that it has dealt with one more frame. */
static void flood(void)
{
	uint64_t start = now_ns(), heard_ns = start, now, forgiven = 0;

	while ((now = now_ns()) - start < seconds * 1e9 || count.sent < least) {
		uint64_t dealt = count.answered + count.asked_for + forgiven, room = dealt < count.sent ? count.sent - dealt : 0;

		for (room = room < window ? MIN(window - room, 4096) : 0; room; room--) {
			uint32_t who = (uint32_t)count.sent++;

			send_segment((struct segment){ .who = who, .seq = who * 2654435761u, .flags = SYN });
		}
		flush();
		if (receive(5, flood_heard)) {
			heard_ns = now_ns();
		} else if (now - heard_ns > STALL_NS) {
			forgiven += window;
			count.stalls++;
			heard_ns = now;
		}
	}
	printf("{\"sent\": %llu, \"answered\": %llu, \"asked_for\": %llu, \"refused\": %llu, \"stalls\": %llu, \"seconds\": %.3f}\n",
	       (unsigned long long)count.sent, (unsigned long long)count.answered, (unsigned long long)count.asked_for,
	       (unsigned long long)count.refused, (unsigned long long)count.stalls, (double)(now - start) / 1e9);
}

/* ---------------------------------------------------------------- connections */
static uint32_t reached; /* connections in the state that the task brings them to */

static void say(uint32_t who, uint8_t flags, const char *text)
{
	struct conn *c = &conns[who];

	send_segment((struct segment){ .who = who, .seq = c->seq, .ack = c->ack, .tsecr = c->ts, .flags = flags, .text = text });
}

static void hold_heard(const struct heard *h)
{
	struct conn *c = &conns[h->who < MAX_CONNS ? h->who : 0];
	bool fin = h->flags & FIN;

	if (h->who >= MAX_CONNS || c->state == CLOSED)
		return;
	if (h->flags & RST) {
		count.refused++;
		c->state = CLOSED;
		return;
	}
	c->ts = h->tsval;
	if (h->flags & SYN) {
		c->ack = h->seq + 1;
		c->seq = h->ack;
		reached += c->state == SYN_SENT;
		c->state = OPEN;
		say(h->who, ACK, NULL);
	} else if (h->seq == c->ack && h->len + fin) {
		c->ack += h->len + fin;
		reached += c->state == ASKED;
		c->state = fin ? DONE : OPEN;
		say(h->who, fin ? FIN | ACK : ACK, NULL);
		c->seq += fin;
	} else if (h->len + fin || h->seq == c->ack - 1) {
		say(h->who, ACK, NULL);
	}
}

static void open_one(uint32_t who)
{
	conns[who] = (struct conn){ .seq = who * 2654435761u, .state = SYN_SENT };
	say(who, SYN, NULL);
}

static void ask_one(uint32_t who, const char *text)
{
	if (conns[who].state != OPEN)
		return;
	conns[who].state = ASKED;
	say(who, PSH | ACK, text);
	conns[who].seq += (uint32_t)strlen(text);
}

/* Brings connections `from` to `to` to the task's state, `window` of them at a time; what is lost is sent again. */
static void bring(uint32_t from, uint32_t to, const char *text)
{
	uint32_t next = from, stalled = 0;

	reached = 0;
	while (reached < to - from && stalled < 200) {
		for (; next < to && next - from < reached + window; next++) {
			if (text)
				ask_one(next, text);
			else
				open_one(next);
		}
		flush();
		if (receive(50, hold_heard)) {
			stalled = 0;
			continue;
		}
		stalled++;
		for (uint32_t i = from; i < next && !text; i++)
			if (conns[i].state == SYN_SENT)
				say(i, SYN, NULL); /* the number is still the first one */
	}
	while (receive(50, hold_heard))
		flush();
}

static void task(const char *line)
{
	uint32_t n = 0;

	if (sscanf(line, "open %u", &n) == 1 && n <= MAX_CONNS) {
		bring(nr_conns, n, NULL);
		nr_conns = n;
	} else if (!strcmp(line, "ask\n") || !strcmp(line, "last\n")) {
		bring(0, nr_conns, *line == 'a' ? request : last_request);
	} else if (!strcmp(line, "reset\n")) {
		for (reached = 0; reached < nr_conns; reached++) {
			if (conns[reached].state != CLOSED)
				say(reached, RST, NULL);
			conns[reached].state = CLOSED;
			if (reached % window == window - 1) {
				flush();
				usleep(2000);
			}
		}
		nr_conns = 0;
	} else {
		errno = 0;
		fail("tasks are: open N, ask, last, reset");
	}
	flush();
	printf("{\"reached\": %u, \"refused\": %llu}\n", reached, (unsigned long long)count.refused);
	fflush(stdout);
}

static void hold(void)
{
	struct pollfd p[] = { { .fd = 0, .events = POLLIN }, { .fd = sock, .events = POLLIN } };
	char line[64];

	setvbuf(stdin, NULL, _IONBF, 0);
	conns = calloc(MAX_CONNS, sizeof(*conns));
	while (poll(p, 2, -1) >= 0) {
		receive(0, hold_heard);
		flush();
		if (!p[0].revents)
			continue;
		if (!fgets(line, sizeof(line), stdin))
			return;
		task(line);
	}
}

/* ---------------------------------------------------------------- start */
/* Lets in what is for the peers, and questions after them: the rest of the link's traffic is nobody's business here. */
static void filter(void)
{
	struct sock_filter four[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, near ? 0x0806 : 0x10000, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x0800, 0, 2), BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 30),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x0a80, 1, 0), BPF_STMT(BPF_RET | BPF_K, 0), BPF_STMT(BPF_RET | BPF_K, FRAME),
	};
	struct sock_filter sixth[] = { /* the peers' network, or solicitations of any */
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x86dd, 0, 5),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 38),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, near ? 0x10000u : get16(server) + 1, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, near ? 0xff02 : 0x10000, 0, 2), BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 54),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 135, 1, 0), BPF_STMT(BPF_RET | BPF_K, 0), BPF_STMT(BPF_RET | BPF_K, FRAME),
	};
	struct sock_fprog p = six ? (struct sock_fprog){ sizeof(sixth) / sizeof(*sixth), sixth }
				  : (struct sock_fprog){ sizeof(four) / sizeof(*four), four };

	if (setsockopt(sock, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof(p)))
		fail("filter");
}

static void start(const char *iface)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(0x0003), .sll_ifindex = (int)if_nametoindex(iface) };
	struct ifreq r = { 0 };
	int one = 1, room = 64 << 20;

	sock = socket(AF_PACKET, SOCK_RAW, 0);
	if (sock < 0)
		fail("packet socket");
	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", iface);
	if (ioctl(sock, SIOCGIFHWADDR, &r))
		fail(iface);
	memcpy(own_mac, r.ifr_hwaddr.sa_data, 6);
	filter();
	setsockopt(sock, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	setsockopt(sock, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
	setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	if (bind(sock, (struct sockaddr *)&at, sizeof(at)))
		fail("bind");
	for (unsigned i = 0; i < BATCH; i++) {
		out_iov[i].iov_base = out[i];
		out_msg[i].msg_hdr = (struct msghdr){ .msg_iov = &out_iov[i], .msg_iovlen = 1 };
	}
}

int main(int argc, char **argv)
{
	unsigned m[6], n;

	if (argc < 6 || sscanf(argv[3], "%x:%x:%x:%x:%x:%x", m, m + 1, m + 2, m + 3, m + 4, m + 5) != 6) {
		fprintf(stderr, "usage: peers flood|hold IFACE MAC ADDRESS PORT [window=N] [seconds=S] [least=N] [near=1]\n");
		return 2;
	}
	for (unsigned i = 0; i < 6; i++)
		mac[i] = (uint8_t)m[i];
	six = strchr(argv[4], ':');
	if (inet_pton(six ? AF_INET6 : AF_INET, argv[4], server) != 1)
		fail(argv[4]);
	port = (uint16_t)atoi(argv[5]);
	for (int i = 6; i < argc; i++) {
		near |= !strcmp(argv[i], "near=1");
		if (sscanf(argv[i], "window=%u", &n) == 1)
			window = n;
		if (sscanf(argv[i], "least=%u", &n) == 1)
			least = n;
		sscanf(argv[i], "seconds=%lf", &seconds);
	}
	start(argv[2]);
	if (!strcmp(argv[1], "flood"))
		flood();
	else
		hold();
	return 0;
}
