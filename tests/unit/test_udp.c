/* SPDX-License-Identifier: MIT
 * test_udp.c - UDP: lengths and sums, who gets a datagram, names and ports, buffers, zero copy (RFC
 * 768, RFC 1122 4.1, RFC 6056).
 */
#include "unit/ipkit.h"

static char buf[66000];

static int bind_to(struct sock *sk, const char *a, u16 port)
{
	struct sockaddr_ip name = { .family = AF_INET, .port = port, .addr = addr(a) };

	return udp_prot.bind(sk, &name);
}

static int connect_to(struct sock *sk, const char *a, u16 port)
{
	struct sockaddr_ip name = { .family = AF_INET, .port = port, .addr = addr(a) };

	return udp_prot.connect(sk, &name);
}

TEST(a_datagram_sent_is_right_in_every_field)
{
	REQ("768 checksum/pseudo", "1122 4.1.3.4/able", "1122 4.1.3.4/default",
	    "8085 3.4/checksum");
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 50);
	struct udp_info udp;
	struct ipv4_info ip;
	struct pkt p;

	CHECK_EQ(kit_send(&k, sk, "10.0.0.2", 60, "hello", 5), 5);
	REQUIRE(kit_sent(&k, &p) && ip_read(&p, &ip));
	REQUIRE(udp_parse(p.b + 20, 8, p.len - 20, &udp));
	/* 1122§4.1.3.4: default is to checksum */
	CHECK(udp.sport == 50 && udp.dport == 60 && udp.len == 13 && udp.summed);
	CHECK(csum_ok(csum_partial(p.b + 20, 13, csum_tcpudp_nofold(ip.saddr, ip.daddr, 13, 17))));
	CHECK_MEM(p.b + 28, "hello", 5);
	CHECK_EQ(sk->wmem_alloc, 0);
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(a_sum_of_zero_is_sent_as_ffff) /* 768 */
{
	REQ("768 checksum/ffff");
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 50);
	struct pkt p;
	unsigned ffff = 0;

	for (u32 v = 0; v < 65536; v++) {
		u8 data[2] = { (u8)(v >> 8), (u8)v };

		kit_send(&k, sk, "10.0.0.2", 60, data, 2);
		REQUIRE(kit_sent(&k, &p));
		CHECK(p.b[26] | p.b[27]);
		ffff += p.b[26] == 0xff && p.b[27] == 0xff;
	}
	CHECK_EQ(ffff, 1); /* exactly one payload sums to it */
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(no_checksum_is_taken_a_wrong_one_is_not) /* 768, 1122§4.1.3.4: silently discard bad checksum */
{
	REQ("768 checksum/none", "1122 4.1.3.4/discard", "1122 4.1.3.4/able");
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 7);
	u8 d[16];
	unsigned n = udp_build(d, "10.0.0.2", "10.0.0.1", 9, 7, "abcde", 5);

	for (unsigned i = 0; i < n; i++) {
		if (i == 4 || i == 5)
			continue; /* the length: another test */
		d[i] ^= 0x40;
		INJECT(&k, .data = d, .len = n);
		d[i] ^= 0x40;
	}
	CHECK_EQ(drops(&k, DROP_UDP_CSUM), n - 2);
	CHECK_EQ(stat(&k, STAT_UdpInCsumErrors), n - 2);
	EXPECT_NOTHING_SENT(&k);
	d[6] = d[7] = 0;
	INJECT(&k, .data = d, .len = n);
	CHECK_EQ(kit_recv(sk, buf, 16, NULL), 5);
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(impossible_lengths_are_dropped) /* 768 */
{
	REQ("768 length");
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 7);
	struct udp_hdr h = { be16_of(9), be16_of(7), { 0 }, { 0 } };
	u8 d[64];

	for (unsigned len = 0; len < 8; len++)
		INJECT(&k, .len = len);
	CHECK_EQ(drops(&k, DROP_UDP_HDR), 8);
	for (unsigned len = 0; len < 65536; len += len < 40 ? 1 : 4999) {
		memset(d, 0, sizeof(d));
		h.len = be16_of((u16)len);
		memcpy(d, &h, 8);
		INJECT(&k, .data = d, .len = 24);
		CHECK_EQ(kit_recv(sk, buf, 64, NULL),
			 len >= 8 && len <= 24 ? (long)len - 8 : -EAGAIN);
	}
	CHECK_EQ(stat(&k, STAT_UdpInErrors), drops(&k, DROP_UDP_HDR));
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(the_most_specific_sock_gets_it)
{
	REQ("1122 4.1.3.5/specify", "1122 4.1.3.5/wild", "1122 3.3.4.2/choose");
	struct kit k = kit_open(LAB_RAW);
	struct sock *any = udp_sock_create(k.cpu), *here = udp_sock_create(k.cpu),
		    *pair = udp_sock_create(k.cpu);

	any->reuseaddr = here->reuseaddr = pair->reuseaddr = true;
	lab_addr(k.dev, "10.0.0.10/24");
	REQUIRE(!bind_to(any, "0.0.0.0", 7) && !bind_to(here, "10.0.0.1", 7) &&
		!bind_to(pair, "10.0.0.1", 7));
	REQUIRE(!connect_to(pair, "10.0.0.2", 9));
	kit_udp(&k, "10.0.0.2", "10.0.0.1", 9, 7, "pair", 4);
	kit_udp(&k, "10.0.0.2", "10.0.0.1", 10, 7, "here", 4);
	kit_udp(&k, "10.0.0.2", "10.0.0.10", 9, 7, "any!", 4);
	CHECK_EQ(kit_recv(pair, buf, 9, NULL), 4);
	CHECK_MEM(buf, "pair", 4);
	CHECK_EQ(kit_recv(here, buf, 9, NULL), 4);
	CHECK_MEM(buf, "here", 4);
	CHECK_EQ(kit_recv(any, buf, 9, NULL), 4);
	CHECK_MEM(buf, "any!", 4);
	CHECK_EQ(kit_recv(pair, buf, 9, NULL) + kit_recv(here, buf, 9, NULL) +
			 kit_recv(any, buf, 9, NULL),
		 3 * -EAGAIN);
	udp_prot.close(any);
	udp_prot.close(here);
	udp_prot.close(pair);
	kit_close(&k);
}

