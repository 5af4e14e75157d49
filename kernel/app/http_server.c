/* SPDX-License-Identifier: MIT
 * http_server.c - the server of one CPU: a fiber that accepts and goes round among ready connections, and the deadlines.
 *
 * Connections stand in one list per state, the oldest first, so that deadlines are looked at from the front and the table
 * makes room by ending the oldest incomplete request. All runs in base context, in fibers that only let go in
 * epoll_wait(): no connection is touched by two at once. One that ends is marked, and freed when its round is over.
 */
#include "app/http.h"
#include "lib/siphash.h"
#include "lib/string.h"
#include "net/tcp/tcp.h"

#define EVENTS      64  /* of one epoll_wait() */
#define ACCEPTS     256 /* new connections of one round, ... */
#define ACCEPT_BATCH 8  /* ... by so many at a time, ... */
#define ACCEPT_NS   (2 * NSEC_PER_MSEC) /* ... in about so much time: who is connected already is not to wait for all who come */
#define BACKLOG     4096
#define NEARLY_FULL 90  /* % of the table: from here incomplete requests go first */

/* ---- connections ---- */
static void state_begins(struct http_conn *c, enum http_state state)
{
	c->srv->nr_state[state]++;
	c->state = (u8)state;
	c->since_ns = c->listed_ns = c->progress_ns = c->srv->cpu->now_ns;
	c->moved = 0;
	list_add_tail(&c->list, &c->srv->state[state]);
}

void http_conn_state(struct http_conn *c, enum http_state state)
{
	c->srv->nr_state[c->state]--;
	list_del(&c->list);
	state_begins(c, state);
}

static struct hlist_head *addr_bucket(struct http_server *srv, const struct ip_addr *a)
{
	return &srv->by_addr[nhash_2u64(a->q[0], a->q[1], &srv->cpu->net->hash_key) % HTTP_ADDR_BUCKETS];
}

/* The client's entry with one more connection; NULL: it has too many, or there is no memory. */
static struct http_addr *addr_get(struct http_server *srv, const struct ip_addr *a)
{
	struct hlist_head *bucket = addr_bucket(srv, a);
	struct http_addr *e;

	hlist_for_each_entry(e, bucket, hash)
		if (ip_eq(&e->addr, a)) {
			if (e->conns >= srv->cpu->sysctl.http_max_per_addr)
				return NULL;
			e->conns++;
			return e;
		}
	e = kmem_cache_alloc(srv->addrs);
	if (e) {
		e->addr = *a;
		e->conns = 1;
		hlist_add(&e->hash, bucket);
	}
	return e;
}

static void addr_forget(struct http_server *srv)
{
	struct http_addr *e = srv->addr_left;

	srv->addr_left = NULL;
	if (!e || e->conns)
		return;
	hlist_del(&e->hash);
	kmem_cache_free(srv->addrs, e);
}

static void addr_put(struct http_server *srv, struct http_addr *e)
{
	if (--e->conns || e == srv->addr_left)
		return;
	addr_forget(srv);
	srv->addr_left = e;
}

void http_conn_close(struct http_conn *c)
{
	if (c->fd < 0)
		return;
	if (c->log_open)
		access_log_done(c);
	if (c->sink && c->sink->gone)
		c->sink->gone(c);
	sys_close(c->srv->cpu, c->fd);
	c->fd = -1;
	c->srv->nr_state[c->state]--;
	list_del(&c->list);
	list_del(&c->again);
	list_add_tail(&c->again, &c->srv->dead);
}

static void conn_free(struct http_conn *c)
{
	struct http_server *srv = c->srv;

	list_del(&c->again);
	if (c->in)
		sys_skb_free(srv->cpu, c->in);
	http_out_free(c);
	kfree(c->part);
	addr_put(srv, c->addr);
	kmem_cache_free(srv->conns, c);
	srv->nr_conns--;
}

static void bury_dead(struct http_server *srv)
{
	while (!list_empty(&srv->dead))
		conn_free(list_first(&srv->dead, struct http_conn, again));
}

static void watch(struct http_conn *c)
{
	struct epoll_event ev = { .events = http_conn_events(c), .data = (u64)(uintptr_t)c };

	c->watched = true;
	if (sys_epoll_ctl(c->srv->cpu, c->srv->epfd, EPOLL_CTL_ADD, c->fd, &ev))
		http_conn_close(c);
}

