/* SPDX-License-Identifier: MIT
 * app.c - the application's table of services, its start on a CPU, and the line that says it is ready.
 *
 * Command line: app.NAME=0|1 turns a service of the table off or on; app.spin=1 allows GET /debug/spin, which holds the CPU
 * to show that the stack goes on below a busy application; app.work=N makes each datagram cost the UDP echo N turns of a
 * computation. Every CPU that owns flows has all services: sockets, fibers and connections of its own. They share the site, which
 * nobody writes.
 */
#include "app/app_impl.h"
#include "app/http.h"
#include "app/live.h"
#include "core/cmdline.h"
#include "lib/printf.h"
#include "lib/siphash.h"
#include "lib/string.h"
#include "net/core/steer.h"
#include "net/ipv4/ip.h"

static int http_service_start(struct net_cpu *cpu, const struct app_service *s)
{
	int err = 0;

	cpu->app->http = http_start(cpu, cpu->app->site, s->port, &err);
	return err;
}

static const struct app_service services[] = {
	{ "http", IPPROTO_TCP, 80, true, http_service_start },
	{ "echo", IPPROTO_TCP, 7, true, echo_tcp_start },
	{ "echo", IPPROTO_UDP, 7, true, echo_udp_start },
	{ "discard", IPPROTO_TCP, 9, true, discard_tcp_start },
	{ "discard", IPPROTO_UDP, 9, true, discard_udp_start },
	{ "daytime", IPPROTO_TCP, 13, true, daytime_tcp_start },
	{ "daytime", IPPROTO_UDP, 13, true, daytime_udp_start },
	{ "chargen", IPPROTO_TCP, 19, false, chargen_tcp_start }, /* off: a flood for whoever asks */
};

_Static_assert(ARRAY_SIZE(services) <= APP_SOCKETS, "each service has a place for its socket");

#define READY_POLL_NS (5 * NSEC_PER_MSEC)  /* how often the address is asked for until there is one */
#define DRAIN_POLL_NS (20 * NSEC_PER_MSEC) /* and whether the last connection is gone */

