/* SPDX-License-Identifier: MIT
 * fake_e1000.c - see fake_e1000.h. Sections are of the 8254x manual (317453).
 */
#include <stdlib.h>

#include "host/fake_e1000.h"

#include "drivers/pci/pci_hw.h"
#include "host/harness.h"
#include "lib/string.h"

static u32 *reg(struct fake_e1000 *d, u32 off) { return &d->regs[off / 4]; }
static u32 get(const struct fake_e1000 *d, u32 off) { return d->regs[off / 4]; }

/* Of queue q: its registers stand E1000_QUEUE_STRIDE behind those of the first. */
static u32 *reg_of(struct fake_e1000 *d, u32 off, unsigned q) { return reg(d, off + q * E1000_QUEUE_STRIDE); }
static u32 get_of(const struct fake_e1000 *d, u32 off, unsigned q) { return get(d, off + q * E1000_QUEUE_STRIDE); }

static union e1000_rx_desc *rx_desc(const struct fake_e1000 *d, unsigned q, u32 i)
{
	return (union e1000_rx_desc *)(uintptr_t)((u64)get_of(d, E1000_RDBAH, q) << 32 | get_of(d, E1000_RDBAL, q)) + i;
}

static union e1000_tx_desc *tx_desc(const struct fake_e1000 *d, unsigned q, u32 i)
{
	return (union e1000_tx_desc *)(uintptr_t)((u64)get_of(d, E1000_TDBAH, q) << 32 | get_of(d, E1000_TDBAL, q)) + i;
}

static void device_reset(struct fake_e1000 *d)
{
	u32 status = get(d, E1000_STATUS);

	memset(d->regs, 0, sizeof(d->regs));
	*reg(d, E1000_STATUS) = status;
	*reg(d, E1000_RAL0) = d->eeprom[0] | (u32)d->eeprom[1] << 16;
	*reg(d, E1000_RAH0) = d->eeprom[2] | E1000_RAH_AV;
	d->icr = d->ims = 0;
	d->build_len = 0;
	d->resets++;
}

/* 82574 7.4: causes of the queues and of the rest, each by the vector that IVAR names; firing clears and masks what EIAC has. */
static void fire_vectors(struct fake_e1000 *d)
{
	static const struct {
		u32 cause;
		u8 shift; /* in IVAR */
	} causes[] = { { E1000_INT_RXQ0, 0 }, { E1000_INT_RXQ0 << 1, 4 }, { E1000_INT_TXQ0, 8 }, { E1000_INT_TXQ0 << 1, 12 },
		       { E1000_INT_OTHER, 16 } };

	if (d->icr & E1000_INT_RXT0)
		d->icr |= E1000_INT_RXQ0;
	if (d->icr & E1000_INT_TXDW)
		d->icr |= E1000_INT_TXQ0;
	if (d->icr & (E1000_INT_REST & ~E1000_INT_OTHER))
		d->icr |= E1000_INT_OTHER;
	d->icr &= ~(E1000_INT_RXT0 | E1000_INT_TXDW);
	for (unsigned i = 0; i < ARRAY_SIZE(causes); i++) {
		u32 c = causes[i].cause, entry = get(d, E1000_IVAR) >> causes[i].shift & 15;

		if (!(d->icr & d->ims & c))
			continue;
		CHECK(entry & E1000_IVAR_VALID);
		d->interrupts++;
		d->vectors[entry & 7]++;
		d->icr &= ~(c & get(d, E1000_EIAC));
		d->ims &= ~(c & get(d, E1000_EIAC));
		fake_irq(d->func, entry & 7);
	}
}

void fake_e1000_cause(struct fake_e1000 *d, u32 cause)
{
	d->icr |= cause;
	if (d->is_82574) {
		fire_vectors(d);
		return;
	}
	if (!(d->icr & d->ims))
		return;
	d->interrupts++;
	fake_irq(d->func, FAKE_INTX);
}

void fake_e1000_set_link(struct fake_e1000 *d, bool up)
{
	if (up)
		*reg(d, E1000_STATUS) |= E1000_STATUS_LU;
	else
		*reg(d, E1000_STATUS) &= ~E1000_STATUS_LU;
	fake_e1000_cause(d, E1000_INT_LSC);
}

/* ---- receive: 3.2 ---- */

static unsigned offered(const struct fake_e1000 *d, unsigned q)
{
	u32 size = get_of(d, E1000_RDLEN, q) / sizeof(union e1000_rx_desc);

	return size ? (get_of(d, E1000_RDT, q) + size - get_of(d, E1000_RDH, q)) % size : 0;
}

unsigned fake_e1000_offered(const struct fake_e1000 *d) { return offered(d, 0); }