TEST(a_connected_sock_hears_its_peer_only)
{
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 7);

	REQUIRE(!connect_to(sk, "10.0.0.2", 9));
	kit_udp(&k, "10.0.0.3", "10.0.0.1", 9, 7, "x", 1);
	CHECK_EQ(drops(&k, DROP_NO_SOCKET), 1);
	expect_icmp(&k, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, NULL); /* 1122§4.1.3.1 */
	CHECK_EQ(udp_prot.disconnect(sk), 0);
	kit_udp(&k, "10.0.0.3", "10.0.0.1", 9, 7, "x", 1);
	CHECK_EQ(kit_recv(sk, buf, 9, NULL), 1);
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(reuseport_spreads_flows_and_keeps_each_together)
{
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk[4];
	unsigned got[4] = { 0 };

	for (unsigned i = 0; i < 4; i++) {
		sk[i] = udp_sock_create(k.cpu);
		sk[i]->reuseport = true;
		REQUIRE(!bind_to(sk[i], "0.0.0.0", 7));
	}
	for (u16 port = 1000; port < 1400; port++) {
		unsigned first = 9;

		for (unsigned twice = 0; twice < 2; twice++) {
			kit_udp(&k, "10.0.0.2", "10.0.0.1", port, 7, "x", 1);
			for (unsigned i = 0; i < 4; i++)
				if (kit_recv(sk[i], buf, 9, NULL) == 1) {
					CHECK(!twice || first == i);
					first = i;
					got[i]++;
				}
		}
	}
	CHECK_EQ(got[0] + got[1] + got[2] + got[3], 800);
	for (unsigned i = 0; i < 4; i++) {
		CHECK(got[i] > 140 && got[i] < 260);
		udp_prot.close(sk[i]);
	}
	kit_close(&k);
}

TEST(a_broadcast_reaches_every_sock_that_wants_it)
{
	struct kit k = kit_open(LAB_RAW);
	struct sock *a = udp_sock_create(k.cpu), *b = udp_sock_create(k.cpu),
		    *c = udp_sock_create(k.cpu);

	a->reuseaddr = b->reuseaddr = c->reuseaddr = true;
	REQUIRE(!bind_to(a, "0.0.0.0", 7) && !bind_to(b, "0.0.0.0", 7) &&
		!bind_to(c, "10.0.0.1", 7));
	kit_udp(&k, "10.0.0.2", "10.0.0.255", 9, 7, "all", 3);
	CHECK_EQ(kit_recv(a, buf, 9, NULL), 3);
	CHECK_EQ(kit_recv(b, buf, 9, NULL), 3);
	CHECK_EQ(kit_recv(c, buf, 9, NULL), -EAGAIN);
	kit_udp(&k, "10.0.0.2", "10.0.0.255", 9, 8, "nobody", 6);
	CHECK_EQ(drops(&k, DROP_NO_SOCKET), 1);
	EXPECT_NOTHING_SENT(&k);
	udp_prot.close(a);
	udp_prot.close(b);
	udp_prot.close(c);
	kit_close(&k);
}

