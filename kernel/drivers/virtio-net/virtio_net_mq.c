/* SPDX-License-Identifier: MIT
 * virtio_net_mq.c - several pairs of queues, one per CPU (virtio 1.2, 5.1.6.5.5 and 5.1.6.5.7; FEATURES RX11, TX13).
 *
 * The first pair's CPU tends the device; the others' are asked by message to leave their rings before a reset, and to enter
 * them after it. With RSS the device hashes as the stack does (core/steer.h), so a frame comes to its flow's owner at once;
 * without it each back end has a rule of its own (a tap follows the flow's last transmission), and software puts right what
 * comes to another CPU. The hash report is not asked for: it would cost eight bytes a frame and tells nothing new.
 * The control queue has no interrupt: a command is waited for, at boot and after a reset only.
 */
#include "drivers/virtio-net/virtio_net_impl.h"

#include "arch/x86_64/io.h"
#include "arch/x86_64/paging.h"
#include "lib/errno.h"
#include "net/core/steer.h"
#include "platform.h"

#define COMMAND_NS   (100 * NSEC_PER_MSEC)
#define TELL_NS      (1 * NSEC_PER_MSEC) /* a full inbox is tried again */
#define HASH_NEEDED  (VIRTIO_NET_HASH_IPV4 | VIRTIO_NET_HASH_TCPV4)
#define HASH_WANTED  (HASH_NEEDED | VIRTIO_NET_HASH_UDPV4 | VIRTIO_NET_HASH_IPV6 | VIRTIO_NET_HASH_TCPV6 | VIRTIO_NET_HASH_UDPV6)
#define MQ_FEATURES  (VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_MQ | VIRTIO_NET_F_RSS)

_Static_assert(STEER_SLOTS == VIRTIO_NET_RSS_SLOTS && STEER_KEY_BYTES == VIRTIO_NET_RSS_KEY, "the device takes what the stack has");

/* ---- how many ---- */

static bool device_hashes(struct virtnet *vn, struct virtio_net_rss_limits *l)
{
	vn->vdev->ops->config_read(vn->vdev, VIRTIO_NET_CFG_RSS, l, sizeof(*l));
	return l->key_bytes >= STEER_KEY_BYTES && l->table_entries >= STEER_SLOTS && (l->hash_types & HASH_NEEDED) == HASH_NEEDED;
}

void virtnet_one_pair(struct virtnet *vn)
{
	vn->nr_pairs = 1;
	vn->features &= ~MQ_FEATURES;
}

void virtnet_choose_pairs(struct virtnet *vn, const struct net *net)
{
	unsigned vectors = vn->vdev->ops->nr_vectors(vn->vdev);
	struct virtio_net_rss_limits limits;
	u16 offered = 1;

	if ((vn->features & (VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_MQ)) == (VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_MQ))
		vn->vdev->ops->config_read(vn->vdev, VIRTIO_NET_CFG_PAIRS, &offered, sizeof(offered));
	if (offered > VIRTIO_NET_MAX_PAIRS)
		offered = 1;
	vn->max_pairs = offered;
	vn->nr_pairs = MIN((unsigned)offered, net->nr_cpus);
	vn->nr_pairs = MIN(vn->nr_pairs, vectors ? (vectors - 1) / 2 : 1);
	if (net->steer->mode != STEER_RSS)
		vn->nr_pairs = 1;
	if (vn->nr_pairs <= 1) {
		virtnet_one_pair(vn);
	} else if (vn->features & VIRTIO_NET_F_RSS && !device_hashes(vn, &limits)) {
		vn->features &= ~VIRTIO_NET_F_RSS;
	}
}

/* ---- the control queue ---- */

/* 5.1.6.5: 0, -EINVAL (refused), -EIO (no answer). */
static int command(struct virtnet *vn, u8 cmd, u32 data_len)
{
	u64 until = clock_ns() + COMMAND_NS;

	vn->command.class = VIRTIO_NET_CTRL_MQ;
	vn->command.command = cmd;
	vn->ack = (u8)~VIRTIO_NET_OK;
	virtqueue_add_command(&vn->ctrl, virt_to_phys(&vn->command), 2 + data_len, virt_to_phys(&vn->ack), sizeof(vn->ack), vn);
	virtqueue_kick(&vn->ctrl, true);
	while (!virtqueue_get(&vn->ctrl).token) {
		if (vn->ctrl.lie) {
			vn->dev.rx[0].lies++;
			return -EIO;
		}
		if (clock_ns() > until)
			return -EIO;
		cpu_relax();
	}
	return READ_ONCE(vn->ack) == VIRTIO_NET_OK ? 0 : -EINVAL;
}

static int configure_rss(struct virtnet *vn)
{
	const struct steer *s = vn->dev.net->steer;
	struct virtio_net_rss_config *c = &vn->command.rss;
	struct virtio_net_rss_limits limits;

	device_hashes(vn, &limits);
	*c = (struct virtio_net_rss_config){
		.hash_types = limits.hash_types & HASH_WANTED,
		.table_mask = STEER_SLOTS - 1,
		.max_tx_vq = (u16)vn->nr_pairs,
		.key_bytes = STEER_KEY_BYTES,
	};
	for (unsigned i = 0; i < STEER_SLOTS; i++)
		c->table[i] = (u16)(s->cpu[i] % vn->nr_pairs);
	steer_key(s, c->key);
	return command(vn, VIRTIO_NET_CTRL_MQ_RSS_CONFIG, sizeof(*c));
}

void virtnet_mq_start(struct virtnet *vn)
{
	int err;

	if (vn->nr_pairs == 1)
		return;
	err = vn->features & VIRTIO_NET_F_RSS ? configure_rss(vn) : -EINVAL;
	if (err == -EINVAL) { /* not after silence: the device may yet read that command, and its answer would be taken for this one's */
		vn->command.pairs = (u16)vn->nr_pairs;
		err = command(vn, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, sizeof(vn->command.pairs));
	}
	if (!err)
		return;
	log_warn("%s: the device does not use %u pairs of queues (%s): one is used", vn->dev.name, vn->nr_pairs, errno_name(err));
	WRITE_ONCE(vn->dev.real_num_tx_queues, 1);
}

/* ---- from CPU to CPU ---- */

static inline void flag_set(bool *flag, bool v)
{
	__atomic_store_n(flag, v, __ATOMIC_RELEASE);
}

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
