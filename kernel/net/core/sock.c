/* SPDX-License-Identifier: MIT
 * sock.c - what all endpoints have in common.
 */
#include "net/core/sock.h"

void sock_init(struct sock *sk, struct net_cpu *cpu, const struct proto *prot, u16 family)
{
	memset(sk, 0, sizeof(*sk));
	sk->cpu = cpu;
	sk->prot = prot;
	sk->family = (u8)family;
	sk->type = prot->type;
	sk->protocol = prot->protocol;
	sk->state = TCP_CLOSE;
	sk->rcvbuf = (u32)cpu->sysctl.rmem_default;
	sk->sndbuf = (u32)cpu->sysctl.wmem_default;
}
