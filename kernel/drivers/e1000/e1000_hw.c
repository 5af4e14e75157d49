/* SPDX-License-Identifier: MIT
 * e1000_hw.c - the family's EEPROM, address and reset (SDM 5.3, 14.2); an 82574L's vectors and hash (82574 7.4, 7.1.2.8).
 *
 * The hash is the stack's own (core/steer.h): the same key, and a table that sends a flow to the queue of its owner where that CPU
 * has one. UDP is hashed by its addresses alone, which this device cannot do otherwise; software moves on what is another's.
 */
#include "drivers/e1000/e1000_impl.h"

#include "core/irq.h"
#include "lib/errno.h"
#include "net/core/steer.h"
#include "platform.h"

#define EEPROM_SPINS	 1000
#define RESET_TIMEOUT_NS (20 * NSEC_PER_MSEC)
#define RESET_SETTLE_NS	 (2 * NSEC_PER_USEC) /* 14.2: no register access for 1 us after RST */

_Static_assert(STEER_SLOTS == E1000_RETA_ENTRIES && STEER_KEY_BYTES == 40, "the device takes what the stack has");

/* ---- EEPROM and address ---- */

/* 5.3: one 16-bit word, or -EIO. */
static int eeprom_word(struct e1000 *e, unsigned index)
{
	unsigned shift = e->is_82574 ? E1000_EERD_ADDR_SHIFT_82574 : E1000_EERD_ADDR_SHIFT, spins;
	u32 done = e->is_82574 ? E1000_EERD_DONE_82574 : E1000_EERD_DONE, v;

	e1000_write(e, E1000_EERD, index << shift | E1000_EERD_START);
	for (spins = 0; spins < EEPROM_SPINS; spins++) {
		v = e1000_read(e, E1000_EERD);
		if (v & done)
			return (int)(v >> E1000_EERD_DATA_SHIFT);
		cpu_relax();
	}
	return -EIO;
}

/* The address in the EEPROM, when the sum of all words is right. */
static int mac_from_eeprom(struct e1000 *e, u8 *mac)
{
	u16 sum = 0;
	unsigned i;
	int word;

	for (i = 0; i < E1000_EEPROM_WORDS; i++) {
		word = eeprom_word(e, i);
		if (word < 0)
			return word;
		sum += (u16)word;
		if (i < 3) {
			mac[2 * i] = (u8)word;
			mac[2 * i + 1] = (u8)(word >> 8);
		}
	}
	return sum == E1000_EEPROM_SUM ? 0 : -EPROTO;
}

/* 13.5.2: the device loads its first receive address from the EEPROM itself. */
static void mac_from_registers(struct e1000 *e, u8 *mac)
{
	u32 low = e1000_read(e, E1000_RAL0), high = e1000_read(e, E1000_RAH0);
	unsigned i;

	for (i = 0; i < 4; i++)
		mac[i] = (u8)(low >> (8 * i));
	mac[4] = (u8)high;
	mac[5] = (u8)(high >> 8);
}

static bool mac_usable(const u8 *mac)
{
	return !(mac[0] & 1) && (mac[0] | mac[1] | mac[2] | mac[3] | mac[4] | mac[5]);
}

void e1000_read_mac(struct e1000 *e)
{
	u8 *mac = e->dev.addr;
	int err = mac_from_eeprom(e, mac);

	if (err) {
		log_warn("e1000 %s: EEPROM unreadable or its checksum wrong (%s)", e->pdev->name,
			 errno_name(err));
		mac_from_registers(e, mac);
	}
	if (mac_usable(mac))
		return;
	random_bytes(mac, sizeof(e->dev.addr));
	mac[0] = (u8)((mac[0] & 0xfe) | 2); /* unicast, locally administered */
}

/* ---- reset ---- */

/* 14.2 */
int e1000_hw_reset(struct e1000 *e)
{
	u64 start;

	e1000_write(e, E1000_IMC, ~0u);
	if (e1000_read(e, E1000_RCTL) & E1000_RCTL_EN)
		e1000_write(e, E1000_RCTL, 0);
	e1000_write(e, E1000_TCTL, E1000_TCTL_PSP);
	e1000_read(e, E1000_STATUS); /* posted writes are through */
	e1000_write(e, E1000_CTRL, e1000_read(e, E1000_CTRL) | E1000_CTRL_RST);
	start = clock_ns();
	while (clock_ns() - start < RESET_SETTLE_NS)
		cpu_relax();
	while (e1000_read(e, E1000_CTRL) & E1000_CTRL_RST) {
		if (clock_ns() - start > RESET_TIMEOUT_NS) {
			pci_disable_master(e->pdev);
			return -EIO;
		}
		cpu_relax();
	}
	e1000_write(e, E1000_IMC, ~0u);
	e1000_read(e, E1000_ICR);
	return 0;
}