static void conn_create(struct http_server *srv, const struct accepted *a, struct http_addr *addr)
{
	struct http_conn *c = kmem_cache_alloc(srv->conns);

	if (!c) {
		srv->stats.no_memory++;
		addr_put(srv, addr);
		sys_close(srv->cpu, a->fd);
		return;
	}
	memset(&c->busy, 0, sizeof(*c) - offsetof(struct http_conn, busy));
	c->srv = srv;
	c->fd = a->fd;
	c->addr = addr;
	c->peer_port = a->peer.port;
	list_init(&c->again);
	state_begins(c, CONN_IDLE);
	srv->nr_conns++;
	if (likely(a->events & EPOLLIN)) /* the request came with the handshake's end: many a connection is over in this turn */
		http_conn_run(c);
	if (c->fd >= 0)
		watch(c);
}

/* ---- a full table ---- */
/* Ends the connection that deserves it most: the oldest incomplete head, then the oldest that only lingers or idles. */
static bool evict(struct http_server *srv, bool idle_too)
{
	static const u8 order[] = { CONN_HEAD, CONN_LINGER, CONN_IDLE };

	for (unsigned i = 0; i < ARRAY_SIZE(order) - !idle_too; i++) {
		struct list_head *l = &srv->state[order[i]];

		if (list_empty(l))
			continue;
		http_conn_close(list_first(l, struct http_conn, list));
		srv->stats.evicted++;
		return true;
	}
	return false;
}

static bool is_nearly_full(const struct http_server *srv)
{
	return (u64)srv->nr_conns * 100 >= (u64)srv->cpu->sysctl.http_max_conns * NEARLY_FULL;
}

/* May one more come in? Room is made at its cost of others that block the table. */
static bool have_room(struct http_server *srv)
{
	if (unlikely(is_nearly_full(srv)))
		bury_dead(srv);
	if (unlikely(is_nearly_full(srv))) {
		evict(srv, (u64)srv->nr_conns >= (u64)srv->cpu->sysctl.http_max_conns);
		bury_dead(srv);
	}
	return (u64)srv->nr_conns < (u64)srv->cpu->sysctl.http_max_conns;
}

static void take_in(struct http_server *srv, const struct accepted *a)
{
	struct http_addr *addr = addr_get(srv, &a->peer.addr);

	srv->stats.accepted++;
	if (likely(addr && have_room(srv))) {
		conn_create(srv, a, addr);
		return;
	}
	if (addr) {
		srv->stats.refused_table++;
		addr_put(srv, addr);
	} else {
		srv->stats.refused_addr++;
	}
	sys_close(srv->cpu, a->fd);
}

/* Not while events of this round are still to be looked at: it may bury their connections. */
static void accept_all(struct http_server *srv)
{
	u64 until = srv->cpu->now_ns + ACCEPT_NS;
	struct accepted a[ACCEPT_BATCH];
	int n, err = 0;

	for (unsigned i = 0; i < ACCEPTS && !err && srv->cpu->now_ns < until; i += ACCEPT_BATCH) {
		n = sys_accept_many(srv->cpu, srv->listen_fd, a, ACCEPT_BATCH, SOCK_NONBLOCK, &err);
		for (int k = 0; k < n; k++)
			take_in(srv, &a[k]);
		if (unlikely(err == -EMFILE) && evict(srv, true)) {
			bury_dead(srv);
			err = 0;
		}
	}
	srv->accept_now = !err;
}

/* ---- deadlines ---- */
static bool is_over(u64 since_ns, s64 timeout_ms, u64 now)
{
	return now >= since_ns + (u64)timeout_ms * NSEC_PER_MSEC;
}

/* Slower than `rate` bytes a second over its state's time, after a grace time. */
static bool is_slow(const struct http_conn *c, s64 rate, s64 grace_ms, u64 now)
{
	u64 ms = (now - c->since_ns) / NSEC_PER_MSEC;

	return rate && ms > (u64)grace_ms && c->moved < (u64)rate * ms / 1000;
}

/* Those of a list whose time is over. One that was used since it was listed goes to the end: each is looked at once in its
 * timeout, however many requests it had. */
