/* SPDX-License-Identifier: MIT
 * virtio_net_mq.c - several pairs of queues, one per CPU (virtio 1.2, 5.1.6.5.5 and 5.1.6.5.7; FEATURES RX11, TX13).
 *
 * The first pair's CPU tends the device; the others' are asked by message to leave their rings before a reset, and to enter
 * them after it. With RSS the device hashes as the stack does (core/steer.h), so a frame comes to its flow's owner at once;
 * without it each back end has a rule of its own (a tap follows the flow's last transmission), and software puts right what
 * comes to another CPU. The hash report, where several CPUs own flows, spares software the hash (core/steer.h says when it is
 * believed); on one CPU it would cost eight bytes a frame for nothing.
 * The control queue has no interrupt: a command is waited for, at boot, after a reset, and when `ethtool -L` asks for it.
 */
#include "drivers/virtio-net/virtio_net_impl.h"

#include "arch/x86_64/io.h"
#include "arch/x86_64/paging.h"
#include "lib/errno.h"
#include "net/core/qdisc.h"
#include "net/core/steer.h"
#include "platform.h"

#define COMMAND_NS   (100 * NSEC_PER_MSEC)
#define TELL_NS      (1 * NSEC_PER_MSEC) /* a full inbox is tried again */
#define HASH_NEEDED  (VIRTIO_NET_HASH_IPV4 | VIRTIO_NET_HASH_TCPV4)
#define HASH_WANTED  (HASH_NEEDED | VIRTIO_NET_HASH_UDPV4 | VIRTIO_NET_HASH_IPV6 | VIRTIO_NET_HASH_TCPV6 | VIRTIO_NET_HASH_UDPV6)
#define REPORTS(types) ((u16)((types) << 1)) /* enum virtio_net_report by bits */
#define WHOLE        (VIRTIO_NET_HASH_TCPV4 | VIRTIO_NET_HASH_UDPV4 | VIRTIO_NET_HASH_TCPV6 | VIRTIO_NET_HASH_UDPV6)

_Static_assert(STEER_SLOTS == VIRTIO_NET_RSS_SLOTS && STEER_KEY_BYTES == VIRTIO_NET_RSS_KEY, "the device takes what the stack has");

/* ---- how many ---- */

/* Which of the hash types wanted the device has; 0: not those that are needed, or no room for the key. */
static u32 device_hashes(struct virtnet *vn, u16 *slots)
{
	struct virtio_net_rss_limits l;

	vn->vdev->ops->config_read(vn->vdev, VIRTIO_NET_CFG_RSS, &l, sizeof(l));
	*slots = l.table_entries;
	return l.key_bytes >= STEER_KEY_BYTES && (l.hash_types & HASH_NEEDED) == HASH_NEEDED ? l.hash_types & HASH_WANTED : 0;
}

/* RSS with several pairs, the report where several CPUs own flows. What is not used is not asked for. */
static void choose_hashing(struct virtnet *vn, const struct net *net)
{
	u16 slots;
	u32 types = device_hashes(vn, &slots);

	if (vn->nr_pairs == 1)
		vn->features &= ~(VIRTIO_NET_F_MQ | VIRTIO_NET_F_RSS);
	if (!types || slots < STEER_SLOTS)
		vn->features &= ~VIRTIO_NET_F_RSS;
	if (!types || net->steer->nr_owners == 1)
		vn->features &= ~VIRTIO_NET_F_HASH_REPORT;
	if (!(vn->features & (VIRTIO_NET_F_MQ | VIRTIO_NET_F_RSS | VIRTIO_NET_F_HASH_REPORT)))
		vn->features &= ~VIRTIO_NET_F_CTRL_VQ;
	if (!(vn->features & VIRTIO_NET_F_HASH_REPORT))
		return;
	vn->reports = REPORTS(types) | 1u << VIRTIO_NET_REPORT_NONE;
	vn->whole = REPORTS(types & WHOLE);
}