/* ---- sockets for services ---- */
int app_socket(struct net_cpu *cpu, const struct app_service *s)
{
	bool tcp = s->protocol == IPPROTO_TCP;
	struct app_cpu *a = cpu->app;
	struct sockaddr_ip any = { .family = AF_INET6, .port = s->port }; /* both families */
	int fd = sys_socket(cpu, AF_INET6, tcp ? SOCK_STREAM : SOCK_DGRAM, s->protocol), one = 1, err;

	if (fd < 0)
		return fd;
	sys_setsockopt(cpu, fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	err = sys_bind(cpu, fd, &any);
	if (!err && tcp)
		err = sys_listen(cpu, fd, 4096);
	if (err)
		sys_close(cpu, fd);
	else
		a->sockets[a->nr_sockets++] = fd;
	return err ?: fd;
}

struct served {
	struct net_cpu *cpu;
	int fd;
	const char *name;
	void (*serve)(struct net_cpu *cpu, int fd);
};

static void served_fiber(void *arg)
{
	struct served s = *(struct served *)arg;

	kfree(arg);
	s.serve(s.cpu, s.fd);
	sys_close(s.cpu, s.fd);
	if (s.cpu->app)
		s.cpu->app->conns--;
}

/* A fiber for the connection; false: there is no room for one more. */
static bool serve_in_fiber(const struct served *listener, int fd)
{
	struct net_cpu *cpu = listener->cpu;
	struct served *s = cpu->app->conns < APP_CONNS_MAX ? kmalloc(sizeof(*s)) : NULL;

	if (!s)
		return false;
	*s = *listener;
	s->fd = fd;
	if (!fiber_spawn(cpu->fibers, s->name, served_fiber, s)) {
		kfree(s);
		return false;
	}
	cpu->app->conns++;
	return true;
}

static void accept_fiber(void *arg)
{
	struct served s = *(struct served *)arg;

	kfree(arg);
	for (;;) {
		int fd = sys_accept4(s.cpu, s.fd, NULL, 0);

		if (fd == -EBADF)
			return;
		if (fd == -EMFILE || fd == -ENOMEM) {
			sys_nanosleep(s.cpu, 100 * NSEC_PER_MSEC); /* it stays in the queue */
		} else if (fd >= 0 && !serve_in_fiber(&s, fd)) {
			s.cpu->app->refused++;
			sys_close(s.cpu, fd);
		}
	}
}

int app_accept_loop(struct net_cpu *cpu, const char *name, int fd, void (*serve)(struct net_cpu *cpu, int fd))
{
	struct served *s = kmalloc(sizeof(*s));

	if (!s)
		return -ENOMEM;
	*s = (struct served){ .cpu = cpu, .fd = fd, .name = name, .serve = serve };
	if (fiber_spawn(cpu->fibers, name, accept_fiber, s))
		return 0;
	kfree(s);
	return -ENOMEM;
}

void app_work(u32 turns)
{
	static const struct siphash_key key = { { 1, 2 } };
	u64 v = turns;

	while (turns--)
		v = siphash_2u64(v, turns, &key);
}

/* ---- ready ---- */
static bool has_address(struct net_cpu *cpu, be32 *addr)
{
	for (unsigned i = 0; i < cpu->net->nr_devs; i++) {
		struct net_device *dev = cpu->net->devs[i];

		if (!(dev->flags & IFF_LOOPBACK) && dev->carrier) {
			*addr = ip_dev_addr(cpu, dev, NULL);
			if (addr->raw)
				return true;
		}
	}
	return false;
}

static void ready_fiber(void *arg)
{
	struct net_cpu *cpu = arg;
	char text[IP_NTOP_MAX];
	struct ip_addr ip;
	be32 addr;

	while (cpu->app && !has_address(cpu, &addr))
		sys_nanosleep(cpu, READY_POLL_NS);
	if (!cpu->app)
		return;
	ip = ip_from_v4(addr);
	cpu->app->ready_ns = cpu->now_ns;
	log_notice("barewire ready: http://%s/ (%u files%s)", ip_ntop(&ip, text), cpu->app->site->files,
		   cpu->app->site->builtin ? ", the built-in site" : "");
}

/* ---- the end of service ---- */
struct shutdown {
	struct net_cpu *cpu;
	void (*end)(void);
};

/* No CPU has a connection left; the others' counts are looked at as they are. */
static bool is_idle(const struct net *net)
{
	const struct net_cpu *cpu;
	unsigned i;

	for_each_cpu(net, cpu, i)
		if (cpu->app && cpu->app->http && READ_ONCE(cpu->app->http->nr_conns))
			return false;
	return true;
}

static void drain_fiber(void *arg)
{
	struct net_cpu *cpu = arg;

	while (cpu->app && cpu->app->http && cpu->app->http->held)
		sys_nanosleep(cpu, DRAIN_POLL_NS);
	if (cpu->app && cpu->app->http)
		http_drain(cpu->app->http);
}

static void drain_rcv(struct net_cpu *cpu, struct inbox_msg *msg)
{
	fiber_spawn(cpu->fibers, "drain", drain_fiber, cpu);
}

/* From CPU 0. Where the message or the fiber does not get through, the connections end with the machine. */
static void drain_all(struct net_cpu *from)
{
	struct net_cpu *cpu;
	unsigned i;

	bh_disable(from);
	for_each_cpu(from->net, cpu, i) {
		if (cpu == from || !cpu->app)
			continue;
		cpu->app->drain.fn = drain_rcv;
		if (!inbox_post(from, cpu, &cpu->app->drain))
			log_warn("app: CPU %u is too busy to hear of the shutdown", i);
	}
	bh_enable(from);
	drain_fiber(from);
}

static void shutdown_fiber(void *arg)
{
	struct shutdown s = *(struct shutdown *)arg;
	u64 deadline = s.cpu->now_ns + (u64)s.cpu->sysctl.http_drain_timeout * NSEC_PER_MSEC;

	kfree(arg);
	drain_all(s.cpu);
	do /* the others need a moment to hear of it */
		sys_nanosleep(s.cpu, DRAIN_POLL_NS);
	while (!is_idle(s.cpu->net) && s.cpu->now_ns < deadline);
	s.end();
}

void app_shutdown(struct net *net, void (*end)(void))
{
	struct net_cpu *cpu = net->cpus[0];
	struct shutdown *s;

	if (!cpu->app || cpu->app->ending)
		return;
	cpu->app->ending = true;
	log_notice("app: going down when the answers under way are out");
	s = kmalloc(sizeof(*s));
	if (s)
		*s = (struct shutdown){ .cpu = cpu, .end = end };
	if (!s || !fiber_spawn(cpu->fibers, "shutdown", shutdown_fiber, s))
		end();
}

/* Deadlines and streams of the servers, and, on the first CPU, a look at the power button. */
static void tick_fiber(void *arg)
{
	struct net_cpu *cpu = arg;

	for (;;) {
		sys_nanosleep(cpu, HTTP_TICK_NS);
		if (!cpu->app)
			return;
		if (cpu->app->http)
			http_tick(cpu->app->http);
		if (!cpu->id && cpu->app)
			live_tick(cpu);
		if (!cpu->id && cpu->app && platform_power_button())
			app_shutdown(cpu->net, platform_poweroff);
	}
}

/* ---- start and end ---- */
/* app.KEY=0|1; anything else is named, and `otherwise` holds. */
static bool is_on(const char *cmdline, const char *name, bool otherwise)
{
	char key[32], value[32];

	snprintf(key, sizeof(key), "app.%s", name);
	if (!cmdline_get(cmdline, key, value, sizeof(value)))
		return otherwise;
	if (!strcmp(value, "0") || !strcmp(value, "1"))
		return value[0] == '1';
	log_warn("%s=%s: 0 or 1 is expected; it stays %s", key, value, otherwise ? "on" : "off");
	return otherwise;
}

/* app.work=N: what a datagram costs the UDP echo. */
static u32 work_of(const char *cmdline)
{
	char value[32];
	u64 turns;

	if (!cmdline_get(cmdline, "app.work", value, sizeof(value)))
		return 0;
	if (!str_to_u64(value, &turns) && turns <= APP_WORK_MAX)
		return (u32)turns;
	log_warn("app.work=%s: a number of turns from 0 to %u is expected; it stays 0", value, APP_WORK_MAX);
	return 0;
}

/* A token that is cut or short would be worse than none. */
static void take_token(struct http_server *srv, const char *cmdline)
{
	char value[HTTP_TOKEN_MAX + 1];

	if (!cmdline_get(cmdline, "console.token", value, sizeof(value)))
		return;
	if (strlen(value) < 8 || strlen(value) >= HTTP_TOKEN_MAX)
		log_warn("console.token: 8 to %u characters are allowed; changes by HTTP stay off", HTTP_TOKEN_MAX - 1);
	else
		str_copy(srv->token, value, sizeof(srv->token));
	memset(value, 0, sizeof(value));
	barrier();
}

static int start_services(struct net_cpu *cpu, const char *cmdline)
{
	int started = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(services); i++) {
		const struct app_service *s = &services[i];
		int err;

		if (!is_on(cmdline, s->name, s->on))
			continue;
		err = s->start(cpu, s);
		started += !err;
		if (err)
			log_err("app: %s on port %u: %s", s->name, s->port, errno_text(err));
	}
	if (cpu->app->http)
		cpu->app->http->spin_allowed = is_on(cmdline, "spin", false);
	if (cpu->app->http)
		take_token(cpu->app->http, cmdline);
	return started;
}