TEST(sending_a_broadcast_needs_permission)
{
	REQ("1122 3.3.6/send");
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 7);

	CHECK_EQ(kit_send(&k, sk, "10.0.0.255", 9, "x", 1), -EACCES);
	CHECK_EQ(kit_send(&k, sk, "255.255.255.255", 9, "x", 1), -EACCES);
	CHECK_EQ(connect_to(sk, "10.0.0.255", 9), -EACCES);
	EXPECT_NOTHING_SENT(&k);
	sk->broadcast = true;
	CHECK_EQ(kit_send(&k, sk, "10.0.0.255", 9, "x", 1), 1);
	CHECK_EQ(stat(&k, STAT_IpExtOutBcastPkts), 1);
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(names_are_checked)
{
	REQ("1122 4.1.3.5/specify", "1122 4.1.3.6/send");
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = udp_sock_create(k.cpu), *other = udp_sock_create(k.cpu);

	/* 1122§4.1.3.6: only a valid source */
	CHECK_EQ(bind_to(sk, "10.0.0.9", 7), -EADDRNOTAVAIL);
	CHECK_EQ(bind_to(sk, "10.0.0.1", 7), 0);
	CHECK_EQ(bind_to(sk, "10.0.0.1", 8), -EINVAL);
	CHECK_EQ(bind_to(other, "0.0.0.0", 7), -EADDRINUSE);
	CHECK_EQ(bind_to(other, "127.0.0.1", 7), 0); /* another address */
	CHECK_EQ(connect_to(sk, "10.0.0.2", 0), -EINVAL);
	CHECK_EQ(connect_to(sk, "0.0.0.0", 9), -EINVAL);
	CHECK_EQ(kit_send(&k, sk, NULL, 0, "x", 1), -EDESTADDRREQ);
	CHECK_EQ(kit_send(&k, sk, "10.0.0.2", 0, "x", 1), -EINVAL);
	CHECK_EQ(kit_send(&k, sk, "10.0.0.2", 9, buf, 65508), -EMSGSIZE);
	udp_prot.close(sk);
	udp_prot.close(other);
	kit_close(&k);
}

TEST(an_unbound_sock_gets_a_port_when_it_first_sends) /* 6056 */
{
	REQ("8085 5.1/ports");
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk[40];
	unsigned steps = 0;

	k.cpu->sysctl.local_port_lo = 40000;
	k.cpu->sysctl.local_port_hi = 40039;
	for (unsigned i = 0; i < 40; i++) {
		sk[i] = udp_sock_create(k.cpu);
		CHECK_EQ(kit_send(&k, sk[i], "10.0.0.2", 9, "x", 1), 1);
		CHECK(sk[i]->sport >= 40000 && sk[i]->sport <= 40039);
		for (unsigned j = 0; j < i; j++)
			CHECK(sk[j]->sport != sk[i]->sport);
		steps += i && sk[i]->sport == sk[i - 1]->sport + 1;
	}
	CHECK(steps < 20); /* not one after the other */
	{
		struct sock *late = udp_sock_create(k.cpu);

		/* all are taken */
		CHECK_EQ(kit_send(&k, late, "10.0.0.2", 9, "x", 1), -EADDRINUSE);
		udp_prot.close(late);
	}
	for (unsigned i = 0; i < 40; i++)
		udp_prot.close(sk[i]);
	kit_close(&k);
}