void virtnet_one_pair(struct virtnet *vn)
{
	vn->nr_pairs = vn->wanted = 1;
	vn->pairs[0].hashed = false;
	vn->features &= ~(VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_MQ | VIRTIO_NET_F_RSS | VIRTIO_NET_F_HASH_REPORT);
}

void virtnet_choose_pairs(struct virtnet *vn, const struct net *net)
{
	unsigned vectors = vn->vdev->ops->nr_vectors(vn->vdev);
	u16 offered = 1;

	if ((vn->features & (VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_MQ)) == (VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_MQ))
		vn->vdev->ops->config_read(vn->vdev, VIRTIO_NET_CFG_PAIRS, &offered, sizeof(offered));
	if (offered > VIRTIO_NET_MAX_PAIRS)
		offered = 1;
	vn->max_pairs = offered;
	vn->nr_pairs = MIN((unsigned)offered, net->nr_cpus);
	vn->nr_pairs = MIN(vn->nr_pairs, vectors ? (vectors - 1) / 2 : 1);
	if (net->steer->mode != STEER_RSS || !vn->nr_pairs)
		vn->nr_pairs = 1;
	vn->wanted = vn->nr_pairs;
	vn->told = 1;
	choose_hashing(vn, net);
}

/* ---- the control queue ---- */

/* 5.1.6.5: 0, -EINVAL (refused), -EIO (no answer). */
static int command(struct virtnet *vn, u8 cmd, u32 data_len)
{
	u64 until = clock_ns() + COMMAND_NS;

	if (vn->deaf)
		return -EIO;
	vn->command.class = VIRTIO_NET_CTRL_MQ;
	vn->command.command = cmd;
	vn->ack = (u8)~VIRTIO_NET_OK;
	virtqueue_add_command(&vn->ctrl, virt_to_phys(&vn->command), 2 + data_len, virt_to_phys(&vn->ack), sizeof(vn->ack), vn);
	virtqueue_kick(&vn->ctrl, true);
	while (!virtqueue_get(&vn->ctrl).token) {
		if (vn->ctrl.lie)
			vn->dev.rx[0].lies++;
		if (vn->ctrl.lie || clock_ns() > until) {
			vn->deaf = true;
			return -EIO;
		}
		cpu_relax();
	}
	return READ_ONCE(vn->ack) == VIRTIO_NET_OK ? 0 : -EINVAL;
}

static int configure_rss(struct virtnet *vn, unsigned pairs)
{
	const struct steer *s = vn->dev.net->steer;
	struct virtio_net_rss_config *c = &vn->command.rss;
	u16 slots;

	*c = (struct virtio_net_rss_config){
		.hash_types = device_hashes(vn, &slots),
		.table_mask = STEER_SLOTS - 1,
		.max_tx_vq = (u16)pairs,
		.key_bytes = STEER_KEY_BYTES,
	};
	for (unsigned i = 0; i < STEER_SLOTS; i++)
		c->table[i] = (u16)(s->cpu[i] % pairs);
	steer_key(s, c->key);
	return command(vn, VIRTIO_NET_CTRL_MQ_RSS_CONFIG, sizeof(*c));
}

static int set_pairs(struct virtnet *vn, unsigned pairs)
{
	vn->command.pairs = (u16)pairs;
	return command(vn, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, sizeof(vn->command.pairs));
}

/* The report without RSS. */
static int configure_hash(struct virtnet *vn)
{
	u16 slots;

	vn->command.hash = (struct virtio_net_hash_config){ .hash_types = device_hashes(vn, &slots), .key_bytes = STEER_KEY_BYTES };
	steer_key(vn->dev.net->steer, vn->command.hash.key);
	return command(vn, VIRTIO_NET_CTRL_MQ_HASH_CONFIG, sizeof(vn->command.hash));
}