static int cpu_start(struct net_cpu *cpu, struct site *site, struct live *live, const char *cmdline)
{
	struct app_cpu *a = kzalloc(sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->site = site;
	a->live = live;
	a->work = work_of(cmdline);
	cpu->app = a;
	return start_services(cpu, cmdline) && fiber_spawn(cpu->fibers, "tick", tick_fiber, cpu) ? 0 : -ENOMEM;
}

int app_start(struct net *net, const struct app_params *p)
{
	struct net_cpu *first = net->cpus[0];
	struct site *site = site_create(p->site, p->site_len, (u32)first->sysctl.http_cache_max_age);
	struct live *live = live_create(net);
	int err = site && live ? 0 : -ENOMEM;

	for (unsigned i = 0; !err && i < net->steer->nr_owners; i++)
		err = cpu_start(net->cpus[i], site, live, p->cmdline);
	if (!first->app) {
		live_destroy(live);
		site_destroy(site);
		return -ENOMEM;
	}
	net->shutdown = app_shutdown;
	return !err && fiber_spawn(first->fibers, "ready", ready_fiber, first) ? 0 : -ENOMEM;
}

static void cpu_stop(struct net_cpu *cpu)
{
	struct app_cpu *a = cpu->app;

	if (!a)
		return;
	cpu->app = NULL;
	for (unsigned i = 0; i < a->nr_sockets; i++)
		sys_close(cpu, a->sockets[i]);
	if (a->http)
		http_stop(a->http);
	kfree(a);
}

void app_stop(struct net *net)
{
	struct site *site = net->cpus[0]->app ? net->cpus[0]->app->site : NULL;
	struct live *live = net->cpus[0]->app ? net->cpus[0]->app->live : NULL;
	struct net_cpu *cpu;
	unsigned i;

	net->shutdown = NULL;
	for_each_cpu(net, cpu, i)
		cpu_stop(cpu);
	live_destroy(live);
	site_destroy(site);
}
