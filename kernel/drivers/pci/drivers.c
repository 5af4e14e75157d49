/* SPDX-License-Identifier: MIT
 * drivers.c - the drivers of the image. To add one: its file, its line here, its object in the Makefile.
 */
#include "drivers/pci/pci.h"
#include "drivers/e1000/e1000.h"
#include "drivers/virtio-net/virtio_net.h"

const struct pci_driver *const pci_drivers[] = {&virtio_net_driver, &e1000_driver, NULL};