/* ---- 82574L ---- */

static u32 word_of(const u8 *b) { return b[0] | (u32)b[1] << 8 | (u32)b[2] << 16 | (u32)b[3] << 24; }

/* 82574 7.1.2.8: it may change while frames come; which is the first to go by it is not said. */
void e1000_write_table(struct e1000 *e)
{
	const struct steer *s = e->dev.net->steer;
	u8 table[E1000_RETA_ENTRIES];
	unsigned i;

	for (i = 0; i < STEER_SLOTS; i++)
		table[i] = s->cpu[i] % e->dev.nr_channels ? E1000_RETA_QUEUE1 : 0;
	for (i = 0; i < E1000_RETA_ENTRIES; i += 4)
		e1000_write(e, E1000_RETA + i, word_of(table + i));
}

static void init_rss(struct e1000 *e)
{
	u8 key[STEER_KEY_BYTES];

	steer_key(e->dev.net->steer, key);
	for (unsigned i = 0; i < STEER_KEY_BYTES; i += 4)
		e1000_write(e, E1000_RSSRK + i, word_of(key + i));
	e1000_write_table(e);
	e1000_write(e, E1000_MRQC, E1000_MRQC_RSS | E1000_MRQC_TCP_IPV4 | E1000_MRQC_IPV4 | E1000_MRQC_TCP_IPV6 | E1000_MRQC_IPV6);
}

/* Vector i for both rings of queue i, the one behind them for the rest; a cause is cleared and masked when its vector fires. */
static void init_vectors(struct e1000 *e)
{
	u32 ivar = (e->nr_queues | E1000_IVAR_VALID) << 16 | E1000_IVAR_TX_EVERY, causes = E1000_INT_OTHER;
	u32 i;

	for (i = 0; i < e->nr_queues; i++) {
		ivar |= (i | E1000_IVAR_VALID) << (4 * i) | (i | E1000_IVAR_VALID) << (8 + 4 * i);
		causes |= (E1000_INT_RXQ0 | E1000_INT_TXQ0) << i;
	}
	e1000_write(e, E1000_IVAR, ivar);
	e1000_write(e, E1000_CTRL_EXT, e1000_read(e, E1000_CTRL_EXT) | E1000_CTRL_EXT_EIAME | E1000_CTRL_EXT_PBA_CLR);
	e1000_write(e, E1000_EIAC, causes);
	e1000_write(e, E1000_IAM, causes);
}

void e1000_init_82574(struct e1000 *e)
{
	if (!e->is_82574)
		return;
	e1000_write(e, E1000_RFCTL, e1000_read(e, E1000_RFCTL) | E1000_RFCTL_EXSTEN | E1000_RFCTL_ACKDIS);
	for (unsigned i = 0; i < e->nr_queues; i++)
		e1000_write(e, E1000_TXDCTL + i * E1000_QUEUE_STRIDE,
			    e1000_read(e, E1000_TXDCTL + i * E1000_QUEUE_STRIDE) | E1000_TXDCTL_RSV);
	if (e->vectors)
		init_vectors(e);
	if (e->nr_queues > 1)
		init_rss(e);
	else
		e1000_write(e, E1000_MRQC, 0);
}

/* ---- interrupts ---- */

static int request_vectors(struct e1000 *e)
{
	unsigned i, first = e->queues[0].cpu->id;
	int err = 0;

	for (i = 0; i < e->nr_queues && !err; i++)
		err = irq_request_msix(e->pdev, i, e->queues[i].cpu->id, e->dev.name, e1000_queue_irq, &e->queues[i]);
	return err ?: irq_request_msix(e->pdev, i, first, e->dev.name, e1000_other_irq, e);
}

int e1000_request_irqs(struct e1000 *e)
{
	int err = e->vectors ? request_vectors(e) : irq_request_intx(e->pdev, e->dev.name, e1000_irq, e);

	if (err && e->vectors && e->nr_queues == 1) {
		log_warn("e1000 %s: MSI-X refused (%s), using INTx", e->pdev->name, errno_name(err));
		pci_msix_enable(e->pdev, false);
		e->vectors = false;
		err = irq_request_intx(e->pdev, e->dev.name, e1000_irq, e);
	}
	for (unsigned i = 0; i < e->nr_queues; i++) {
		e->queues[i].ims = e->vectors ? E1000_INT_RXQ0 << i : E1000_INT_ALWAYS;
		e->queues[i].ims_tx = e->vectors ? E1000_INT_TXQ0 << i : E1000_INT_TXDW;
	}
	return err;
}
