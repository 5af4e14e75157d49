/* SPDX-License-Identifier: MIT
 * filter.h - tcpdump's filter language (pcap-filter(7)), compiled to classic BPF in the machine itself.
 *
 * Known: host, net, port, portrange with src, dst and a protocol before them; ip ip6 arp rarp tcp udp sctp icmp icmp6 igmp
 * alone; [ip|ip6|ether] proto; ether host; broadcast and multicast; less, greater; proto[index:size] with the operators
 * of C, `len` and the names of flags and types; and, or, not, parentheses. `and` and `or` bind alike, from the left,
 * and a number without a keyword takes the keyword before it, both as tcpdump has it. Names of hosts are not
 * looked up, and an expression that no frame can match is no error here.
 */
#pragma once

#include "net/core/bpf.h"

/* Where the text is wrong, and what would be right there. */
struct filter_error {
	unsigned column;  /* from 1 */
	char found[24];   /* the word there; "" is the end */
	const char *why;  /* what is allowed, or what is wrong with it */
};

enum filter_link { FILTER_ETHERNET, FILTER_RAW_IP };

/* Compiles `text` for frames of that link; an empty one takes every frame. The program keeps `snaplen` bytes and passes
 * bpf_check(). The number of instructions, or -EINVAL (e says where), -E2BIG (too long for a program), -ENOMEM. */
int filter_compile(const char *text, enum filter_link link, u32 snaplen, struct bpf_insn prog[BPF_MAX_INSNS],
		   struct filter_error *e);
/* The error as a sentence, for people. Returns its length. */
int filter_error_text(const struct filter_error *e, char *buf, size_t size);
