/* SPDX-License-Identifier: MIT
 * file.c - descriptors: small numbers for files, one table per CPU, the lowest free number first (as POSIX has it).
 *
 * Runs in base context with softirq held off, but for file_get(), which only reads what base context writes.
 */
#include "net/socket/socket_impl.h"
#include "lib/string.h"

struct file *file_get(struct net_cpu *cpu, int fd)
{
	return file_lookup(cpu, fd);
}

/* The lowest free number, -1 when there is none. */
static __noinline int fd_search(const struct socket_cpu *sc)
{
	for (unsigned i = 0; i < ARRAY_SIZE(sc->roomy); i++) {
		unsigned chunk;

		if (!sc->roomy[i])
			continue;
		chunk = i * 64 + (unsigned)__builtin_ctzll(sc->roomy[i]);
		for (unsigned w = 0; w < FD_CHUNK / 64; w++)
			if (sc->free[chunk][w])
				return (int)(chunk * FD_CHUNK + w * 64 +
					     (unsigned)__builtin_ctzll(sc->free[chunk][w]));
	}
	return -1;
}

/* The same; where few are open it is among the first 64. */
static inline int fd_lowest(const struct socket_cpu *sc)
{
	return likely(sc->free[0][0]) ? __builtin_ctzll(sc->free[0][0]) : fd_search(sc);
}

/* The last of a word was taken: is there none in its chunk? */
static __noinline void fd_word_is_full(struct socket_cpu *sc, unsigned chunk)
{
	u64 left = 0;

	for (unsigned w = 0; w < FD_CHUNK / 64; w++)
		left |= sc->free[chunk][w];
	if (!left)
		sc->roomy[chunk / 64] &= ~(1ull << chunk % 64);
}

static inline void fd_mark_used(struct socket_cpu *sc, unsigned fd)
{
	unsigned chunk = fd >> FD_CHUNK_SHIFT, bit = fd & (FD_CHUNK - 1);

	if (unlikely(!(sc->free[chunk][bit / 64] &= ~(1ull << bit % 64))))
		fd_word_is_full(sc, chunk);
	sc->nr_open++;
	sc->peak_open = MAX(sc->peak_open, sc->nr_open);
}

static __noinline bool fd_chunk_make(struct fd_chunk **c)
{
	*c = pages_alloc(0);
	if (*c)
		memset(*c, 0, sizeof(**c));
	return *c != NULL;
}

static void fd_release(struct socket_cpu *sc, unsigned fd)
{
	unsigned chunk = fd >> FD_CHUNK_SHIFT, bit = fd & (FD_CHUNK - 1);

	sc->chunks[chunk]->file[bit] = NULL;
	sc->free[chunk][bit / 64] |= 1ull << bit % 64;
	sc->roomy[chunk / 64] |= 1ull << chunk % 64;
	sc->nr_open--;
}

int fd_install(struct net_cpu *cpu, struct file *f)
{
	struct socket_cpu *sc = cpu->socket;
	int fd = fd_lowest(sc);
	struct fd_chunk **c;

	if (unlikely(fd < 0 || fd >= cpu->sysctl.file_max)) {
		sc->emfile++;
		return -EMFILE;
	}
	c = &sc->chunks[(u32)fd >> FD_CHUNK_SHIFT];
	if (unlikely(!*c) && !fd_chunk_make(c))
		return -ENOMEM;
	fd_mark_used(sc, (u32)fd);
	(*c)->file[(u32)fd & (FD_CHUNK - 1)] = f;
	f->fd = fd;
	file_hold(f);
	return fd;
}

void file_init(struct file *f, struct net_cpu *cpu, const struct file_ops *ops, void *priv)
{
	f->ops = ops;
	f->cpu = cpu;
	f->priv = priv;
	f->fd = -1;
	f->refs = 0;
	f->nonblock = f->lingers = f->connecting = false;
	f->zerocopy_id = 0;
	list_init(&f->epitems);
}