static void close_old(struct http_server *srv, enum http_state state, s64 timeout_ms, u64 *count)
{
	struct list_head *l = &srv->state[state];

	while (!list_empty(l)) {
		struct http_conn *c = list_first(l, struct http_conn, list);

		if (!is_over(c->listed_ns, timeout_ms, srv->cpu->now_ns))
			return;
		if (is_over(c->since_ns, timeout_ms, srv->cpu->now_ns)) {
			*count += 1;
			http_conn_close(c);
		} else {
			c->listed_ns = c->since_ns;
			list_del(&c->list);
			list_add_tail(&c->list, l);
		}
	}
}

static void sweep_heads(struct http_server *srv)
{
	struct list_head *l = &srv->state[CONN_HEAD];

	while (!list_empty(l)) {
		struct http_conn *c = list_first(l, struct http_conn, list);

		if (!is_over(c->since_ns, srv->cpu->sysctl.http_head_timeout, srv->cpu->now_ns))
			break;
		srv->stats.head_timeouts++;
		http_conn_refuse(c, 408);
		http_conn_state(c, CONN_SEND);
		http_conn_run(c);
	}
}

static void sweep_bodies(struct http_server *srv)
{
	const struct net_sysctls *sys = &srv->cpu->sysctl;
	u64 now = srv->cpu->now_ns;
	struct http_conn *c, *n;

	list_for_each_entry_safe(c, n, &srv->state[CONN_BODY], list) {
		if (!is_over(c->progress_ns, sys->http_body_timeout, now) &&
		    !is_slow(c, sys->http_body_rate, sys->http_body_timeout, now))
			continue;
		srv->stats.body_timeouts++;
		if (c->replied || c->begun) {
			http_conn_close(c);
			continue;
		}
		http_conn_refuse(c, 408);
		http_conn_run(c);
	}
}

static void sweep_senders(struct http_server *srv)
{
	const struct net_sysctls *sys = &srv->cpu->sysctl;
	u64 now = srv->cpu->now_ns;
	struct http_conn *c, *n;

	list_for_each_entry_safe(c, n, &srv->state[CONN_SEND], list) {
		if (!is_over(c->progress_ns, sys->http_send_timeout, now) &&
		    !is_slow(c, sys->http_send_rate, sys->http_send_timeout, now))
			continue;
		srv->stats.send_timeouts++;
		http_conn_close(c);
	}
}

static void tick_streams(struct http_server *srv)
{
	struct http_conn *c, *n;

	list_for_each_entry_safe(c, n, &srv->state[CONN_STREAM], list) {
		if (c->sink->tick)
			c->sink->tick(c, srv->cpu->now_ns);
		if (c->fd >= 0)
			http_conn_run(c);
	}
}

/* Connections whose turn was cut short have another one. */
static void run_again(struct http_server *srv)
{
	struct list_head turn;

	list_init(&turn);
	list_splice_tail(&srv->again, &turn);
	while (!list_empty(&turn)) {
		struct http_conn *c = list_first(&turn, struct http_conn, again);

		list_del(&c->again);
		http_conn_run(c);
	}
}

void http_tick(struct http_server *srv)
{
	const struct net_sysctls *sys = &srv->cpu->sysctl;
	u64 lingered = 0;

	if (srv->held)
		return;
	http_date_update(srv);
	close_old(srv, CONN_IDLE, sys->http_idle_timeout, &srv->stats.idle_timeouts);
	close_old(srv, CONN_LINGER, sys->http_linger_timeout, &lingered);
	sweep_heads(srv);
	sweep_bodies(srv);
	sweep_senders(srv);
	tick_streams(srv);
	run_again(srv); /* the fiber may sleep */
	accept_all(srv); /* those that say nothing; and there may be descriptors and memory now */
	bury_dead(srv);
}

/* ---- the round ---- */
static void http_fiber(void *arg)
{
	struct http_server *srv = arg;
	struct net_cpu *cpu = srv->cpu;
	struct epoll_event ev[EVENTS];
	int epfd = srv->epfd;

	for (;;) {
		int n = sys_epoll_wait(cpu, epfd, ev, EVENTS, list_empty(&srv->again) && !srv->accept_now ? -1 : 0);

		if (n < 0)
			return; /* closed: the server is gone */
		http_date_update(srv);
		for (int i = 0; i < n; i++) {
			struct http_conn *c = (struct http_conn *)(uintptr_t)ev[i].data;

			if (!c)
				srv->accept_now = true;
			else if (c->fd >= 0)
				http_conn_run(c);
		}
		if (srv->accept_now)
			accept_all(srv);
		if (unlikely(!list_empty(&srv->again)))
			run_again(srv);
		if (!list_empty(&srv->dead))
			bury_dead(srv);
		if (unlikely(!list_empty(&srv->again) || srv->accept_now))
			sys_yield(cpu);
	}
}

