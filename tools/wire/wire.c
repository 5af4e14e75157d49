/* SPDX-License-Identifier: MIT
 * wire.c - a link between two ends that loses, delays, duplicates, reorders, corrupts and limits the rate of frames.
 *
 * An end is `tap:NAME` (a tap device, made if need be; its kernel side belongs to the host) or `unix:PATH` (a stream
 * socket that QEMU connects to: -netdev stream,server=off; frames with their length in front, 4 bytes, big-endian).
 * Every decision comes from one seeded generator per direction, with a fixed number of draws per frame: the same seed and
 * the same frames meet the same fate. At its end (SIGTERM) it writes its statistics, and at any time (SIGUSR1) to its output;
 * the frames of a direction balance: in + duplicated = out + lost + full + refused + left.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define FRAME_MAX   (68 * 1024) /* a 64 KiB segment with its headers */
#define QUEUE_MAX   65536       /* frames in flight per direction */
#define READ_BURST  64          /* frames taken from an end before the other gets its turn */
#define REORDER_US  3000        /* how long a frame that is to be overtaken waits */

struct impairment {
	double loss, dup, reorder, corrupt; /* probabilities, 0 to 1 */
	uint64_t delay_us, jitter_us;       /* delay, plus 0 to jitter at random */
	uint64_t rate_bit;                  /* bit/s, 0: no limit */
	unsigned limit;                     /* frames that wait at most */
};

struct frame {
	uint64_t due_us, order; /* leaves at due_us; frames of the same moment keep their order */
	uint32_t len;
	uint8_t bytes[];
};

struct stats {
	uint64_t in, bytes_in, out, bytes_out, lost, duplicated, reordered, corrupted;
	uint64_t full;    /* more waited than `limit` */
	uint64_t refused; /* the end was not connected, or its interface down */
};

struct end {
	const char *name;
	int fd, listener;
	bool stream;
	uint8_t *in;     /* stream: bytes that are not a whole frame yet */
	size_t in_len;
	uint8_t *out;    /* stream: what the socket did not take yet */
	size_t out_len, out_off;
};

struct direction {
	const char *name;
	struct end *from, *to;
	struct impairment how;
	struct stats stats;
	uint64_t random;   /* state of the generator */
	uint64_t order, line_free_us;
	struct frame **heap; /* waiting frames, the next to leave on top */
	unsigned waiting;
};

static volatile sig_atomic_t stop, asked;

static void on_signal(int sig)
{
	if (sig == SIGUSR1)
		asked = 1;
	else
		stop = 1;
}

