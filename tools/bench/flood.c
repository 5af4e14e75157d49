/* SPDX-License-Identifier: MIT
 * flood.c - both ends of what a router forwards, as cheap as they can be made so that they are not what is measured.
 *
 * Frames of 64 bytes (60 and the checksum of Ethernet) leave on the NEAR interface, up to -w under way, each of -f flows in
 * turn; what comes out at the FAR one is sent back from there, and counts when it is at NEAR again. Packet sockets with
 * mapped rings: no system call to receive, one for many to send, nobody woken for a frame. The host's own stack takes no
 * part: addresses are answered for here, and frames to their MACs are another host's to it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/if_ether.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SIZE	  60
#define UDP_AT	  34
#define BURST	  64
#define SLOT	  256 /* of a ring: the kernel's header and a frame; a longer one is cut */
#define BLOCK	  (1 << 16)
#define BLOCKS	  4 /* a processor's cache shall hold them */
#define SLOTS	  (BLOCK / SLOT * BLOCKS)
#define MAX_FLOWS 4096
#define NAP_NS	  50000       /* when nothing came: what comes meanwhile is taken together */
#define LOST_NS	  250000000ull /* silence after which all that is under way is given up */

struct end {
	int fd;
	uint8_t *ring;
	unsigned at;
	uint32_t address; /* whom it answers ARP for */
	uint8_t mac[6];
	unsigned nr;	  /* of the burst */
	struct mmsghdr msgs[BURST];
	struct iovec iov[BURST];
	uint8_t frames[BURST][SIZE];
};

static struct end near = { .mac = { 2, 0, 0, 0, 0, 0x50 } }, far = { .mac = { 2, 0, 0, 0, 0, 9 } };
static uint8_t flows[MAX_FLOWS][SIZE];
static unsigned nr_flows = 64, window = 256, next_flow;
static uint64_t sent, returned, turned, lost;

