/* SPDX-License-Identifier: MIT
 * linklocal.c - an address that a device gives itself while no server does (RFC 3927).
 *
 *	PROBING -> CLAIMED  [three probes, nobody answers]
 *	PROBING -> PROBING  [conflict: the next address]
 *	CLAIMED -> PROBING  [a second conflict within ten seconds; the first is defended]
 *
 * The address comes from a hash of the link address and the number of conflicts so far: the same after each boot (2.1).
 * Runs in timer and net_rx, on CPU 0.
 */
#include "net/ipv4/linklocal.h"
#include "net/ipv4/ip_impl.h"

/* RFC 3927 9 */
#define PROBE_WAIT_NS     NSEC_PER_SEC
#define PROBE_NUM         3
#define PROBE_MIN_NS      NSEC_PER_SEC
#define ANNOUNCE_WAIT_NS  (2 * NSEC_PER_SEC)
#define MAX_CONFLICTS     10
#define RATE_LIMIT_NS     (60 * NSEC_PER_SEC)
#define DEFEND_NS         (10 * NSEC_PER_SEC)

#define FIRST 0xa9fe0100u /* 169.254.1.0 */
#define COUNT 0xfe00u     /* to 169.254.254.255 */

struct linklocal {
	struct net_device *dev;
	struct net_cpu *cpu;
	struct timer timer;
	be32 addr;
	u8 probes;
	bool claimed;
	u32 conflicts;
	u64 defended_ns; /* 0: never */
};

static u64 random_ns(const struct linklocal *l, u64 max_ns)
{
	return siphash_3u64(l->cpu->now_ns, l->conflicts, l->probes, &l->cpu->net->port_key) % max_ns;
}

/* Not secret: the same host shall have the same address again. */
static be32 pick(const struct linklocal *l)
{
	static const struct siphash_key key = { { 3927, 169254 } };
	u64 ha = 0;

	memcpy(&ha, l->dev->addr, ETH_ALEN);
	return be32_of(FIRST + (u32)(siphash_2u64(ha, l->conflicts, &key) % COUNT));
}

static void conflict(struct net_cpu *cpu, struct net_device *dev, be32 addr, const u8 *ha, void *arg);

static void begin(struct linklocal *l)
{
	u64 wait = l->conflicts >= MAX_CONFLICTS ? RATE_LIMIT_NS : 0;

	l->addr = pick(l);
	l->probes = 0;
	l->claimed = false;
	timer_arm(&l->cpu->wheel, &l->timer, l->cpu->now_ns + wait + random_ns(l, PROBE_WAIT_NS));
}

static void give_up(struct linklocal *l)
{
	if (l->claimed)
		ip_addr_del(l->dev->net, l->dev, l->addr);
	else
		arp_own_del(l->cpu, l->dev, l->addr);
	l->claimed = false;
}

/* RFC 3927 2.5 (b): the first conflict is defended (arp.c announces), one soon after it loses the address. */
static void conflict(struct net_cpu *cpu, struct net_device *dev, be32 addr, const u8 *ha, void *arg)
{
	struct linklocal *l = arg;
	struct ip_addr text_of = ip_from_v4(addr);
	char text[IP_NTOP_MAX];

	if (l->claimed && (!l->defended_ns || cpu->now_ns - l->defended_ns >= DEFEND_NS)) {
		l->defended_ns = cpu->now_ns;
		arp_announce(cpu, dev, addr);
		return;
	}
	if (l->claimed)
		log_warn("%s: address %s is lost to another host", dev->name, ip_ntop(&text_of, text));
	give_up(l);
	l->conflicts++;
	begin(l);
}

static void claim(struct linklocal *l)
{
	struct ip_addr addr = ip_from_v4(l->addr);
	char text[IP_NTOP_MAX];

	arp_own_del(l->cpu, l->dev, l->addr);
	if (ip_addr_add(l->dev->net, l->dev, l->addr, 16)) {
		l->conflicts++;
		begin(l);
		return;
	}
	l->claimed = true;
	l->defended_ns = 0;
	arp_own_watch(l->cpu, l->dev, l->addr, conflict, l);
	log_notice("%s: address %s/16, of its own choice: no DHCP server answers", l->dev->name, ip_ntop(&addr, text));
}

static void on_timer(struct timer *t, u64 now_ns)
{
	struct linklocal *l = container_of(t, struct linklocal, timer);

	if (l->probes == PROBE_NUM) {
		claim(l);
		return;
	}
	if (!l->probes && arp_own_tentative(l->cpu, l->dev, l->addr, conflict, l)) {
		l->conflicts++; /* no memory, or ours already: another one, later */
		begin(l);
		return;
	}
	arp_probe(l->cpu, l->dev, l->addr);
	l->probes++;
	timer_arm(&l->cpu->wheel, t,
		  now_ns + (l->probes == PROBE_NUM ? ANNOUNCE_WAIT_NS : PROBE_MIN_NS + random_ns(l, PROBE_MIN_NS)));
}

struct linklocal *linklocal_start(struct net_device *dev)
{
	struct linklocal *l = kzalloc(sizeof(*l));

	if (!l)
		return NULL;
	*l = (struct linklocal){ .dev = dev, .cpu = dev->net->cpus[0] };
	timer_init(&l->timer, on_timer);
	begin(l);
	return l;
}

void linklocal_stop(struct linklocal *l)
{
	if (!l)
		return;
	give_up(l);
	linklocal_free(l);
}

void linklocal_free(struct linklocal *l)
{
	if (!l)
		return;
	timer_cancel(&l->cpu->wheel, &l->timer);
	kfree(l);
}