static void die(const char *what, const char *name)
{
	fprintf(stderr, "wire: %s %s: %s\n", what, name, strerror(errno));
	exit(1);
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* splitmix64: full period from any seed. */
static uint64_t draw(struct direction *d)
{
	uint64_t z = d->random += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static bool chance(struct direction *d, double p)
{
	return (draw(d) >> 11) * 0x1p-53 < p;
}

/* ---------------------------------------------------------------- ends */
static void open_tap(struct end *e, const char *name)
{
	struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI };

	e->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
	snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
	if (e->fd < 0 || ioctl(e->fd, TUNSETIFF, &r) < 0)
		die("tap", name);
	if (ioctl(e->fd, TUNSETOFFLOAD, 0) < 0) /* what its last user could do stays with it: frames without their sums */
		die("offloads of tap", name);
}

static void open_unix(struct end *e, const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	unlink(path);
	e->stream = true;
	e->in = malloc(FRAME_MAX + 4);
	e->out = malloc(FRAME_MAX + 4);
	e->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (e->listener < 0 || bind(e->listener, (void *)&a, sizeof a) < 0 || listen(e->listener, 1) < 0)
		die("socket", path);
}

static void open_end(struct end *e, const char *name)
{
	*e = (struct end){ .name = name, .fd = -1, .listener = -1 };
	if (!strncmp(name, "tap:", 4))
		open_tap(e, name + 4);
	else if (!strncmp(name, "unix:", 5))
		open_unix(e, name + 5);
	else {
		fprintf(stderr, "wire: an end is tap:NAME or unix:PATH, not '%s'\n", name);
		exit(2);
	}
}

static void accept_peer(struct end *e)
{
	int big = 4 << 20;

	e->fd = accept4(e->listener, NULL, NULL, SOCK_NONBLOCK);
	if (e->fd >= 0)
		setsockopt(e->fd, SOL_SOCKET, SO_SNDBUF, &big, sizeof big);
	e->in_len = e->out_len = e->out_off = 0;
}

static void hang_up(struct end *e)
{
	close(e->fd);
	e->fd = -1;
}

/* ---------------------------------------------------------------- the queue: a heap by time */
static bool before(const struct frame *a, const struct frame *b)
{
	return a->due_us != b->due_us ? a->due_us < b->due_us : a->order < b->order;
}

static void heap_put(struct direction *d, struct frame *f)
{
	unsigned i = d->waiting++;

	for (; i && before(f, d->heap[(i - 1) / 2]); i = (i - 1) / 2)
		d->heap[i] = d->heap[(i - 1) / 2];
	d->heap[i] = f;
}

static struct frame *heap_take(struct direction *d)
{
	struct frame *top = d->heap[0], *last = d->heap[--d->waiting];
	unsigned i = 0, child;

	while ((child = 2 * i + 1) < d->waiting) {
		if (child + 1 < d->waiting && before(d->heap[child + 1], d->heap[child]))
			child++;
		if (!before(d->heap[child], last))
			break;
		d->heap[i] = d->heap[child];
		i = child;
	}
	d->heap[i] = last;
	return top;
}

/* ---------------------------------------------------------------- a frame's fate */
static void enqueue(struct direction *d, const uint8_t *bytes, uint32_t len, uint64_t due, bool corrupt)
{
	uint64_t where = draw(d);
	struct frame *f;

	if (d->waiting >= d->how.limit || !(f = malloc(sizeof *f + len))) {
		d->stats.full++;
		return;
	}
	memcpy(f->bytes, bytes, len);
	f->len = len;
	f->due_us = due;
	f->order = d->order++;
	if (corrupt) { /* one bit, anywhere */
		f->bytes[where / 8 % len] ^= 1u << (where & 7);
		d->stats.corrupted++;
	}
	heap_put(d, f);
}

/* The moment at which a frame of len bytes has left a line of the limited rate. */
static uint64_t line_time(struct direction *d, uint32_t len, uint64_t now)
{
	if (!d->how.rate_bit)
		return now;
	if (d->line_free_us < now)
		d->line_free_us = now;
	return d->line_free_us += (uint64_t)len * 8000000 / d->how.rate_bit;
}

static void frame_in(struct direction *d, const uint8_t *bytes, uint32_t len, uint64_t now)
{
	bool lost = chance(d, d->how.loss), dup = chance(d, d->how.dup);
	bool late = chance(d, d->how.reorder), corrupt = chance(d, d->how.corrupt);
	uint64_t jitter = draw(d), due;

	d->stats.in++;
	d->stats.bytes_in += len;
	if (lost) {
		d->stats.lost++;
		return;
	}
	due = line_time(d, len, now) + d->how.delay_us;
	if (d->how.jitter_us)
		due += jitter % (d->how.jitter_us + 1);
	if (late) {
		due += REORDER_US;
		d->stats.reordered++;
	}
	if (dup) {
		d->stats.duplicated++;
		enqueue(d, bytes, len, due, false);
	}
	enqueue(d, bytes, len, due, corrupt);
}

/* ---------------------------------------------------------------- in */
static void read_tap(struct direction *d, uint64_t now)
{
	static uint8_t buf[FRAME_MAX];
	ssize_t n;
	int i;

	for (i = 0; i < READ_BURST && (n = read(d->from->fd, buf, sizeof buf)) > 0; i++)
		frame_in(d, buf, (uint32_t)n, now);
}

static uint32_t frame_length(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

static void read_stream(struct direction *d, uint64_t now)
{
	struct end *e = d->from;
	ssize_t n = read(e->fd, e->in + e->in_len, FRAME_MAX + 4 - e->in_len);
	size_t off = 0;

	if (n == 0 || (n < 0 && errno != EAGAIN)) {
		hang_up(e);
		return;
	}
	e->in_len += n > 0 ? (size_t)n : 0;
	while (e->in_len - off >= 4) {
		uint32_t len = frame_length(e->in + off);

		if (len == 0 || len > FRAME_MAX) {
			fprintf(stderr, "wire: %s: a frame of %u bytes\n", e->name, len);
			hang_up(e);
			return;
		}
		if (e->in_len - off - 4 < len)
			break;
		frame_in(d, e->in + off + 4, len, now);
		off += 4 + len;
	}
	memmove(e->in, e->in + off, e->in_len - off);
	e->in_len -= off;
}

/* ---------------------------------------------------------------- out */
/* Pushes what is left of the last frame; true when all of it is out. */
static bool flush_stream(struct end *e)
{
	while (e->out_len) {
		ssize_t n = send(e->fd, e->out + e->out_off, e->out_len, MSG_NOSIGNAL);

		if (n < 0) {
			if (errno != EAGAIN)
				hang_up(e);
			return false;
		}
		e->out_off += n;
		e->out_len -= n;
	}
	return true;
}

/* false: the end takes no more now, and the frame is still the caller's. */
static bool send_frame(struct direction *d, const struct frame *f)
{
	struct end *e = d->to;

	if (e->fd >= 0 && e->stream && !flush_stream(e) && e->fd >= 0)
		return false;
	if (e->fd < 0 || (!e->stream && write(e->fd, f->bytes, f->len) < 0)) {
		if (e->fd >= 0 && errno == EAGAIN)
			return false;
		d->stats.refused++;
		return true;
	}
	if (e->stream) {
		for (int i = 0; i < 4; i++)
			e->out[i] = (uint8_t)(f->len >> (24 - 8 * i));
		memcpy(e->out + 4, f->bytes, f->len);
		e->out_off = 0;
		e->out_len = 4 + f->len;
		flush_stream(e);
	}
	d->stats.out++;
	d->stats.bytes_out += f->len;
	return true;
}

static void send_due(struct direction *d, uint64_t now)
{
	while (d->waiting && d->heap[0]->due_us <= now && send_frame(d, d->heap[0]))
		free(heap_take(d));
}

/* ---------------------------------------------------------------- the loop */
static void report(FILE *out, const struct direction *d)
{
	const struct stats *s = &d->stats;

	fprintf(out,
		"{\"direction\": \"%s\", \"in\": %llu, \"bytes_in\": %llu, \"out\": %llu, \"bytes_out\": %llu, "
		"\"lost\": %llu, \"duplicated\": %llu, \"reordered\": %llu, \"corrupted\": %llu, \"full\": %llu, "
		"\"refused\": %llu, \"left\": %u, \"joined\": %d}\n",
		d->name, (unsigned long long)s->in, (unsigned long long)s->bytes_in, (unsigned long long)s->out,
		(unsigned long long)s->bytes_out, (unsigned long long)s->lost, (unsigned long long)s->duplicated,
		(unsigned long long)s->reordered, (unsigned long long)s->corrupted, (unsigned long long)s->full,
		(unsigned long long)s->refused, d->waiting, d->from->fd >= 0);
	fflush(out);
}

/* Something could leave now if its end took it. */
static bool blocked(const struct direction *d, uint64_t now)
{
	return d->to->fd >= 0 && (d->to->out_len || (d->waiting && d->heap[0]->due_us <= now));
}

static void service(struct direction *d, short events, uint64_t now)
{
	if (d->from->fd < 0) {
		if (events & POLLIN)
			accept_peer(d->from);
	} else if (events & (POLLIN | POLLHUP | POLLERR)) {
		if (d->from->stream)
			read_stream(d, now);
		else
			read_tap(d, now);
	}
}

/* Microseconds until the next frame is due that is not due yet; a long time when there is none. */
static uint64_t patience(const struct direction d[2], uint64_t now)
{
	uint64_t next = UINT64_MAX;

	for (int i = 0; i < 2; i++)
		if (d[i].waiting && d[i].heap[0]->due_us > now && d[i].heap[0]->due_us < next)
			next = d[i].heap[0]->due_us;
	return next == UINT64_MAX ? 3600000000 : next - now;
}

/* Signals come while it waits, and at no other time. */
static void run(struct direction d[2])
{
	sigset_t none;

	sigemptyset(&none);
	while (!stop) {
		uint64_t now = now_us(), wait = patience(d, now);
		struct timespec t = { wait / 1000000, wait % 1000000 * 1000 };
		struct pollfd p[2];

		for (int i = 0; i < 2; i++) {
			struct end *e = d[i].from;

			p[i] = (struct pollfd){ e->fd >= 0 ? e->fd : e->listener, POLLIN, 0 };
			if (blocked(&d[!i], now)) /* the direction that ends at e */
				p[i].events |= POLLOUT;
		}
		if (ppoll(p, 2, &t, &none) < 0 && errno != EINTR)
			die("poll", "");
		now = now_us();
		for (int i = 0; i < 2; i++)
			service(&d[i], p[i].revents, now);
		for (int i = 0; i < 2; i++) {
			if (d[i].to->fd >= 0 && d[i].to->stream)
				flush_stream(d[i].to);
			send_due(&d[i], now);
		}
		for (int i = 0; i < 2 && asked; i++)
			report(stdout, &d[i]);
		asked = 0;
	}
}

/* ---------------------------------------------------------------- the command line */
static void usage(void)
{
	fprintf(stderr,
		"usage: wire [options] END END        END: tap:NAME or unix:PATH\n"
		"  --loss P --dup P --reorder P --corrupt P   probability of each, in percent\n"
		"  --delay MS --jitter MS                     every frame waits MS and up to as much as jitter\n"
		"  --rate BITS                                per second\n"
		"  --limit N                                  frames that wait at most (65536)\n"
		"  --only ab|ba                               what follows is for one direction (first to second end: ab)\n"
		"  --seed N                                   of all decisions (1)\n"
		"  --stats FILE                               a line of JSON per direction, at the end; SIGUSR1: to stdout\n");
	exit(2);
}

static double number(const char *s, double max)
{
	char *end;
	double v = strtod(s, &end);

	if (end == s || *end || v < 0 || v > max) {
		fprintf(stderr, "wire: '%s' is not a number from 0 to %g\n", s, max);
		exit(2);
	}
	return v;
}

static void set_option(struct impairment *how, int option, const char *arg)
{
	switch (option) {
	case 'l': how->loss = number(arg, 100) / 100; break;
	case 'u': how->dup = number(arg, 100) / 100; break;
	case 'o': how->reorder = number(arg, 100) / 100; break;
	case 'c': how->corrupt = number(arg, 100) / 100; break;
	case 'd': how->delay_us = (uint64_t)(number(arg, 1e6) * 1000); break;
	case 'j': how->jitter_us = (uint64_t)(number(arg, 1e6) * 1000); break;
	case 'r': how->rate_bit = (uint64_t)number(arg, 1e12); break;
	case 'q': how->limit = (unsigned)number(arg, QUEUE_MAX); break;
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "loss", 1, 0, 'l' },	{ "dup", 1, 0, 'u' },	 { "reorder", 1, 0, 'o' }, { "corrupt", 1, 0, 'c' },
		{ "delay", 1, 0, 'd' }, { "jitter", 1, 0, 'j' }, { "rate", 1, 0, 'r' },	   { "limit", 1, 0, 'q' },
		{ "only", 1, 0, 'y' },	{ "seed", 1, 0, 's' },	 { "stats", 1, 0, 'f' },   { 0 },
	};
	static struct direction d[2] = { { .name = "ab", .how.limit = QUEUE_MAX }, { .name = "ba", .how.limit = QUEUE_MAX } };
	static const int signals[] = { SIGTERM, SIGINT, SIGUSR1 };
	struct sigaction heed = { .sa_handler = on_signal };
	sigset_t held;
	const char *stats = NULL;
	bool which[2] = { true, true };
	uint64_t seed = 1;
	struct end ends[2];
	FILE *out = stdout;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == '?')
			usage();
		if (o == 'y' && (!strcmp(optarg, "ab") || !strcmp(optarg, "ba")))
			which[0] = !(which[1] = *optarg == 'b');
		else if (o == 'y')
			usage();
		else if (o == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (o == 'f')
			stats = optarg;
		for (int i = 0; i < 2; i++)
			if (which[i])
				set_option(&d[i].how, o, optarg);
	}
	if (argc - optind != 2)
		usage();
	sigemptyset(&held);
	for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) {
		sigaction(signals[i], &heed, NULL);
		sigaddset(&held, signals[i]);
	}
	sigprocmask(SIG_BLOCK, &held, NULL);
	for (int i = 0; i < 2; i++) {
		open_end(&ends[i], argv[optind + i]);
		d[i].random = seed * 2 + i;
		d[i].heap = calloc(QUEUE_MAX, sizeof *d[i].heap);
		d[i].from = &ends[i];
		d[i].to = &ends[!i];
	}
	if (stats && !(out = fopen(stats, "w")))
		die("statistics", stats);
	puts("wire ready");
	fflush(stdout);
	run(d);
	report(out, &d[0]);
	report(out, &d[1]);
	return 0;
}