static int start_listening(struct http_server *srv)
{
	struct sockaddr_ip any = { .family = AF_INET6, .port = srv->port }; /* both families */
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	int one = 1, zero = 0, err;

	srv->listen_fd = sys_socket(srv->cpu, AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP);
	if (srv->listen_fd < 0)
		return srv->listen_fd;
	sys_setsockopt(srv->cpu, srv->listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	sys_setsockopt(srv->cpu, srv->listen_fd, SOL_TCP, TCP_NODELAY, &one, sizeof(one)); /* connections inherit both */
	sys_setsockopt(srv->cpu, srv->listen_fd, SOL_TCP, TCP_QUICKACK, &zero, sizeof(zero));
	sys_setsockopt(srv->cpu, srv->listen_fd, SOL_TCP, TCP_ACCEPT_DATA, &one, sizeof(one));
	err = sys_bind(srv->cpu, srv->listen_fd, &any);
	if (!err)
		err = sys_listen(srv->cpu, srv->listen_fd, BACKLOG);
	if (!err)
		err = sys_epoll_ctl(srv->cpu, srv->epfd, EPOLL_CTL_ADD, srv->listen_fd, &ev);
	return err;
}

static int server_init(struct http_server *srv, struct net_cpu *cpu, const struct site *site, u16 port)
{
	srv->cpu = cpu;
	srv->site = site;
	srv->port = port;
	srv->listen_fd = -1;
	for (unsigned i = 0; i < NR_CONN_STATES; i++)
		list_init(&srv->state[i]);
	list_init(&srv->again);
	list_init(&srv->dead);
	srv->conns = kmem_cache_create("http_conn", sizeof(struct http_conn), CACHE_LINE / 2);
	srv->addrs = kmem_cache_create("http_addr", sizeof(struct http_addr), 8);
	srv->log = access_log_create();
	srv->memo = http_memo_create();
	srv->epfd = sys_epoll_create(cpu);
	if (!srv->conns || !srv->addrs || !srv->log || !srv->memo)
		return -ENOMEM;
	return srv->epfd < 0 ? srv->epfd : 0;
}

struct http_server *http_start(struct net_cpu *cpu, const struct site *site, u16 port, int *err)
{
	struct http_server *srv = kzalloc(sizeof(*srv));

	*err = srv ? server_init(srv, cpu, site, port) : -ENOMEM;
	if (!*err)
		*err = start_listening(srv);
	if (!*err && !fiber_spawn(cpu->fibers, "http", http_fiber, srv))
		*err = -ENOMEM;
	if (*err && srv) {
		http_stop(srv);
		srv = NULL;
	}
	return srv;
}

void http_drain(struct http_server *srv)
{
	struct http_conn *c, *n;

	srv->draining = true;
	if (srv->listen_fd >= 0)
		sys_close(srv->cpu, srv->listen_fd);
	srv->listen_fd = -1;
	list_for_each_entry_safe(c, n, &srv->state[CONN_IDLE], list)
		http_conn_close(c);
	for (unsigned s = CONN_HEAD; s < NR_CONN_STATES; s++)
		list_for_each_entry(c, &srv->state[s], list)
			c->keep_alive = false;
	list_for_each_entry_safe(c, n, &srv->state[CONN_STREAM], list)
		http_conn_close(c);
	bury_dead(srv);
}

void http_stop(struct http_server *srv)
{
	for (unsigned s = 0; s < NR_CONN_STATES; s++)
		while (!list_empty(&srv->state[s]))
			http_conn_close(list_first(&srv->state[s], struct http_conn, list));
	bury_dead(srv);
	addr_forget(srv);
	if (srv->listen_fd >= 0)
		sys_close(srv->cpu, srv->listen_fd);
	if (srv->epfd >= 0)
		sys_close(srv->cpu, srv->epfd);
	kmem_cache_destroy(srv->conns);
	kmem_cache_destroy(srv->addrs);
	access_log_destroy(srv->log);
	http_memo_destroy(srv->memo);
	kfree(srv->latency);
	kfree(srv);
}
