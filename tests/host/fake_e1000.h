/* SPDX-License-Identifier: MIT
 * fake_e1000.h - an 8254x or 82574L controller on the fake PCI bus, written from the manual's device side: registers, EEPROM,
 * rings, interrupt causes, checksum insertion and segmentation.
 *
 * It is honest until a test tells it otherwise, and checks what the driver does (ring addresses and lengths, tail moves,
 * buffers in place, contexts that make sense).
 */
#pragma once

#include "drivers/e1000/e1000_hw.h"
#include "host/fake_machine.h"

#define FAKE_E1000_FRAMES 64

struct fake_e1000 {
	struct fake_func *func;
	bool is_82574;
	u16 eeprom[64];
	/* ---- misbehaviour ---- */
	bool eeprom_dead;  /* EERD never says done */
	bool never_resets; /* CTRL.RST stays */
	bool lazy_tx;      /* transmits only when told: fake_e1000_send() */
	bool short_tx;     /* reports nothing: descriptors are not written back */
	bool gone;         /* off the bus: all ones */
	u32 mrq;           /* what it writes of RSS: type of the hash, queue */
	void (*before_unmask)(struct fake_e1000 *d); /* the last moment at which a cause is still masked */
	/* ---- state ---- */
	u32 regs[0x20000 / 4];
	u32 icr, ims;
	u32 tso_pending;
	struct e1000_tx_context checksum, tso;
	unsigned resets, tdt_writes, rdt_writes, interrupts, vectors[8]; /* interrupts: in all, and by vector */
	/* ---- what was sent: the last frame, and the one that is being put together ---- */
	unsigned nr_sent, nr_contexts, nr_descs;
	u32 sent_len, build_len;
	u8 build_popts;
	bool build_tse;
	u8 sent[2048], build[70000];
	/* ---- lengths of the last frames, for segmentation ---- */
	u32 sent_lens[FAKE_E1000_FRAMES];
};

/* At slot `slot` of bus 0, an 82540EM with address 52:54:00:12:34:57, link up. Caller frees. */
struct fake_e1000 *fake_e1000_create(u8 slot);
/* The same as an 82574L: extended receive descriptors, a vector for each cause. */
struct fake_e1000 *fake_e1000e_create(u8 slot);
void fake_e1000_set_mac(struct fake_e1000 *d, const u8 mac[6]); /* with the checksum right */
/* Gives the driver a frame, in pieces of `piece` bytes (0: whole), status bits beside DD and EOP, errors.
 * false: no descriptors. Interrupts when unmasked. */
bool fake_e1000_receive(struct fake_e1000 *d, const void *frame, u32 len, u32 piece, u8 status, u8 errors);
/* The same to the second queue of an 82574L, whole and without errors. */
bool fake_e1000_receive_second(struct fake_e1000 *d, const void *frame, u32 len);
/* Writes back the next receive descriptor as it is told. */
void fake_e1000_write_back(struct fake_e1000 *d, u16 len, u8 status, u8 errors);
/* Descriptors the driver has given and the device not used. */
unsigned fake_e1000_offered(const struct fake_e1000 *d);
/* Takes all that is in the transmit ring; returns how many frames (segments count). */
unsigned fake_e1000_send(struct fake_e1000 *d);
/* Sets causes, and interrupts when one is unmasked. */
void fake_e1000_cause(struct fake_e1000 *d, u32 cause);
void fake_e1000_set_link(struct fake_e1000 *d, bool up);
