/* SPDX-License-Identifier: MIT
 * resolve.c - the stub resolver. Bounded: RESOLVE_TRIES questions to each server, RESOLVE_WAIT_NS for each answer.
 *
 * Who cannot see our questions has to guess 16 bits of id and a random port (RFC 5452 4): each try takes new ones, and the
 * socket is connected, so that answers come from the server's address and port alone.
 */
#include "console/resolve.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "net/ipv4/dhcp.h"
#include "net/ipv6/ip6.h"
#include "net/socket/socket.h"

#define RESOLVE_TRIES   2
#define RESOLVE_WAIT_NS (2 * NSEC_PER_SEC)
#define RESOLVE_STEP_NS (50 * NSEC_PER_MSEC) /* so that Ctrl-C is heard */
#define PORT_TRIES      8
#define SERVERS_MAX     (DHCP_DNS_MAX + IP6_DNS_MAX)

/* A socket on a random port above the privileged ones, connected. */
static int open_socket(struct net_cpu *cpu, const struct ip_addr *server)
{
	u16 family = ip_is_v4(server) ? AF_INET : AF_INET6;
	struct sockaddr_ip to = { .family = family, .port = DNS_PORT, .addr = *server };
	struct sockaddr_ip from = { .family = family };
	int fd = sys_socket(cpu, family, SOCK_DGRAM | SOCK_NONBLOCK, 0), err = -EADDRINUSE;

	if (fd < 0)
		return fd;
	if (family == AF_INET)
		from.addr = ip_from_v4((be32){ 0 });
	for (unsigned i = 0; i < PORT_TRIES && err == -EADDRINUSE; i++) {
		u16 r;

		random_bytes(&r, sizeof(r));
		from.port = (u16)(1024 + r % (65536 - 1024));
		err = sys_bind(cpu, fd, &from);
	}
	if (!err)
		err = sys_connect(cpu, fd, &to);
	if (err) {
		sys_close(cpu, fd);
		return err;
	}
	return fd;
}

/* Datagrams that answer another question are passed over: somebody may be guessing. */
static int await(struct net_cpu *cpu, int fd, const bool *stop, struct resolve_answer *a)
{
	u64 until = clock_ns() + RESOLVE_WAIT_NS;

	while (clock_ns() < until) {
		struct pollfd p = { .fd = fd, .events = EPOLLIN };
		long n;

		if (*stop)
			return -EINTR;
		if (sys_poll(cpu, &p, 1, RESOLVE_STEP_NS) <= 0)
			continue;
		n = sys_recv(cpu, fd, a->msg, sizeof(a->msg), 0);
		if (n < 0 && n != -EAGAIN)
			return (int)n;
		if (n > 0 && dns_answer(a->msg, (unsigned)n, a->query, a->query_len, &a->head, &a->at)) {
			a->len = (unsigned)n;
			return 0;
		}
	}
	return -ETIMEDOUT;
}

static int ask_one(struct net_cpu *cpu, const char *name, u16 type, const bool *stop, struct resolve_answer *a)
{
	u64 start = clock_ns();
	long err;
	int fd, n;
	u16 id;

	random_bytes(&id, sizeof(id));
	n = dns_query(a->query, id, name, type);
	if (n < 0)
		return n;
	a->query_len = (unsigned)n;
	fd = open_socket(cpu, &a->server);
	if (fd < 0)
		return fd;
	err = sys_send(cpu, fd, a->query, a->query_len, 0);
	err = err < 0 ? err : await(cpu, fd, stop, a);
	sys_close(cpu, fd);
	a->took_ns = clock_ns() - start;
	return (int)err;
}

/* Those of the first lease that names some, then those of router advertisements (RFC 8106). */
static unsigned known_servers(struct net_cpu *cpu, struct ip_addr out[SERVERS_MAX])
{
	unsigned n = 0;

	for (unsigned i = 0; !n && i < cpu->net->nr_devs; i++) {
		const struct dhcp_lease *l = cpu->net->devs[i] ? dhcp_lease(cpu->net->devs[i]) : NULL;

		for (; l && n < l->nr_dns; n++)
			out[n] = ip_from_v4(l->dns[n]);
	}
	return n + ip6_dns_servers(cpu, out + n, IP6_DNS_MAX);
}

int resolve_ask(struct net_cpu *cpu, const struct ip_addr *server, const char *name, u16 type, const bool *stop,
		struct resolve_answer *a)
{
	struct ip_addr servers[SERVERS_MAX];
	unsigned nr = 1;
	int err = -EDESTADDRREQ;

	if (server)
		servers[0] = *server;
	else
		nr = known_servers(cpu, servers);
	for (unsigned i = 0; i < nr * RESOLVE_TRIES; i++) {
		a->server = servers[i % nr];
		err = ask_one(cpu, name, type, stop, a);
		if (!err || err == -EINVAL || err == -EINTR)
			return err;
	}
	return err;
}

/* The first address among the answer's records of the type. */
static int address_of(struct resolve_answer *a, struct dns_record *r, u16 type, struct ip_addr *out)
{
	be32 v4;

	for (unsigned i = 0; i < a->head.answers && dns_record(a->msg, a->len, &a->at, r); i++) {
		if (r->type != type || r->len != (type == DNS_A ? 4 : 16))
			continue;
		if (type == DNS_A) {
			memcpy(&v4, r->data, 4);
			*out = ip_from_v4(v4);
		} else {
			memcpy(out, r->data, 16);
		}
		return 0;
	}
	return -ENOENT;
}

int resolve_host(struct net_cpu *cpu, const char *name, int family, const bool *stop, struct ip_addr *out)
{
	struct resolve_answer *a;
	struct dns_record *r;
	int err = -ENOENT;

	if (!ip_pton(name, out))
		return !family || (family == AF_INET) == ip_is_v4(out) ? 0 : -EAFNOSUPPORT;
	a = kmalloc(sizeof(*a));
	r = kmalloc(sizeof(*r));
	if (!a || !r)
		err = -ENOMEM;
	if (err == -ENOENT && family != AF_INET6)
		err = resolve_ask(cpu, NULL, name, DNS_A, stop, a) ?: address_of(a, r, DNS_A, out);
	if (err == -ENOENT && family != AF_INET)
		err = resolve_ask(cpu, NULL, name, DNS_AAAA, stop, a) ?: address_of(a, r, DNS_AAAA, out);
	kfree(r);
	kfree(a);
	return err;
}
