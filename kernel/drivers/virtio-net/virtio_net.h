/* SPDX-License-Identifier: MIT
 * virtio_net.h - the door of the virtio-net driver: its row for the driver table.
 */
#pragma once

#include "drivers/pci/pci.h"

struct virtio_device;

extern const struct pci_driver virtio_net_driver;

/* Takes a network device of any transport: reads what it offers, registers ethN. 0, or -errno and nothing kept. */
int virtnet_attach(struct net *net, struct virtio_device *vdev);