void file_put(struct file *f)
{
	BUG_ON(!f->refs);
	if (!--f->refs)
		f->ops->free(f);
}

/* The number is free and the endpoint closed when this returns; the object goes with its last sleeper. */
static void file_close(struct net_cpu *cpu, struct file *f)
{
	struct wait_queue *q = f->ops->wait(f);

	fd_release(cpu->socket, (u32)f->fd);
	f->fd = -1;
	epoll_forget(f);
	f->ops->release(f);
	wait_queue_wake(q, EPOLLIN | EPOLLOUT | EPOLLHUP);
	file_put(f);
}

/* SO_LINGER: closing waits for what is queued. NULL: somebody else closed it meanwhile. */
static __noinline struct file *file_linger(struct file *f)
{
	bool closed;

	file_hold(f);
	f->ops->linger(f);
	closed = f->fd < 0;
	file_put(f);
	return closed ? NULL : f;
}

int sys_close(struct net_cpu *cpu, int fd)
{
	struct file *f;

	bh_disable(cpu);
	f = file_lookup(cpu, fd);
	if (f && unlikely(f->lingers))
		f = file_linger(f);
	if (f)
		file_close(cpu, f);
	bh_enable(cpu);
	return f ? 0 : -EBADF;
}

int sys_fcntl_nonblock(struct net_cpu *cpu, int fd, bool on)
{
	struct file *f = file_lookup(cpu, fd);

	if (!f)
		return -EBADF;
	f->nonblock = on;
	return 0;
}

static const struct {
	const char *name;
	size_t size, align;
} caches[NR_FILE_CACHES] = {
	[CACHE_SOCKET] = { "socket_file", sizeof(struct socket_file), 16 }, /* with a TCB, idle: 1 KiB */
	[CACHE_EPOLL] = { "epoll", sizeof(struct epoll), CACHE_LINE },
	[CACHE_EPITEM] = { "epitem", sizeof(struct epitem), 8 },
	[CACHE_AIO] = { "aio", sizeof(struct aio), CACHE_LINE },
	[CACHE_AIO_OP] = { "aio_op", sizeof(struct aio_op), 8 },
};

int socket_cpu_init(struct net_cpu *cpu)
{
	struct socket_cpu *sc = kzalloc(sizeof(*sc));

	if (!sc)
		return -ENOMEM;
	memset(sc->roomy, 0xff, sizeof(sc->roomy));
	memset(sc->free, 0xff, sizeof(sc->free));
	cpu->socket = sc;
	for (unsigned i = 0; i < NR_FILE_CACHES; i++) {
		sc->cache[i] = kmem_cache_create(caches[i].name, caches[i].size, caches[i].align);
		if (!sc->cache[i]) {
			socket_cpu_destroy(cpu);
			return -ENOMEM;
		}
	}
	return 0;
}

/* Ends every file, or all but sockets. Who sleeps on one will not wake any more, so those references are void. */
static void close_all(struct net_cpu *cpu, bool sockets_too)
{
	for (unsigned fd = 0; cpu->socket->nr_open && fd < FD_CHUNKS * FD_CHUNK; fd++) {
		struct file *f = file_lookup(cpu, (int)fd);

		if (!f || (f->ops == &socket_file_ops && !sockets_too))
			continue;
		f->refs = 1;
		sys_close(cpu, (int)fd);
	}
}

void socket_cpu_destroy(struct net_cpu *cpu)
{
	struct socket_cpu *sc = cpu->socket;

	if (!sc)
		return;
	close_all(cpu, false); /* completions give their sockets back */
	close_all(cpu, true);
	for (unsigned i = 0; i < FD_CHUNKS; i++)
		if (sc->chunks[i])
			pages_free(sc->chunks[i], 0);
	for (unsigned i = 0; i < NR_FILE_CACHES; i++)
		kmem_cache_destroy(sc->cache[i]);
	cpu->socket = NULL;
	kfree(sc);
}
