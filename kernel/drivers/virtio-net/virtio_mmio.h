/* SPDX-License-Identifier: MIT
 * virtio_mmio.h - the virtio devices that are no PCI functions (virtio 1.2, 4.2).
 */
#pragma once

#include "lib/types.h"

struct net;

struct virtio_mmio_place {
	u64 base;        /* physical */
	u32 len, gsi;
	bool active_low; /* of the interrupt line, which is level-triggered */
};

/* Takes the network devices that the firmware and words virtio_mmio.device= of the command line name. Returns how many. Boot. */
unsigned virtio_mmio_init(struct net *net, const char *cmdline);
/* SIZE@BASE:GSI, and :ID, which is passed over. False: it is not that, or lies in RAM. */
bool virtio_mmio_parse(const char *text, struct virtio_mmio_place *place);
