/* SPDX-License-Identifier: MIT
 * socket_play.h - what the files of the socket fuzzer share: one stack with a device for both families, an application with a few
 * descriptors, fibers of it that wait in calls, and the hosts on the other side of the wire.
 */
#pragma once

#include "fuzz/fuzz.h"
#include "fuzz/held.h"
#include "host/netlab.h"
#include "net/socket/socket.h"

#define SLOTS    14    /* descriptors of the application, ... */
#define ACCEPTED 10    /* ... from here on of accepted connections, mostly */
#define TALKS    10    /* connections of the other side */
#define JOBS     6     /* fibers */
#define BUF_MAX  65536
#define QUOTES   4     /* packets that ICMP errors may quote */
#define QUOTE    128   /* bytes of each */

enum judge { JUDGE_NONE, JUDGE_LEVEL, JUDGE_EDGE };

struct slot {
	int fd;        /* -1: none */
	u8 kind;       /* what opens it */
	u32 read;      /* bytes of the stream that the application had */
	bool odd;      /* ... of which that is not known: two readers shared them */
	u32 was;       /* events at the last check */
};
struct talk { /* a connection, as the other side has it */
	bool used, v6, silent; /* silent: acknowledges nothing */
	u16 ours, theirs;      /* ports */
	u32 isn, una;          /* theirs: the first, and what the stack acknowledged */
	u32 iss, next;         /* the stack's */
	u16 wnd;
};
struct job {
	struct play *p;
	bool busy;
	u8 what;
	int fd, slot, to;
	u32 len;
};
struct quote {
	u32 len;
	u8 data[QUOTE];
};
struct play {
	struct lab *lab;
	struct lab_host *host;
	struct net_cpu *cpu;
	struct net_device *dev;
	struct slot slots[SLOTS];
	struct talk talks[TALKS];
	struct job jobs[JOBS];
	struct quote quotes[QUOTES];
	struct held held;
	unsigned nr_quotes, nr_talks;
	u64 budget;            /* allocations that succeed in the next step */
	bool pressed;          /* memory was out in this step, or was in the last one */
	enum judge judge;
	int judge_fd;
	bool odd_datagrams;    /* their bytes are no longer a function of their number */
	u8 odd[65536 / 8];     /* ... those of streams sent from this port */
};

/* The byte of that number of a stream from a port; a datagram's port is its length. */
static inline u8 play_byte(u16 port, u32 n)
{
	n += port;
	return (u8)(n * 167 + (n >> 8) * 13);
}
void play_fill(u8 *buf, u16 port, u32 from, u32 n);
static inline bool play_is_odd(const struct play *p, u16 port) { return p->odd[port / 8] >> port % 8 & 1; }
static inline void play_make_odd(struct play *p, u16 port) { p->odd[port / 8] |= (u8)(1u << port % 8); }
/* Lets time pass; the other side answers what was sent. */
void play_settle(struct play *p, u64 ns);
/* The sock behind a slot's descriptor; NULL: none. */
struct sock *play_sock(const struct play *p, int slot);
/* One of the addresses that mean something here, of a socket's family or another. */
struct sockaddr_ip play_addr(const struct play *p, struct input *in, int slot);
/* The numbers of allowed errors end with 0. A call that returned another one ends the program. */
long play_errs(long r, const char *call, const u8 *allowed);
#define ERRS(r, call, ...) play_errs(r, call, (const u8[]){ __VA_ARGS__, 0 })

/* ---- socket_other.c: the other side ---- */
#define OTHER_TAKES 1 /* its ports: a SYN is answered, refused, not heard, met by another SYN */
#define OTHER_REFUSES 2
#define OTHER_SILENT 3
#define OTHER_OPENS 4
struct ip_addr other_addr(bool v6, bool ours);
/* Takes what the stack sent and answers; false: there was nothing. */
bool other_hears(struct play *p);
void other_opens(struct play *p, bool v6, u16 port);
void other_sends(struct play *p, struct input *in);
void other_says(struct play *p, struct input *in);
void other_datagram(struct play *p, struct input *in);
void other_icmp(struct play *p, struct input *in);

/* ---- socket_calls.c: the application ---- */
int call_socket(struct play *p, int slot);
/* The slot that a byte of the input means; those that are not for accept() mostly have a descriptor. */
static inline int call_slot(struct play *p, u8 which)
{
	if (which % SLOTS < ACCEPTED && which < 210)
		call_socket(p, which % SLOTS);
	return which % SLOTS;
}
void call_close(struct play *p, int slot);
void call_accept(struct play *p, int slot, int to);
void call_open(struct play *p, struct input *in);
void call_send(struct play *p, struct input *in);
void call_recv(struct play *p, struct input *in);
void call_skbs(struct play *p, struct input *in);
void call_end(struct play *p, struct input *in);
void call_ask(struct play *p, struct input *in);
/* Reads once and compares with what was sent. */
long call_read(struct play *p, int slot, u8 *buf, u32 len, int flags);

/* ---- socket_sets.c: options, epoll, completions ---- */
void set_option(struct play *p, struct input *in);
void get_option(struct play *p, struct input *in);
void set_epoll(struct play *p, struct input *in);
void set_aio(struct play *p, struct input *in);

/* ---- socket_check.c ---- */
void judge_open(struct play *p, u8 how);
/* A slot has a descriptor of its own now. */
void judge_watch(struct play *p, int slot);
/* Between two calls: what poll() says is what epoll told and what a call finds; nobody sleeps who could go on; the stack's own sums. */
void judge(struct play *p);
void judge_empty(struct play *p);
void job_start(struct play *p, struct input *in);
