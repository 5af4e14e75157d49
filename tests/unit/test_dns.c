/* SPDX-License-Identifier: MIT
 * test_dns.c - messages of the stub resolver (RFC 1035, RFC 5452), and SHA-256 against its published values.
 */
#include "host/harness.h"
#include "lib/errno.h"
#include "lib/sha256.h"
#include "lib/string.h"
#include "net/wire/dns.h"

/* A question for example.com, an answer that points back to its name. */
static unsigned make_answer(u8 *query, unsigned *query_len, u8 *msg)
{
	static const u8 record[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, 2, 7 };
	int n = dns_query(query, 0x1234, "example.com", DNS_A);

	REQUIRE(n == 12 + 13 + 4);
	*query_len = (unsigned)n;
	memcpy(msg, query, *query_len);
	msg[2] = 0x81, msg[3] = 0x80, msg[7] = 1;
	memcpy(msg + n, record, sizeof(record));
	return *query_len + sizeof(record);
}

TEST(an_answer_is_read_through_its_pointer)
{
	u8 query[DNS_MSG_MAX], msg[DNS_MSG_MAX];
	struct dns_header h;
	struct dns_record r;
	unsigned query_len, at, len = make_answer(query, &query_len, msg);

	REQUIRE(dns_answer(msg, len, query, query_len, &h, &at));
	CHECK_EQ(h.answers, 1);
	CHECK_EQ(h.rcode, DNS_NOERROR);
	REQUIRE(dns_record(msg, len, &at, &r));
	CHECK_STR(r.name, "example.com.");
	CHECK_EQ(r.type, DNS_A);
	CHECK_EQ(r.ttl, 300);
	CHECK_EQ(r.data[3], 7);
	CHECK_EQ(at, len);
}

TEST(answers_to_other_questions_are_none)
{
	u8 query[DNS_MSG_MAX], msg[DNS_MSG_MAX];
	struct dns_header h;
	unsigned query_len, at, len = make_answer(query, &query_len, msg);
	static const unsigned bytes[] = { 0, 1, 2, 5, 13, 26 }; /* id, QR, questions, name, type */

	for (unsigned i = 0; i < ARRAY_SIZE(bytes); i++) {
		u8 was = msg[bytes[i]];

		msg[bytes[i]] ^= i == 2 ? 0x80 : 1;
		CHECK(!dns_answer(msg, len, query, query_len, &h, &at));
		msg[bytes[i]] = was;
	}
	msg[13] ^= 0x20; /* letter case does not matter */
	CHECK(dns_answer(msg, len, query, query_len, &h, &at));
	CHECK(!dns_answer(msg, query_len - 1, query, query_len, &h, &at));
}

TEST(cut_messages_and_loops_of_pointers_end)
{
	u8 query[DNS_MSG_MAX], msg[DNS_MSG_MAX];
	struct dns_record r;
	unsigned query_len, at, len = make_answer(query, &query_len, msg);
	char text[DNS_NAME_MAX];

	for (unsigned cut = query_len; cut < len; cut++) {
		at = query_len;
		CHECK(!dns_record(msg, cut, &at, &r));
	}
	msg[query_len + 1] = (u8)query_len; /* points at itself */
	CHECK_EQ(dns_name(msg, len, query_len, text, sizeof(text)), 0);
	memset(msg, 0xc0, sizeof(msg));
	CHECK_EQ(dns_name(msg, sizeof(msg), 100, text, sizeof(text)), 0);
	memset(msg, 63, sizeof(msg));
	CHECK_EQ(dns_name(msg, sizeof(msg), 0, text, sizeof(text)), 0); /* longer than a name may be */
}