/* So many pairs, hashed so: 0, or -errno, and the device uses as many as before. A device may end RSS and reports when it is told
 * of pairs alone, so that comes first. A card whose reports are not to be had is one without. */
static int tell(struct virtnet *vn, unsigned pairs)
{
	bool rss = vn->features & VIRTIO_NET_F_RSS;
	int err = rss ? configure_rss(vn, pairs) : 0;
	u32 *may = &vn->dev.hw_features, *does = &vn->dev.features;

	if ((!rss || err == -EINVAL) && vn->features & VIRTIO_NET_F_MQ) {
		rss = false;
		err = set_pairs(vn, pairs);
	}
	if (!err)
		vn->told = pairs;
	if (vn->features & VIRTIO_NET_F_HASH_REPORT && (err || (!rss && configure_hash(vn)))) {
		log_warn("%s: the device does not report hashes", vn->dev.name);
		*may &= ~(u32)NETIF_F_RXHASH;
		*does &= ~(u32)NETIF_F_RXHASH;
	}
	return err;
}

void virtnet_mq_start(struct virtnet *vn)
{
	unsigned pairs = vn->settle.armed ? vn->told : vn->wanted; /* those that go may have something to send yet */
	int err;

	vn->deaf = false;
	vn->told = 1;
	err = vn->features & VIRTIO_NET_F_CTRL_VQ ? tell(vn, pairs) : 0;
	if (err)
		log_warn("%s: the device does not use %u pairs of queues (%s): one is used", vn->dev.name, pairs, errno_name(err));
	dev_set_channels(&vn->dev, err ? 1 : vn->wanted);
}

/* ---- more of them, or fewer: `ethtool -L` ---- */

/* More: the device first. Fewer: the stack first, then, when nothing is left in the queues that go, the device: what it had been given
 * it has sent by then, and what it received is taken in as ever. A device in reset is told when it is ready. */
int virtnet_set_channels(struct net_device *dev, unsigned n)
{
	struct virtnet *vn = dev->priv;
	bool ready = vn->open && !vn->dead && !vn->quieting && !vn->pairs[0].down;
	int err = n > vn->told && ready ? tell(vn, n) : 0;

	if (err)
		return err;
	vn->wanted = n;
	if (n <= vn->told)
		dev_set_channels(dev, n);
	if (n < vn->told) {
		vn->round++;
		timer_arm(&vn->pairs[0].cpu->wheel, &vn->settle, vn->pairs[0].cpu->now_ns + VIRTNET_SETTLE_NS);
	}
	return 0;
}

static inline void flag_set(bool *flag, bool v)
{
	__atomic_store_n(flag, v, __ATOMIC_RELEASE);
}

/* On the pair's CPU, which knows by now that it sends through another queue. */
static void spent_rcv(struct net_cpu *cpu, struct inbox_msg *msg)
{
	struct virtnet_pair *p = container_of(msg, struct virtnet_pair, question);

	if (!p->tx.in_flight && !p->dev->txq[p->index].qdisc->qlen)
		__atomic_store_n(&p->spent_round, p->asked_round, __ATOMIC_RELEASE);
	flag_set(&p->asked, false);
}

/* Has the pair nothing left to send? What was asked before the stack knew does not count. */
static bool is_spent(struct virtnet *vn, struct virtnet_pair *p)
{
	if (__atomic_load_n(&p->spent_round, __ATOMIC_ACQUIRE) == vn->round)
		return true;
	if (__atomic_load_n(&p->asked, __ATOMIC_ACQUIRE))
		return false;
	p->question.fn = spent_rcv;
	p->asked_round = vn->round;
	flag_set(&p->asked, true);
	if (!inbox_post(vn->pairs[0].cpu, p->cpu, &p->question))
		flag_set(&p->asked, false);
	return false;
}

