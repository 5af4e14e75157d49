/* SPDX-License-Identifier: MIT
 * virtio.h - a virtio device as its driver sees it, whatever carries it: PCI (virtio_pci.c) or registers alone (virtio_mmio.c).
 *
 * A transport is a table of ops; virtio 1.2 chapter 3.1.1 is the order in which the driver calls them.
 */
#pragma once

#include "core/irq.h"
#include "drivers/virtio-net/virtqueue.h"

#define VIRTIO_MAX_IRQS (1 + 2 * MAX_CPUS) /* configuration, then receive and transmit of each pair */
#define VIRTIO_ONE_PAIR 3                 /* of them for a single pair: so few can share a line */

/* irqs[0] is for configuration changes, irqs[1 + i] for queue i. The handlers run in hard IRQ. */
struct virtio_irq {
	const char *name;
	irq_handler_t fn;
	void *arg;
	unsigned cpu;
};

struct virtio_device;

struct virtio_transport_ops {
	const char *name;
	const char *line; /* what it has instead of vectors */
	/* Status 0, and waits until the device says so: no DMA afterwards. -EIO: it does not; it was cut off the bus. */
	int (*reset)(struct virtio_device *vdev);
	u8 (*get_status)(struct virtio_device *vdev);
	void (*set_status)(struct virtio_device *vdev, u8 status);
	u64 (*get_features)(struct virtio_device *vdev);
	void (*set_features)(struct virtio_device *vdev, u64 features);
	/* Bytes of the device's configuration, all of one generation; zeros past its end. */
	void (*config_read)(struct virtio_device *vdev, unsigned off, void *buf, unsigned len);
	/* Entries of queue `index` at most; 0: there is no such queue. */
	u16 (*queue_max)(struct virtio_device *vdev, u16 index);
	/* Hands the ring to the device and routes its interrupt. Sets vq->notify_addr. 0 or -errno. */
	int (*queue_enable)(struct virtio_device *vdev, struct virtqueue *vq);
	void (*notify)(struct virtqueue *vq);
	/* Interrupt vectors that the device has. */
	unsigned (*nr_vectors)(struct virtio_device *vdev);
	/* Once per device, or again after an error: connects the handlers, each with a vector of its own; at most
	 * VIRTIO_ONE_PAIR of them by one line, where vectors are lacking. A queue without a handler has no interrupt.
	 * 0 or -errno. */
	int (*request_irqs)(struct virtio_device *vdev, const struct virtio_irq *irqs, unsigned nr);
	/* After a reset, before queues: routes configuration changes again. */
	void (*config_irq)(struct virtio_device *vdev);
};

struct virtio_device {
	const struct virtio_transport_ops *ops;
	const char *bus; /* "00:03.0", "mmio@feb00e00" */
	struct virtio_irq irqs[VIRTIO_MAX_IRQS];
	unsigned nr_irqs;
	bool vectors; /* irqs[i] has vector i; else one line serves all */
};

struct pci_dev;
/* The device behind a PCI function; NULL (and a log line) when it is no modern virtio. */
struct virtio_device *virtio_pci_create(struct pci_dev *pdev);
/* For a device that no driver took; what request_irqs() was called for stays for good. */
void virtio_pci_destroy(struct virtio_device *vdev);