TEST(counts_and_lengths_beyond_the_message_are_not_believed)
{
	u8 query[DNS_MSG_MAX], msg[DNS_MSG_MAX];
	struct dns_header h;
	struct dns_record r;
	unsigned query_len, at, n = 0, len = make_answer(query, &query_len, msg);

	msg[6] = msg[7] = 0xff; /* 65535 answers, of which there is one */
	REQUIRE(dns_answer(msg, len, query, query_len, &h, &at));
	while (n < h.answers && dns_record(msg, len, &at, &r))
		n++;
	CHECK_EQ(n, 1);
	msg[5] = 0; /* no question, and two */
	CHECK(!dns_answer(msg, len, query, query_len, &h, &at));
	msg[5] = 2;
	CHECK(!dns_answer(msg, len, query, query_len, &h, &at));
	for (unsigned claim = 5; claim <= 0xffff; claim = claim * 2 + 1) { /* an address longer than the rest */
		msg[query_len + 10] = (u8)(claim >> 8);
		msg[query_len + 11] = (u8)claim;
		at = query_len;
		CHECK(!dns_record(msg, len, &at, &r));
	}
	msg[query_len + 10] = 0;
	for (unsigned claim = 0; claim < 4; claim++) { /* and shorter: whoever reads it is told how long it is */
		msg[query_len + 11] = (u8)claim;
		at = query_len;
		CHECK(dns_record(msg, len, &at, &r) && CHECK_EQ(r.len, claim));
	}
}

TEST(pointers_lead_nowhere_but_back)
{
	u8 msg[DNS_MSG_MAX] = { 0 };
	char text[DNS_NAME_MAX];

	for (unsigned to = 0; to < 0x4000; to++) { /* from 200 to everywhere: bytes of zero there, where there are any */
		msg[200] = (u8)(0xc0 | to >> 8);
		msg[201] = (u8)to;
		if (!CHECK_EQ(dns_name(msg, sizeof(msg), 200, text, sizeof(text)), to < 200 ? 202 : 0))
			break;
	}
	for (unsigned at = 2; at < 400; at += 2) { /* a chain of 199, each to the one before it, ends */
		msg[at] = (u8)(0xc0 | (at - 2) >> 8);
		msg[at + 1] = (u8)(at - 2);
	}
	CHECK_EQ(dns_name(msg, sizeof(msg), 398, text, sizeof(text)), 400);
	CHECK_STR(text, ".");
	msg[0] = 0xc0, msg[1] = 2; /* and a ring of them too */
	CHECK_EQ(dns_name(msg, sizeof(msg), 398, text, sizeof(text)), 0);
	for (unsigned at = 0; at < sizeof(msg) - 64; at += 64) /* labels and pointers that grow beyond any name */
		msg[at] = 63, memset(msg + at + 1, 'a', 63);
	msg[192] = 0xc0, msg[193] = 0;
	CHECK_EQ(dns_name(msg, sizeof(msg), 64, text, sizeof(text)), 0);
	CHECK_EQ(dns_name(msg, sizeof(msg), 128, text, sizeof(text)), 0);
}

TEST(names_that_are_none_are_refused)
{
	u8 query[DNS_MSG_MAX];
	char name[300];

	memset(name, 'a', sizeof(name));
	name[64] = '\0';
	CHECK_EQ(dns_query(query, 1, name, DNS_A), -EINVAL);
	CHECK_EQ(dns_query(query, 1, "a..b", DNS_A), -EINVAL);
	CHECK(dns_query(query, 1, ".", DNS_NS) > 0);
	for (unsigned i = 0; i < sizeof(name); i++)
		name[i] = i % 32 == 31 ? '.' : 'a';
	name[sizeof(name) - 1] = '\0';
	CHECK_EQ(dns_query(query, 1, name, DNS_A), -EINVAL);
	CHECK_EQ(dns_type_of("aaaa"), DNS_AAAA);
	CHECK_EQ(dns_type_of("NOPE"), 0);
}

static void check_sum(const char *text, unsigned repeat, const char *want)
{
	u8 out[SHA256_LEN];
	char hex[65] = "";
	struct sha256 s;

	sha256_init(&s);
	for (unsigned i = 0; i < repeat; i++)
		sha256_update(&s, text, strlen(text));
	sha256_final(&s, out);
	for (unsigned i = 0; i < SHA256_LEN; i++) {
		hex[2 * i] = "0123456789abcdef"[out[i] >> 4];
		hex[2 * i + 1] = "0123456789abcdef"[out[i] & 15];
	}
	CHECK_STR(hex, want);
}

TEST(sha256_has_the_values_of_its_standard)
{
	check_sum("", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	check_sum("abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	check_sum("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	check_sum("aaaaaaaaaa", 100000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}