TEST(the_receive_buffer_is_bounded_and_counts)
{
	REQ("8085 3.1/drops");
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 7);
	unsigned taken = 0;

	sk->rcvbuf = 20000;
	for (unsigned i = 0; i < 50; i++)
		kit_udp(&k, "10.0.0.2", "10.0.0.1", 9, 7, "x", 1);
	CHECK(sk->rmem_alloc <= 20000);
	CHECK_EQ(stat(&k, STAT_UdpRcvbufErrors), drops(&k, DROP_SOCKET_RCVBUFF));
	while (kit_recv(sk, buf, 9, NULL) == 1)
		taken++;
	CHECK_EQ(taken + drops(&k, DROP_SOCKET_RCVBUFF), 50);
	CHECK_EQ(sk->rmem_alloc, 0);
	sk->rcvbuf = 1; /* one datagram always fits */
	kit_udp(&k, "10.0.0.2", "10.0.0.1", 9, 7, "x", 1);
	CHECK_EQ(kit_recv(sk, buf, 9, NULL), 1);
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(the_send_buffer_fills_when_the_device_stalls_and_wakes_the_writer)
{
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 7);
	unsigned sent = 0;

	sk->sndbuf = 30000;
	lab_dev_stall(k.dev, true);
	while (kit_send(&k, sk, "10.0.0.2", 9, "x", 1) == 1 && sent < 1000)
		sent++;
	CHECK(sent > 3 && sent < 20);
	CHECK_EQ(kit_send(&k, sk, "10.0.0.2", 9, "x", 1), -EAGAIN);
	CHECK(!(udp_prot.poll(sk) & EPOLLOUT));
	lab_dev_stall(k.dev, false);
	kit_run(&k, 3 * NSEC_PER_SEC);
	CHECK(udp_prot.poll(sk) & EPOLLOUT);
	CHECK_EQ(sk->wmem_alloc, 0);
	CHECK_EQ(lab_sent_count(k.dev), sent);
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(a_sock_closed_with_datagrams_on_their_way_ends_with_the_last)
{
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 7);

	lab_dev_stall(k.dev, true);
	for (unsigned i = 0; i < 3; i++)
		kit_send(&k, sk, "10.0.0.2", 9, "x", 1);
	kit_udp(&k, "10.0.0.2", "10.0.0.1", 9, 7, "unread", 6);
	udp_prot.close(sk);
	CHECK_EQ(drops(&k, DROP_SOCKET_CLOSE), 1);
	kit_udp(&k, "10.0.0.2", "10.0.0.1", 9, 7, "late", 4);
	CHECK_EQ(drops(&k, DROP_NO_SOCKET), 1);
	lab_dev_stall(k.dev, false);
	kit_run(&k, 3 * NSEC_PER_SEC);
	CHECK_EQ(lab_sent_count(k.dev), 4); /* and the port unreachable */
	kit_close(&k);
}