static void check_running(struct fake_e1000 *d, u32 control, u32 enable)
{
	CHECK(get(d, control) & enable);
	CHECK(fake_config_get(d->func, PCI_COMMAND, 2) & PCI_COMMAND_MASTER);
}

static union e1000_rx_desc *next_rx(struct fake_e1000 *d, unsigned q)
{
	u32 head = get_of(d, E1000_RDH, q);

	check_running(d, E1000_RCTL, E1000_RCTL_EN);
	REQUIRE(offered(d, q) > 0);
	*reg_of(d, E1000_RDH, q) = (head + 1) % (get_of(d, E1000_RDLEN, q) / sizeof(union e1000_rx_desc));
	if (d->is_82574) {
		CHECK(get(d, E1000_RFCTL) & E1000_RFCTL_EXSTEN);
		CHECK_EQ(rx_desc(d, q, head)->word, 0);
	}
	CHECK_EQ(rx_desc(d, q, head)->status, 0);
	return rx_desc(d, q, head);
}

/* 3.2.3; 82574 7.1.5.2: the address makes room for the hash. */
static void put_back(struct fake_e1000 *d, union e1000_rx_desc *e, u16 len, u8 status, u8 errors)
{
	if (d->is_82574) {
		e->ext.mrq = d->mrq;
		e->ext.hash = 0xdeadbeef;
		e->ext.vlan = 0xffff;
		e->ext.length = len;
		e->ext.status = (u32)errors << 24 | 0x00ffff00 | status;
		return;
	}
	e->special = 0xffff;
	e->length = len;
	e->errors = errors;
	e->status = status;
}

void fake_e1000_write_back(struct fake_e1000 *d, u16 len, u8 status, u8 errors)
{
	put_back(d, next_rx(d, 0), len, status, errors);
}

static bool receive_on(struct fake_e1000 *d, unsigned q, const void *frame, u32 len, u32 piece, u8 status, u8 errors)
{
	const u8 *p = frame;

	piece = piece ?: len;
	if (offered(d, q) < DIV_ROUND_UP(len, piece))
		return false;
	while (len) {
		union e1000_rx_desc *e = next_rx(d, q);
		u32 n = MIN(len, piece);

		memcpy((void *)(uintptr_t)e->addr, p, n);
		p += n;
		len -= n;
		put_back(d, e, (u16)n, status | E1000_RXD_DD | (len ? 0 : E1000_RXD_EOP), errors);
	}
	fake_e1000_cause(d, q ? E1000_INT_RXQ0 << q : E1000_INT_RXT0);
	return true;
}

bool fake_e1000_receive(struct fake_e1000 *d, const void *frame, u32 len, u32 piece, u8 status, u8 errors)
{
	return receive_on(d, 0, frame, len, piece, status, errors);
}

bool fake_e1000_receive_second(struct fake_e1000 *d, const void *frame, u32 len)
{
	return receive_on(d, 1, frame, len, 0, E1000_RXD_IXSM, 0);
}

/* ---- transmit: 3.3 ---- */

