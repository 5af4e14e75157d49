/* SPDX-License-Identifier: MIT
 * aio.c - completions: operations are handed in with a word of the caller's, and their results are reaped in batches.
 *
 * An operation hangs in its file's wait queue; a wake puts it on the queue's ready list. It is carried out when the
 * application reaps, in base context, straight into the caller's array: no result is stored, so none can be lost and
 * no buffer is touched behind the application's back.
 */
#include "net/socket/socket_impl.h"
#include "lib/string.h"

static const u32 op_events[] = {
	[AIO_RECV] = EPOLLIN | EPOLLRDHUP,
	[AIO_SEND] = EPOLLOUT,
	[AIO_RECV_SKB] = EPOLLIN | EPOLLRDHUP,
	[AIO_SEND_SKB] = EPOLLOUT,
	[AIO_ACCEPT] = EPOLLIN,
	[AIO_POLL] = 0, /* those it asks for */
};

static const struct file_ops aio_file_ops;

static inline void op_ready(struct aio_op *op)
{
	bool first;

	if (op->queued)
		return;
	op->queued = true;
	first = list_empty(&op->aio->ready);
	list_add_tail(&op->ready, &op->aio->ready);
	if (first) /* whoever waits was woken by it, or looks before it sleeps */
		wait_queue_wake(&op->aio->wait, EPOLLIN);
}

static void op_wake(struct wait_entry *entry, u32 events)
{
	struct aio_op *op = container_of(entry, struct aio_op, entry);
	if (events & op->events)
		op_ready(op);
}

static void op_free(struct aio_op *op)
{
	struct file *f = op->file;

	list_del(&op->entry.link);
	list_del(&op->ready);
	list_del(&op->all);
	kmem_cache_free(f->cpu->socket->cache[CACHE_AIO_OP], op);
	file_put(f);
}

/* It ends without a completion, and with it what it was to send. */
static void op_cancel(struct aio_op *op)
{
	if (op->sqe.op == AIO_SEND_SKB)
		consume_skb(op->file->cpu, op->sqe.skb);
	op_free(op);
}

/* ---- the operations ---- */
static long op_recv_skb(struct socket *s, struct aio_cqe *cqe)
{
	int err = 0;

	cqe->skb = s->sk->prot->recv_skb(s->sk, &err);
	return cqe->skb ? (long)cqe->skb->len : err;
}

static long op_send_skb(struct socket *s, const struct aio_sqe *sqe, struct aio_cqe *cqe)
{
	unsigned len = sqe->skb->len;
	int err = s->sk->prot->send_skb(s->sk, sqe->skb, 0);

	if (err)
		cqe->skb = sqe->skb;
	return err ?: (long)len;
}