void virtnet_settle(struct timer *t, u64 now_ns)
{
	struct virtnet *vn = container_of(t, struct virtnet, settle);
	unsigned n = vn->wanted;
	bool all = true;

	if (!vn->open || vn->dead || n >= vn->told)
		return;
	for (unsigned i = n; i < vn->told; i++)
		all &= is_spent(vn, &vn->pairs[i]);
	if (!all || vn->quieting || vn->pairs[0].down) {
		timer_arm(&vn->pairs[0].cpu->wheel, t, now_ns + VIRTNET_SETTLE_NS);
		return;
	}
	if (!tell(vn, n))
		return;
	log_warn("%s: the device does not go back to %u pairs of queues: %u stay in use", vn->dev.name, n, vn->told);
	vn->wanted = vn->told;
	dev_set_channels(&vn->dev, vn->told);
}

/* ---- from CPU to CPU ---- */

static void is_called(struct net_cpu *cpu, struct inbox_msg *msg)
{
	struct virtnet_pair *p = container_of(msg, struct virtnet_pair, call), *first = p->vn->pairs;

	flag_set(&p->calling, false);
	first->attention = true;
	napi_schedule(&first->napi);
}

void virtnet_call(struct virtnet_pair *p)
{
	struct virtnet_pair *first = p->vn->pairs;

	if (p == first) {
		p->attention = true;
		napi_schedule(&p->napi);
		return;
	}
	if (__atomic_load_n(&p->calling, __ATOMIC_ACQUIRE))
		return;
	p->call.fn = is_called;
	flag_set(&p->calling, true);
	if (!inbox_post(p->cpu, first->cpu, &p->call)) {
		flag_set(&p->calling, false); /* the timer calls again: the pair is down */
		timer_arm(&p->cpu->wheel, &p->timer, p->cpu->now_ns + TELL_NS);
	}
}

static void leave_rcv(struct net_cpu *cpu, struct inbox_msg *msg)
{
	struct virtnet_pair *p = container_of(msg, struct virtnet_pair, order);

	virtnet_leave(p);
	flag_set(&p->ordered, false);
	virtnet_call(p);
}

static void enter_rcv(struct net_cpu *cpu, struct inbox_msg *msg)
{
	struct virtnet_pair *p = container_of(msg, struct virtnet_pair, order);

	virtnet_enter(p);
	flag_set(&p->ordered, false);
}

/* A pair whose last order is not carried out yet, or whose CPU's inbox is full, gets it at the next look. */
static void order(struct virtnet *vn, struct virtnet_pair *p, void (*fn)(struct net_cpu *, struct inbox_msg *))
{
	if (virtnet_is_ordered(p))
		return;
	p->order.fn = fn;
	flag_set(&p->ordered, true);
	if (inbox_post(vn->pairs[0].cpu, p->cpu, &p->order))
		return;
	flag_set(&p->ordered, false);
	virtnet_call(&vn->pairs[0]);
}

/* Before the other CPUs run there is nobody to give orders to: boot does all. */
static bool is_ours(const struct virtnet *vn, const struct virtnet_pair *p)
{
	return p->cpu == vn->pairs[0].cpu || !vn->open;
}

bool virtnet_leave_all(struct virtnet *vn)
{
	bool all = true;

	for (unsigned i = 0; i < vn->nr_pairs; i++) {
		struct virtnet_pair *p = &vn->pairs[i];

		if (is_ours(vn, p)) {
			virtnet_leave(p);
		} else if (!__atomic_load_n(&p->left, __ATOMIC_ACQUIRE)) {
			order(vn, p, leave_rcv);
			all = false;
		}
	}
	return all;
}

void virtnet_enter_all(struct virtnet *vn)
{
	for (unsigned i = 0; i < vn->nr_pairs; i++) {
		struct virtnet_pair *p = &vn->pairs[i];

		if (is_ours(vn, p))
			virtnet_enter(p);
		else
			order(vn, p, enter_rcv);
	}
}