TEST(peek_and_trunc_work_as_in_posix)
{
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 7);
	struct iovec iov = { buf, 3 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	kit_udp(&k, "10.0.0.2", "10.0.0.1", 9, 7, "abcdef", 6);
	CHECK_EQ(udp_prot.recvmsg(sk, &m, MSG_PEEK), 3);
	CHECK_EQ(m.msg_flags, MSG_TRUNC);
	CHECK_EQ(udp_prot.recvmsg(sk, &m, MSG_PEEK | MSG_TRUNC), 6);
	CHECK_EQ(udp_prot.recvmsg(sk, &m, 0), 3);
	CHECK_EQ(udp_prot.recvmsg(sk, &m, 0), -EAGAIN); /* the rest is gone */
	kit_udp(&k, "10.0.0.2", "10.0.0.1", 9, 7, "", 0);
	CHECK_EQ(udp_prot.recvmsg(sk, &m, 0), 0);
	CHECK_EQ(m.msg_flags, 0);
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(a_received_skb_goes_back_to_its_sender_without_a_copy)
{
	REQ("1122 3.3.4.2/reply");
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 7);
	struct udp_info udp;
	struct ipv4_info ip;
	struct sk_buff *skb;
	struct pkt p;
	u64 copied;
	int err;

	lab_addr(k.dev, "10.0.0.10/24");
	kit_udp(&k, "10.0.0.2", "10.0.0.10", 4242, 7, "echo me", 7);
	copied = stat(&k, STAT_CopyOutBytes) + stat(&k, STAT_CopyInBytes);
	skb = udp_prot.recv_skb(sk, &err);
	REQUIRE(skb);
	CHECK_EQ(skb->len, 7);
	CHECK_EQ(udp_prot.send_skb(sk, skb, 0), 0);
	kit_settle(&k);
	REQUIRE(kit_sent(&k, &p) && ip_read(&p, &ip));
	REQUIRE(udp_parse(p.b + 20, 8, p.len - 20, &udp));
	CHECK(be32_eq(ip.saddr, v4("10.0.0.10"))); /* 1122§3.3.4.2: from the address it came to */
	CHECK(be32_eq(ip.daddr, v4("10.0.0.2")) && udp.sport == 7 && udp.dport == 4242);
	CHECK(csum_ok(csum_partial(p.b + 20, 15, csum_tcpudp_nofold(ip.saddr, ip.daddr, 15, 17))));
	CHECK_MEM(p.b + 28, "echo me", 7);
	CHECK_EQ(stat(&k, STAT_CopyOutBytes) + stat(&k, STAT_CopyInBytes), copied);
	CHECK(!udp_prot.recv_skb(sk, &err) && err == -EAGAIN);
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(a_shared_skb_is_sent_behind_headers_of_its_own)
{
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 7);
	struct sk_buff *skb, *clone;
	struct pkt p;
	int err;

	kit_udp(&k, "10.0.0.2", "10.0.0.1", 4242, 7, "echo me", 7);
	skb = udp_prot.recv_skb(sk, &err);
	clone = skb_clone(k.cpu, skb);
	clone->ip = skb->ip;
	*udp_cb(clone) = *udp_cb(skb);
	CHECK_EQ(udp_prot.send_skb(sk, clone, 0), 0);
	CHECK_EQ(udp_prot.send_skb(sk, skb, 0), 0);
	kit_settle(&k);
	for (unsigned i = 0; i < 2; i++) {
		REQUIRE(kit_sent(&k, &p));
		CHECK_MEM(p.b + 28, "echo me", 7);
	}
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(large_datagrams_arrive_whole_over_lo)
{
	struct kit k = kit_open(LAB_RAW);
	struct sock *a = kit_sock(&k, 7), *b = kit_sock(&k, 8);
	static char out[65507], in[65507];

	for (unsigned i = 0; i < sizeof(out); i++)
		out[i] = (char)(i * 13 >> 3);
	b->rcvbuf = 1 << 20;
	CHECK_EQ(kit_send(&k, a, "127.0.0.1", 8, out, sizeof(out)), sizeof(out));
	CHECK_EQ(kit_recv(b, in, sizeof(in), NULL), sizeof(in));
	CHECK_MEM(in, out, sizeof(in));
	EXPECT_NOTHING_SENT(&k);
	udp_prot.close(a);
	udp_prot.close(b);
	kit_close(&k);
}

TEST(a_closed_port_of_our_own_refuses_over_lo)
{
	REQ("1122 4.1.3.1");
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 7);

	REQUIRE(!connect_to(sk, "10.0.0.1", 99));
	CHECK_EQ(kit_send(&k, sk, NULL, 0, "x", 1), 1);
	kit_settle(&k);
	CHECK_EQ(kit_recv(sk, buf, 9, NULL), -ECONNREFUSED);
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(shutdown_ends_both_ways)
{
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 7);

	CHECK_EQ(udp_prot.shutdown(sk, SHUT_WR), -ENOTCONN);
	REQUIRE(!connect_to(sk, "10.0.0.2", 9));
	CHECK_EQ(udp_prot.shutdown(sk, SHUT_WR), 0);
	CHECK_EQ(kit_send(&k, sk, NULL, 0, "x", 1), -EPIPE);
	CHECK_EQ(kit_recv(sk, buf, 9, NULL), -EAGAIN);
	CHECK_EQ(udp_prot.shutdown(sk, SHUT_RD), 0);
	CHECK_EQ(kit_recv(sk, buf, 9, NULL), 0);
	CHECK(udp_prot.poll(sk) & EPOLLHUP);
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(options_and_ioctls_say_what_was_set)
{
	REQ("1122 4.1.4/specify", "1122 3.3.3/mms", "8085 3.2/pmtu", "1122 3.2.1.7/zero");
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 7);
	unsigned len = sizeof(int);
	int v;

	CHECK_EQ(udp_prot.setsockopt(sk, SOL_IP, IP_TTL, &(int){ 9 }, len), 0);
	CHECK_EQ(udp_prot.setsockopt(sk, SOL_IP, IP_TTL, &(int){ 0 }, len), -EINVAL);
	CHECK_EQ(udp_prot.setsockopt(sk, SOL_IP, IP_TTL, &(int){ 256 }, len), -EINVAL);
	CHECK_EQ(udp_prot.setsockopt(sk, SOL_IP, IP_TTL, &(int){ 9 }, 0), -EINVAL);
	CHECK_EQ(udp_prot.setsockopt(sk, SOL_IP, 999, &(int){ 0 }, len), -ENOPROTOOPT);
	CHECK_EQ(udp_prot.getsockopt(sk, SOL_IP, IP_TTL, &v, &len), 0);
	CHECK_EQ(v, 9);
	CHECK_EQ(udp_prot.setsockopt(sk, SOL_IP, IP_TTL, &(int){ -1 }, len), 0);
	CHECK_EQ(udp_prot.getsockopt(sk, SOL_IP, IP_TTL, &v, &len), 0);
	CHECK_EQ(v, 64);
	CHECK_EQ(udp_prot.getsockopt(sk, SOL_IP, IP_MTU, &v, &len), -ENOTCONN);
	REQUIRE(!connect_to(sk, "10.0.0.2", 9));
	CHECK_EQ(udp_prot.getsockopt(sk, SOL_IP, IP_MTU, &v, &len), 0);
	CHECK_EQ(v, 1500);
	kit_udp(&k, "10.0.0.2", "10.0.0.1", 9, 7, "12345", 5);
	CHECK_EQ(udp_prot.ioctl(sk, SIOCINQ, &v), 0);
	CHECK_EQ(v, 5);
	CHECK_EQ(udp_prot.ioctl(sk, 1, &v), -EINVAL);
	udp_prot.close(sk);
	kit_close(&k);
}