static long op_transfer(struct socket *s, const struct aio_sqe *sqe)
{
	struct iovec iov = { sqe->buf, sqe->len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	return sqe->op == AIO_SEND ? s->sk->prot->sendmsg(s->sk, &m, MSG_DONTWAIT)
				   : s->sk->prot->recvmsg(s->sk, &m, MSG_DONTWAIT);
}

static long op_accept(struct net_cpu *cpu, struct socket *s)
{
	int fd = -EOPNOTSUPP;

	if (s->sk->prot->accept)
		socket_accept(cpu, s, SOCK_NONBLOCK, &fd);
	return fd;
}

/* Tries the operation once; -EAGAIN: it waits on. */
static long op_try(struct aio_op *op, struct aio_cqe *cqe)
{
	struct socket *s = op->file->priv;
	u32 events;

	cqe->skb = NULL;
	if (unlikely(!file_is_open(op->file))) {
		cqe->skb = op->sqe.op == AIO_SEND_SKB ? op->sqe.skb : NULL;
		return -EBADF;
	}
	switch ((enum aio_opcode)op->sqe.op) {
	case AIO_RECV_SKB:
		return op_recv_skb(s, cqe);
	case AIO_SEND_SKB:
		return op_send_skb(s, &op->sqe, cqe);
	case AIO_RECV:
	case AIO_SEND:
		return op_transfer(s, &op->sqe);
	case AIO_ACCEPT:
		return op_accept(op->file->cpu, s);
	case AIO_POLL:
		events = op->file->ops->poll(op->file) & (op->sqe.len | EPOLLERR | EPOLLHUP);
		return events ? (long)events : -EAGAIN;
	}
	return -EINVAL;
}

static inline struct aio_cqe skb_cqe(const struct aio_op *op, struct sk_buff *skb)
{
	return (struct aio_cqe){ .data = op->sqe.data, .res = skb->len, .skb = skb, .op = AIO_RECV_SKB, .more = true };
}

/* Behind the first of several: all that wait, max at most. */
static __noinline int op_run_on(struct aio_op *op, struct aio_cqe *cqe, int max, struct sk_buff *skb, int err)
{
	struct sock *sk = ((struct socket *)op->file->priv)->sk;
	int n = 0;

	for (;;) {
		if (!skb && err != -EAGAIN) {
			cqe[n++] = (struct aio_cqe){ .data = op->sqe.data, .res = err, .op = AIO_RECV_SKB };
			op_free(op);
			return n;
		}
		if (skb)
			cqe[n++] = skb_cqe(op, skb);
		if (err == -EAGAIN || n == max)
			break;
		skb = sk->prot->recv_skb(sk, &err);
	}
	op->queued = false;
	if (err != -EAGAIN)
		op_ready(op);
	return n;
}

/* Of a multishot operation that asked for skbs: all that wait, since it is woken once for all of them; most often that is one.
 * An skb with -EAGAIN was the last there is; what comes later is a wake of its own. -1: another operation, or its file is
 * closed. */
static inline int op_run(struct aio_op *op, struct aio_cqe *cqe, int max)
{
	struct socket *s = op->file->priv;
	struct sk_buff *skb;
	int err = 0;

	if (unlikely(op->sqe.op != AIO_RECV_SKB || !(op->sqe.flags & AIO_MULTISHOT) || !file_is_open(op->file)))
		return -1;
	skb = s->sk->prot->recv_skb(s->sk, &err);
	if (unlikely(!skb || err != -EAGAIN))
		return op_run_on(op, cqe, max, skb, err);
	*cqe = skb_cqe(op, skb);
	op->queued = false;
	return 1;
}

/* What op has to tell now, at most max completions. */
static inline int op_complete(struct aio_op *op, struct aio_cqe *cqe, int max)
{
	int n = op_run(op, cqe, max);

	if (likely(n >= 0))
		return n;
	op->queued = false;
	cqe->res = op_try(op, cqe);
	if (cqe->res == -EAGAIN)
		return 0;
	cqe->data = op->sqe.data;
	cqe->op = op->sqe.op;
	cqe->more = op->sqe.flags & AIO_MULTISHOT && cqe->res >= 0;
	if (!cqe->more)
		op_free(op);
	else if (op->sqe.op != AIO_POLL) /* its edge is told; what else holds now needs another wake */
		op_ready(op);
	return 1;
}

/* Carries out what is ready, into the caller's array. */
static int aio_collect(struct aio *a, struct aio_cqe *cqe, int max)
{
	int n = 0;

	while (n < max && !list_empty(&a->ready)) {
		struct aio_op *op = list_first(&a->ready, struct aio_op, ready);

		list_del(&op->ready);
		n += op_complete(op, cqe + n, max - n);
	}
	return n;
}

/* ---- the queue as a file ---- */
static u32 aio_poll(struct file *f)
{
	return list_empty(&((struct aio *)f->priv)->ready) ? 0 : EPOLLIN;
}
static struct wait_queue *aio_wait_queue(struct file *f)
{
	return &((struct aio *)f->priv)->wait;
}
static void aio_release(struct file *f)
{
	struct aio *a = f->priv;

	while (!list_empty(&a->ops))
		op_cancel(list_first(&a->ops, struct aio_op, all));
}
static void aio_free(struct file *f)
{
	kmem_cache_free(f->cpu->socket->cache[CACHE_AIO], f->priv);
}
static long aio_no_read(struct file *f, struct iovec *iov, size_t n, int flags)
{
	return -EINVAL;
}
static long aio_no_write(struct file *f, const struct iovec *iov, size_t n, int flags)
{
	return -EINVAL;
}

static const struct file_ops aio_file_ops = {
	.name = "aio",
	.read = aio_no_read,
	.write = aio_no_write,
	.poll = aio_poll,
	.wait = aio_wait_queue,
	.release = aio_release,
	.free = aio_free,
};

static struct aio *aio_lookup(struct net_cpu *cpu, int fd, int *err)
{
	struct file *f = file_lookup(cpu, fd);

	if (likely(f && f->ops == &aio_file_ops))
		return f->priv;
	*err = f ? -EINVAL : -EBADF;
	return NULL;
}

int sys_aio_create(struct net_cpu *cpu)
{
	struct kmem_cache *cache = cpu->socket->cache[CACHE_AIO];
	struct aio *a;
	int fd = -ENOMEM;

	bh_disable(cpu);
	a = kmem_cache_alloc(cache);
	if (a) {
		file_init(&a->file, cpu, &aio_file_ops, a);
		wait_queue_init(&a->wait);
		list_init(&a->ready);
		list_init(&a->ops);
		fd = fd_install(cpu, &a->file);
		if (fd < 0)
			kmem_cache_free(cache, a);
	}
	bh_enable(cpu);
	return fd;
}

static int op_submit(struct net_cpu *cpu, struct aio *a, const struct aio_sqe *sqe)
{
	struct file *f = file_lookup(cpu, sqe->fd);
	struct aio_op *op;

	if (!f)
		return -EBADF;
	if (sqe->op >= ARRAY_SIZE(op_events) || f == &a->file)
		return -EINVAL;
	if (f->ops != &socket_file_ops && sqe->op != AIO_POLL)
		return -ENOTSOCK;
	op = kmem_cache_alloc(cpu->socket->cache[CACHE_AIO_OP]);
	if (!op)
		return -ENOMEM;
	op->entry.fn = op_wake;
	op->aio = a;
	op->file = f;
	op->sqe = *sqe;
	op->events = (sqe->op == AIO_POLL ? sqe->len : op_events[sqe->op]) | EPOLLERR | EPOLLHUP;
	op->queued = false;
	list_init(&op->ready);
	file_hold(f);
	list_add_tail(&op->entry.link, &f->ops->wait(f)->entries);
	list_add_tail(&op->all, &a->ops);
	op_ready(op); /* tried at the next reaping, it may be possible at once */
	return 0;
}

int sys_aio_submit(struct net_cpu *cpu, int aiofd, const struct aio_sqe *sqe, unsigned n)
{
	unsigned taken = 0;
	struct aio *a;
	int err = 0;

	bh_disable(cpu);
	a = aio_lookup(cpu, aiofd, &err);
	while (a && !err && taken < n) {
		err = op_submit(cpu, a, &sqe[taken]);
		taken += !err;
	}
	bh_enable(cpu);
	return taken ? (int)taken : err;
}

int sys_aio_cancel(struct net_cpu *cpu, int aiofd, int fd)
{
	struct wait_entry *w, *next;
	struct file *f;
	struct aio *a;
	int err = 0, n = 0;

	bh_disable(cpu);
	a = aio_lookup(cpu, aiofd, &err);
	f = file_lookup(cpu, fd);
	if (!f)
		err = -EBADF;
	if (!err)
		list_for_each_entry_safe(w, next, &f->ops->wait(f)->entries, link) {
			struct aio_op *op = container_of(w, struct aio_op, entry);

			if (w->fn != op_wake || op->aio != a)
				continue;
			op_cancel(op);
			n++;
		}
	bh_enable(cpu);
	return err ?: n;
}

static int aio_sleep(struct aio *a, u64 deadline)
{
	int err;

	busy_poll(a->file.cpu, (u64)a->file.cpu->sysctl.busy_poll);
	file_hold(&a->file);
	err = wait_event_until(a->file.cpu, &a->wait, EPOLLIN | EPOLLHUP, deadline, "aio");
	if (!file_is_open(&a->file))
		err = -EBADF;
	file_put(&a->file);
	return err;
}

int sys_aio_wait(struct net_cpu *cpu, int aiofd, struct aio_cqe *cqe, int max, s64 timeout_ns)
{
	u64 deadline = deadline_after(cpu, timeout_ns < 0 ? TIME_NEVER : (u64)timeout_ns);
	struct aio *a;
	int n = 0, err = 0;

	if (max <= 0)
		return -EINVAL;
	bh_disable(cpu);
	a = aio_lookup(cpu, aiofd, &err);
	while (!err) {
		n = aio_collect(a, cqe, max);
		if (n || !timeout_ns)
			break;
		err = aio_sleep(a, deadline);
	}
	bh_enable(cpu);
	return err == -EBADF || err == -EINVAL ? err : n;
}