static void fail(const char *what)
{
	fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void end_open(struct end *e, const char *interface, const char *address)
{
	struct tpacket_req ring = { BLOCK, BLOCKS, SLOT, SLOTS };
	struct sockaddr_ll a = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int version = TPACKET_V2, on = 1;

	a.sll_ifindex = (int)if_nametoindex(interface);
	if (!a.sll_ifindex || inet_pton(AF_INET, address, &e->address) != 1)
		fail(interface);
	e->fd = socket(AF_PACKET, SOCK_RAW, 0);
	if (e->fd < 0 || setsockopt(e->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) < 0 ||
	    setsockopt(e->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) < 0 ||
	    setsockopt(e->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) < 0 ||
	    setsockopt(e->fd, SOL_PACKET, PACKET_RX_RING, &ring, sizeof ring) < 0)
		fail("packet socket");
	e->ring = mmap(NULL, (size_t)BLOCK * BLOCKS, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_LOCKED, e->fd, 0);
	if (e->ring == MAP_FAILED || bind(e->fd, (void *)&a, sizeof a) < 0)
		fail(interface);
	for (int i = 0; i < BURST; i++) {
		e->iov[i] = (struct iovec){ e->frames[i], SIZE };
		e->msgs[i].msg_hdr = (struct msghdr){ .msg_iov = &e->iov[i], .msg_iovlen = 1 };
	}
}

static void end_flush(struct end *e)
{
	for (unsigned done = 0; done < e->nr;) {
		int n = sendmmsg(e->fd, e->msgs + done, e->nr - done, 0);

		if (n < 0 && errno != ENOBUFS)
			fail("send");
		done += n > 0 ? (unsigned)n : 1; /* a full queue: this one is lost, as on any link */
	}
	e->nr = 0;
}

static uint8_t *end_add(struct end *e, const uint8_t *frame)
{
	uint8_t *f = memcpy(e->frames[e->nr++], frame, SIZE);

	if (e->nr == BURST)
		end_flush(e);
	return f;
}

static void swap(uint8_t *a, uint8_t *b, size_t n)
{
	uint8_t t[8];

	memcpy(t, a, n);
	memcpy(a, b, n);
	memcpy(b, t, n);
}

/* A request for our address becomes its answer. */
static void answer_arp(struct end *e, const uint8_t *frame)
{
	uint8_t f[SIZE];
	struct ether_arp *a = (struct ether_arp *)(f + ETH_HLEN);

	memcpy(f, frame, SIZE);
	if (a->arp_op != htons(ARPOP_REQUEST) || memcmp(a->arp_tpa, &e->address, 4))
		return;
	a->arp_op = htons(ARPOP_REPLY);
	swap(a->arp_spa, a->arp_tpa, 4);
	memcpy(a->arp_tha, a->arp_sha, 6);
	memcpy(a->arp_sha, e->mac, 6);
	memcpy(f, a->arp_tha, 6);
	memcpy(f + 6, e->mac, 6);
	end_add(e, f);
}

/* Addresses and ports change places, which leaves both checksums right. */
static void turn_round(uint8_t *f)
{
	swap(f, f + 6, 6);
	swap(f + 26, f + 30, 4);
	swap(f + UDP_AT, f + UDP_AT + 2, 2);
	end_add(&far, f);
	turned++;
}

/* All that lies in the ring; the number of frames that were flood's own. */
static unsigned end_receive(struct end *e)
{
	unsigned own = 0;

	for (;; e->at = (e->at + 1) % SLOTS) {
		struct tpacket2_hdr *h = (void *)(e->ring + (size_t)e->at * SLOT);
		uint8_t *f = (uint8_t *)h + h->tp_mac;

		if (!(__atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
			return own;
		if (f[12] == 8 && f[13] == 6) {
			answer_arp(e, f);
		} else if (!memcmp(f, e->mac, 6) && h->tp_len == SIZE) {
			own++;
			if (e == &far)
				turn_round(f);
		}
		__atomic_store_n(&h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
	}
}

/* ---------------------------------------------------------------- the frames */
static uint16_t sum(const uint8_t *p, size_t n, uint32_t s)
{
	for (size_t i = 0; i < n; i += 2)
		s += (uint32_t)(p[i] << 8 | p[i + 1]);
	s = (s & 0xffff) + (s >> 16);
	return (uint16_t)~((s & 0xffff) + (s >> 16));
}

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void make_flow(uint8_t *f, const uint8_t *to, unsigned port)
{
	memcpy(f, to, 6);
	memcpy(f + 6, near.mac, 6);
	put16(f + 12, ETH_P_IP);
	f[14] = 0x45;
	put16(f + 16, SIZE - ETH_HLEN);
	f[22] = 64;
	f[23] = IPPROTO_UDP;
	memcpy(f + 26, &near.address, 4);
	memcpy(f + 30, &far.address, 4);
	put16(f + 24, sum(f + 14, 20, 0));
	put16(f + UDP_AT, port);
	put16(f + UDP_AT + 2, 9);
	put16(f + UDP_AT + 4, SIZE - UDP_AT);
	memset(f + UDP_AT + 8, 'x', SIZE - UDP_AT - 8);
	put16(f + UDP_AT + 6, sum(f + 26, SIZE - 26, IPPROTO_UDP + SIZE - UDP_AT));
}

static void fill_window(uint64_t limit)
{
	while (sent < limit && sent - returned - lost < window) {
		end_add(&near, flows[next_flow]);
		next_flow = (next_flow + 1) % nr_flows;
		sent++;
	}
	end_flush(&near);
}

/* Until `limit` round trips are done, or until the deadline. What was given up and comes yet is not counted twice. */
static void run(uint64_t limit, uint64_t deadline)
{
	const struct timespec nap = { 0, NAP_NS };
	uint64_t moved = now_ns();

	while (returned + lost < limit) {
		uint64_t now = now_ns();
		unsigned back, out;

		if (now >= deadline)
			return;
		fill_window(limit);
		out = end_receive(&far);
		end_flush(&far);
		back = end_receive(&near);
		returned += back < sent - returned - lost ? back : sent - returned - lost;
		if (back || out) {
			moved = now;
		} else if (now - moved > LOST_NS) {
			lost += sent - returned - lost;
			moved = now;
		} else {
			nanosleep(&nap, NULL);
		}
	}
}

static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void usage(void)
{
	fprintf(stderr, "usage: flood NEAR ADDRESS FAR ADDRESS GUEST-MAC [-n ROUND-TRIPS | -d SECONDS] [-w WINDOW] [-f FLOWS]\n"
			"The addresses are flood's own: datagrams go from the first to the second, and back. Prints a line of JSON.\n");
	exit(2);
}

int main(int argc, char **argv)
{
	uint64_t limit = UINT64_MAX, start;
	double seconds = 0, took;
	uint8_t guest[6];
	int o;

	while ((o = getopt(argc, argv, "n:d:w:f:")) != -1)
		switch (o) {
		case 'n': limit = strtoull(optarg, NULL, 0); break;
		case 'd': seconds = atof(optarg); break;
		case 'w': window = (unsigned)atoi(optarg); break;
		case 'f': nr_flows = (unsigned)atoi(optarg); break;
		default: usage();
		}
	if (argc - optind != 5 || !nr_flows || nr_flows > MAX_FLOWS || !window || window > SLOTS / 2)
		usage();
	if (sscanf(argv[optind + 4], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", guest, guest + 1, guest + 2, guest + 3, guest + 4, guest + 5) != 6)
		usage();
	end_open(&near, argv[optind], argv[optind + 1]);
	end_open(&far, argv[optind + 2], argv[optind + 3]);
	for (unsigned i = 0; i < nr_flows; i++)
		make_flow(flows[i], guest, 10000 + i);
	start = now_ns();
	run(limit, start + (uint64_t)((seconds > 0 ? seconds : 120) * 1e9));
	took = (double)(now_ns() - start) / 1e9;
	printf("{\"count\": %llu, \"seconds\": %.6f, \"rate\": %.1f, \"lost\": %llu, \"cpu_seconds\": %.6f}\n",
	       (unsigned long long)returned, took, (double)returned / took, (unsigned long long)lost, cpu_seconds());
	return 0;
}