static long recv_info(struct sock *sk, void *buf, size_t size, struct ip_pktinfo *info)
{
	struct iovec iov = { buf, size };

	return udp_prot.recvmsg(sk, &(struct msghdr){ .msg_iov = &iov, .msg_iovlen = 1, .msg_pktinfo = info }, 0);
}

TEST(a_receiver_learns_which_address_tos_ttl_and_options_a_datagram_had)
{
	REQ("1122 4.1.3.2/pass", "1122 3.2.1.8/pass", "1122 4.1.3.5/spec-dest", "1122 4.1.4/tos", "1122 3.2.1.6/pass");
	static const u8 opts[8] = { 7, 7, 4, 0, 0, 0, 0, 0 };
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 7000);
	struct ip_pktinfo info;
	u8 dgram[64], buf[16];
	unsigned n = udp_build(dgram, "10.0.0.2", "10.0.0.1", 9, 7000, "hello", 5);

	INJECT(&k, .data = dgram, .len = n, .tos = 0x48, .ttl = 9, .opts = opts, .optlen = 8);
	CHECK_EQ(recv_info(sk, buf, sizeof(buf), &info), 5);
	CHECK(be32_eq(ip_v4(&info.addr), v4("10.0.0.1")));
	CHECK(info.tos == 0x48 && info.ttl == 9 && info.ifindex == k.dev->ifindex);
	CHECK_EQ(info.optlen, 8);
	CHECK_MEM(info.opts, opts, 8);
	n = udp_build(dgram, "10.0.0.2", "10.0.0.255", 9, 7000, "all", 3);
	INJECT(&k, .dst = "10.0.0.255", .data = dgram, .len = n);
	CHECK_EQ(recv_info(sk, buf, sizeof(buf), &info), 3);
	CHECK(be32_eq(ip_v4(&info.addr), v4("10.0.0.255")));
	CHECK_EQ(info.optlen, 0);
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(a_sender_chooses_address_ttl_tos_and_options)
{
	REQ("1122 4.1.3.2/specify", "1122 4.1.3.2/down", "1122 3.2.1.8/send", "1122 4.1.4/specify", "1122 4.1.3.5/specify",
	    "1122 3.2.1.8b/send", "1122 3.2.1.8c/one");
	static const u8 rr[7] = { 7, 7, 4 }, lsrr[8] = { 131, 7, 4, 10, 0, 0, 9, 0 }, broken[4] = { 7, 9, 4, 0 };
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 7000);
	struct ip_pktinfo info = { .addr = addr("10.0.0.7") };
	struct sockaddr_ip to = { .family = AF_INET, .port = 9, .addr = addr("10.0.0.2") };
	struct iovec iov = { (void *)(uintptr_t) "x", 1 };
	struct msghdr m = { .msg_name = &to, .msg_iov = &iov, .msg_iovlen = 1, .msg_pktinfo = &info };
	static struct pkt p;
	struct ipv4_info ip;
	u8 got[40];
	unsigned len = sizeof(got);
	int ttl = 3, tos = 0x28;

	lab_addr(k.dev, "10.0.0.7/24");
	CHECK_EQ(udp_prot.setsockopt(sk, SOL_IP, IP_TTL, &ttl, sizeof(ttl)), 0);
	CHECK_EQ(udp_prot.setsockopt(sk, SOL_IP, IP_TOS, &tos, sizeof(tos)), 0);
	CHECK_EQ(udp_prot.setsockopt(sk, SOL_IP, IP_OPTIONS, rr, sizeof(rr)), 0);
	CHECK_EQ(udp_prot.setsockopt(sk, SOL_IP, IP_OPTIONS, lsrr, 8), -EINVAL); /* no source routes from here */
	CHECK_EQ(udp_prot.setsockopt(sk, SOL_IP, IP_OPTIONS, broken, 4), -EINVAL);
	CHECK_EQ(udp_prot.setsockopt(sk, SOL_IP, IP_OPTIONS, got, 41), -EINVAL);
	CHECK_EQ(udp_prot.getsockopt(sk, SOL_IP, IP_OPTIONS, got, &len), 0);
	CHECK_EQ(len, 8);
	CHECK_EQ(udp_prot.sendmsg(sk, &m, 0), 1);
	kit_settle(&k);
	while (kit_sent(&k, &p) && p.b[0] == 0x45)
		;
	REQUIRE(ip_read(&p, &ip));
	CHECK(be32_eq(ip.saddr, v4("10.0.0.7")));
	CHECK(ip.ttl == 3 && ip.tos == 0x28);
	CHECK_EQ(ip.hdr_len, 28);
	CHECK_MEM(p.b + 20, rr, 7);
	CHECK_EQ(p.b[27], 0);
	info.addr = addr("10.0.0.8"); /* not ours */
	CHECK_EQ(udp_prot.sendmsg(sk, &m, 0), -EINVAL);
	CHECK_EQ(udp_prot.setsockopt(sk, SOL_IP, IP_OPTIONS, NULL, 0), 0);
	info.addr = addr("10.0.0.7");
	CHECK_EQ(udp_prot.sendmsg(sk, &m, 0), 1);
	kit_settle(&k);
	REQUIRE(kit_sent(&k, &p) && ip_read(&p, &ip));
	CHECK_EQ(ip.hdr_len, 20);
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(a_connected_sock_is_told_the_address_it_speaks_from)
{
	REQ("1122 4.1.3.5/notified");
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk = kit_sock(&k, 7000);
	struct sockaddr_ip to = { .family = AF_INET, .port = 9, .addr = addr("10.0.0.2") };

	CHECK_EQ(udp_prot.connect(sk, &to), 0);
	CHECK(be32_eq(ip_v4(&sk->saddr), v4("10.0.0.1")));
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(broadcasts_and_groups_go_to_the_links_addresses_of_them)
{
	REQ("1122 3.3.6/link", "1112 6.4");
	static const struct {
		const char *to;
		u8 mac[6];
	} rows[] = {
		{ "255.255.255.255", { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } },
		{ "10.0.0.255", { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } },
		{ "224.0.0.9", { 1, 0, 0x5e, 0, 0, 9 } },
		{ "239.129.2.3", { 1, 0, 0x5e, 1, 2, 3 } },
	};
	struct kit k = kit_open(LAB_ETHER);
	struct sock *sk = kit_sock(&k, 7000);
	static struct pkt p;

	sk->broadcast = true;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		CHECK_EQ(kit_send(&k, sk, rows[i].to, 9, "x", 1), 1);
		REQUIRE(kit_sent(&k, &p));
		CHECK_MEM(p.b, rows[i].mac, 6);
	}
	udp_prot.close(sk);
	kit_close(&k);
}

TEST(the_table_can_be_walked)
{
	struct kit k = kit_open(LAB_RAW);
	struct sock *sk[300];
	const struct sock *s = NULL;
	unsigned n = 0;

	for (unsigned i = 0; i < 300; i++)
		sk[i] = kit_sock(&k, (u16)(1000 + i));
	while ((s = udp_next(k.cpu, s)))
		n++;
	CHECK_EQ(n, 300);
	for (unsigned i = 0; i < 300; i++)
		udp_prot.close(sk[i]);
	CHECK(!udp_next(k.cpu, NULL));
	kit_close(&k);
}
