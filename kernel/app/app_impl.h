/* SPDX-License-Identifier: MIT
 * app_impl.h - what the services share: one CPU's state, and how a service is described.
 */
#pragma once

#include "app/app.h"
#include "app/site.h"
#include "net/socket/socket.h"

struct http_server;
struct live;

/* A service of the table in app.c. start() makes its socket, spawns its fibers and returns 0 or -errno. */
struct app_service {
	const char *name;
	u8 protocol; /* IPPROTO_TCP, IPPROTO_UDP */
	u16 port;
	bool on;     /* started unless the command line says otherwise (app.NAME=0 or 1) */
	int (*start)(struct net_cpu *cpu, const struct app_service *s);
};

#define APP_SOCKETS   16   /* of all services of the table but HTTP */
#define APP_CONNS_MAX 4096 /* of the services that have a fiber per connection: each costs a stack */

struct app_cpu {
	struct http_server *http;
	struct site *site;
	struct live *live;   /* of all CPUs */
	int sockets[APP_SOCKETS];
	u32 nr_sockets;
	u32 conns;           /* of the echo family, with a fiber each */
	u64 refused;         /* of them, because there were too many */
	u64 echo_bytes, datagrams;
	u32 work;            /* turns of app_work() that a datagram of the UDP echo costs: app.work=N */
	bool ending;         /* a shutdown is under way */
	struct inbox_msg drain; /* tells this CPU of it */
	u64 ready_ns;        /* when the ready line was printed; 0: not yet */
};

/* A listening or bound socket on `port` of any address: its descriptor or -errno. */
int app_socket(struct net_cpu *cpu, const struct app_service *s);
/* Spawns a fiber that accepts on fd, and one running serve(cpu, connection) for each connection; serve closes nothing. */
int app_accept_loop(struct net_cpu *cpu, const char *name, int fd, void (*serve)(struct net_cpu *cpu, int fd));

#define APP_WORK_MAX 1000000 /* turns: some tenths of a second */

/* Computes for so many turns, of the same number of instructions each: an application that costs something, for whoever studies
 * overload. Time would not do, for it goes on while the stack has the CPU. */
void app_work(u32 turns);

/* echo.c */
int echo_tcp_start(struct net_cpu *cpu, const struct app_service *s);
int echo_udp_start(struct net_cpu *cpu, const struct app_service *s);
int discard_tcp_start(struct net_cpu *cpu, const struct app_service *s);
int discard_udp_start(struct net_cpu *cpu, const struct app_service *s);
int daytime_tcp_start(struct net_cpu *cpu, const struct app_service *s);
int daytime_udp_start(struct net_cpu *cpu, const struct app_service *s);
int chargen_tcp_start(struct net_cpu *cpu, const struct app_service *s);