static u16 sum16(const u8 *p, u32 len, u32 sum)
{
	for (u32 i = 0; i + 1 < len; i += 2)
		sum += (u32)p[i] << 8 | p[i + 1];
	if (len & 1)
		sum += (u32)p[len - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (u16)sum;
}

static void insert_sum(u8 *frame, u32 len, u8 css, u8 cso, u16 cse)
{
	u32 end = cse ? cse + 1u : len;
	u16 sum;

	REQUIRE(css < len && cso + 2u <= len && end <= len && end > css);
	sum = (u16)~sum16(frame + css, end - css, 0);
	frame[cso] = (u8)(sum >> 8);
	frame[cso + 1] = (u8)sum;
}

static void frame_out(struct fake_e1000 *d, const u8 *frame, u32 len)
{
	REQUIRE(len <= sizeof(d->sent));
	memcpy(d->sent, frame, len);
	d->sent_len = len;
	d->sent_lens[d->nr_sent++ % FAKE_E1000_FRAMES] = len;
}

/* 3.5: each segment has the header, with length, sequence number, flags and both checksums filled in by the device. IPv4's:
 * the payload length that it puts into an IPv6 header is 40 bytes more than the payload. */
static void segment(struct fake_e1000 *d)
{
	const struct e1000_tx_context *c = &d->tso;
	u32 total = d->build_len, at = c->hdrlen, seq;
	u8 frame[2048], *tcp = frame + c->tucss;

	REQUIRE(c->hdrlen >= c->tucss + 20u && c->hdrlen < total && c->mss);
	REQUIRE(c->cmd_len & E1000_TXD_IP && d->build[c->ipcss] >> 4 == 4);
	CHECK_EQ(c->cmd_len & 0xfffff, total - c->hdrlen);
	CHECK_EQ(d->build[c->ipcss + 2] | d->build[c->ipcss + 3], 0);
	seq = (u32)d->build[c->tucss + 4] << 24 | (u32)d->build[c->tucss + 5] << 16 |
	      (u32)d->build[c->tucss + 6] << 8 | d->build[c->tucss + 7];
	for (; at < total; at += c->mss) {
		u32 n = MIN(total - at, (u32)c->mss), len = c->hdrlen + n, sum;

		REQUIRE(len <= sizeof(frame));
		memcpy(frame, d->build, c->hdrlen);
		memcpy(frame + c->hdrlen, d->build + at, n);
		frame[c->ipcss + 2] = (u8)((len - c->ipcss) >> 8);
		frame[c->ipcss + 3] = (u8)(len - c->ipcss);
		tcp[4] = (u8)(seq >> 24), tcp[5] = (u8)(seq >> 16), tcp[6] = (u8)(seq >> 8), tcp[7] = (u8)seq;
		seq += n;
		/* the pseudo header in the field has no length yet */
		sum = ((u32)frame[c->tucso] << 8 | frame[c->tucso + 1]) + (len - c->tucss);
		sum = (sum & 0xffff) + (sum >> 16);
		frame[c->tucso] = (u8)(sum >> 8);
		frame[c->tucso + 1] = (u8)sum;
		insert_sum(frame, len, c->ipcss, c->ipcso, c->ipcse);
		insert_sum(frame, len, c->tucss, c->tucso, c->tucse);
		frame_out(d, frame, len);
	}
}

static void end_of_packet(struct fake_e1000 *d)
{
	if (d->build_tse) {
		segment(d);
	} else {
		if (d->build_popts & E1000_TXD_POPTS_TXSM)
			insert_sum(d->build, d->build_len, d->checksum.tucss, d->checksum.tucso, d->checksum.tucse);
		frame_out(d, d->build, d->build_len);
	}
	d->build_len = 0;
}

static void take_desc(struct fake_e1000 *d, union e1000_tx_desc *e)
{
	u32 cmd = e->data.cmd_len, len = cmd & 0xfffff;

	CHECK(cmd & E1000_TXD_DEXT);
	CHECK_EQ(e->data.status, 0);
	d->nr_descs++;
	if ((cmd & (0xfu << 20)) == E1000_TXD_TYPE_CONTEXT) {
		CHECK_EQ(d->build_len, 0);
		d->nr_contexts++;
		*(cmd & E1000_TXD_TSE ? &d->tso : &d->checksum) = e->context;
		return;
	}
	CHECK_EQ(cmd & (0xfu << 20), E1000_TXD_TYPE_DATA);
	REQUIRE(len && d->build_len + len <= sizeof(d->build));
	if (!d->build_len) {
		d->build_popts = e->data.popts;
		d->build_tse = cmd & E1000_TXD_TSE;
	}
	memcpy(d->build + d->build_len, (const void *)(uintptr_t)e->data.addr, len);
	d->build_len += len;
	if (cmd & E1000_TXD_EOP)
		end_of_packet(d);
	if (cmd & E1000_TXD_RS && !d->short_tx)
		e->data.status = E1000_TXD_DD;
}

static unsigned send_on(struct fake_e1000 *d, unsigned q)
{
	u32 size = get_of(d, E1000_TDLEN, q) / sizeof(union e1000_tx_desc);
	unsigned before = d->nr_sent;

	check_running(d, E1000_TCTL, E1000_TCTL_EN);
	while (get_of(d, E1000_TDH, q) != get_of(d, E1000_TDT, q)) {
		take_desc(d, tx_desc(d, q, get_of(d, E1000_TDH, q)));
		*reg_of(d, E1000_TDH, q) = (get_of(d, E1000_TDH, q) + 1) % size;
	}
	CHECK_EQ(d->build_len, 0); /* the driver shows whole frames */
	if (d->nr_sent != before)
		fake_e1000_cause(d, q ? E1000_INT_TXQ0 << q : E1000_INT_TXDW);
	return d->nr_sent - before;
}

unsigned fake_e1000_send(struct fake_e1000 *d) { return send_on(d, 0); }

/* ---- registers ---- */

static u64 window_read(void *ctx, u64 off, unsigned bytes)
{
	struct fake_e1000 *d = ctx;
	u32 v;

	CHECK_EQ(bytes, 4);
	if (d->gone)
		return E1000_ALL_ONES;
	if (off == E1000_ICR) {
		v = d->icr;
		d->icr = 0;
		return v;
	}
	if (off == E1000_EERD && d->is_82574) {
		v = get(d, E1000_EERD) >> E1000_EERD_ADDR_SHIFT_82574 & 0x3f;
		return d->eeprom_dead ? 0 : (u32)d->eeprom[v] << E1000_EERD_DATA_SHIFT | E1000_EERD_DONE_82574;
	}
	if (off == E1000_EERD) {
		v = get(d, E1000_EERD) >> E1000_EERD_ADDR_SHIFT & 0x3f;
		return d->eeprom_dead ? 0 : (u32)d->eeprom[v] << E1000_EERD_DATA_SHIFT | E1000_EERD_DONE;
	}
	v = get(d, (u32)off);
	if (off == E1000_MPC)
		*reg(d, E1000_MPC) = 0;
	return v;
}

static void write_ctrl(struct fake_e1000 *d, u32 v)
{
	if (v & E1000_CTRL_RST && !d->never_resets) {
		device_reset(d);
		v &= ~E1000_CTRL_RST;
	}
	*reg(d, E1000_CTRL) = v;
}

/* Register `off`, of those that each queue has. */
static void ring_written(struct fake_e1000 *d, unsigned q, u32 off, u32 v)
{
	if (off == E1000_RDT) {
		d->rdt_writes++;
		CHECK(v == 0 || v < get_of(d, E1000_RDLEN, q) / sizeof(union e1000_rx_desc));
	} else if (off == E1000_RDLEN || off == E1000_TDLEN) {
		CHECK_EQ(v % 128, 0); /* 13.4.27 */
	} else if (off == E1000_RDBAL || off == E1000_TDBAL) {
		CHECK_EQ(v % 16, 0);
	} else if (off == E1000_TDT && get_of(d, E1000_TDLEN, q)) {
		d->tdt_writes++;
		CHECK(v == 0 || v < get_of(d, E1000_TDLEN, q) / sizeof(union e1000_tx_desc));
		if (!d->lazy_tx && get(d, E1000_TCTL) & E1000_TCTL_EN)
			send_on(d, q);
	}
}

static void window_write(void *ctx, u64 off, unsigned bytes, u64 value)
{
	struct fake_e1000 *d = ctx;
	u32 v = (u32)value;

	CHECK_EQ(bytes, 4);
	if (d->gone)
		return;
	switch (off) {
	case E1000_CTRL:
		write_ctrl(d, v);
		return;
	case E1000_ICR:
		CHECK(d->is_82574);
		d->icr &= ~v;
		return;
	case E1000_STATUS:
		CHECK(!"a register that can be written");
		return;
	case E1000_IMS:
		if (d->before_unmask)
			d->before_unmask(d);
		d->ims |= v;
		fake_e1000_cause(d, 0);
		return;
	case E1000_IMC:
		d->ims &= ~v;
		return;
	}
	*reg(d, (u32)off) = v;
	for (unsigned q = 0; q < E1000_QUEUES; q++)
		ring_written(d, q, (u32)off - q * E1000_QUEUE_STRIDE, v);
}

void fake_e1000_set_mac(struct fake_e1000 *d, const u8 mac[6])
{
	u16 sum = 0;

	for (unsigned i = 0; i < 3; i++)
		d->eeprom[i] = (u16)(mac[2 * i] | mac[2 * i + 1] << 8);
	for (unsigned i = 0; i < 63; i++)
		sum += d->eeprom[i];
	d->eeprom[63] = E1000_EEPROM_SUM - sum;
}

static struct fake_e1000 *create(u8 slot, u16 device)
{
	static const u8 mac[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x57 };
	struct fake_e1000 *d = calloc(1, sizeof(*d));

	d->func = fake_func_add(0, slot, 0, E1000_VENDOR, device, 0x020000);
	d->func->bars[0] = (struct fake_bar){ E1000_REGS_BYTES, false, window_read, window_write, d };
	d->func->config[PCI_INTERRUPT_PIN] = 1;
	fake_e1000_set_mac(d, mac);
	*reg(d, E1000_STATUS) = E1000_STATUS_LU | E1000_STATUS_SPEED_1000;
	device_reset(d);
	d->resets = 0;
	return d;
}

struct fake_e1000 *fake_e1000_create(u8 slot)
{
	return create(slot, E1000_82540EM);
}

struct fake_e1000 *fake_e1000e_create(u8 slot)
{
	struct fake_e1000 *d = create(slot, E1000_82574L);

	d->is_82574 = true;
	d->mrq = 1;
	d->func->bars[3].size = 0x4000;
	fake_config_set(d->func, PCI_STATUS, 2, PCI_STATUS_CAP_LIST);
	d->func->config[PCI_CAPABILITY_LIST] = 0xa0;
	fake_config_set(d->func, 0xa0, 2, PCI_CAP_ID_MSIX);
	fake_config_set(d->func, 0xa0 + PCI_MSIX_CONTROL, 2, 5 - 1);
	fake_config_set(d->func, 0xa0 + PCI_MSIX_TABLE, 4, 3);
	return d;
}
