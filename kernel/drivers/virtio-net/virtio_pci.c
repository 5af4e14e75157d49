/* SPDX-License-Identifier: MIT
 * virtio_pci.c - virtio over PCI, the modern interface only (virtio 1.2, 4.1): four windows in BARs, found by capabilities.
 *
 * The capabilities are the device's word: each window is checked against its BAR before it is mapped, each queue's
 * doorbell against the notification window. Interrupts: MSI-X with one vector per handler, else the INTx line and ISR.
 */
#include "drivers/virtio-net/virtio.h"

#include "arch/x86_64/io.h"
#include "arch/x86_64/paging.h"
#include "drivers/pci/pci.h"
#include "drivers/pci/pci_hw.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "platform.h"

#define RESET_TIMEOUT_NS    (100 * NSEC_PER_MSEC)
#define CONFIG_READ_RETRIES 16
#define DEVICE_CFG_BYTES    64 /* of the device's configuration we look at, at most */

struct window {
	volatile u8 *at;
	u32 len;
};

struct virtio_pci {
	struct virtio_device vdev;
	struct pci_dev *pdev;
	struct window common, notify, isr, device;
	u32 notify_mult;
};

static struct virtio_pci *to_vp(struct virtio_device *vdev)
{
	return container_of(vdev, struct virtio_pci, vdev);
}

/* ---- status, features, configuration ---- */

static u8 vp_get_status(struct virtio_device *vdev)
{
	return mmio_read8(to_vp(vdev)->common.at + VIRTIO_PCI_DEVICE_STATUS);
}

static void vp_set_status(struct virtio_device *vdev, u8 status)
{
	mmio_write8(to_vp(vdev)->common.at + VIRTIO_PCI_DEVICE_STATUS, status);
}

/* 4.1.4.3.2: the driver waits until device_status reads 0. */
static int vp_reset(struct virtio_device *vdev)
{
	u64 start = clock_ns();

	pci_enable(to_vp(vdev)->pdev);
	vp_set_status(vdev, 0);
	while (vp_get_status(vdev)) {
		if (clock_ns() - start > RESET_TIMEOUT_NS) {
			pci_disable_master(to_vp(vdev)->pdev);
			return -EIO;
		}
		cpu_relax();
	}
	return 0;
}

static u64 vp_get_features(struct virtio_device *vdev)
{
	volatile u8 *c = to_vp(vdev)->common.at;
	u64 low;

	mmio_write32(c + VIRTIO_PCI_DEVICE_FEATURE_SELECT, 0);
	low = mmio_read32(c + VIRTIO_PCI_DEVICE_FEATURE);
	mmio_write32(c + VIRTIO_PCI_DEVICE_FEATURE_SELECT, 1);
	return (u64)mmio_read32(c + VIRTIO_PCI_DEVICE_FEATURE) << 32 | low;
}

static void vp_set_features(struct virtio_device *vdev, u64 features)
{
	volatile u8 *c = to_vp(vdev)->common.at;

	mmio_write32(c + VIRTIO_PCI_DRIVER_FEATURE_SELECT, 0);
	mmio_write32(c + VIRTIO_PCI_DRIVER_FEATURE, (u32)features);
	mmio_write32(c + VIRTIO_PCI_DRIVER_FEATURE_SELECT, 1);
	mmio_write32(c + VIRTIO_PCI_DRIVER_FEATURE, (u32)(features >> 32));
}

/* 2.5.3: read, and again when the generation changed meanwhile. */
static void vp_config_read(struct virtio_device *vdev, unsigned off, void *buf, unsigned len)
{
	struct virtio_pci *vp = to_vp(vdev);
	volatile u8 *generation = vp->common.at + VIRTIO_PCI_CONFIG_GENERATION;
	unsigned i, tries;
	u8 before, *out = buf;

	for (tries = 0; tries < CONFIG_READ_RETRIES; tries++) {
		before = mmio_read8(generation);
		for (i = 0; i < len; i++)
			out[i] = off + i < vp->device.len ? mmio_read8(vp->device.at + off + i) : 0;
		if (mmio_read8(generation) == before)
			return;
	}
}

/* ---- queues ---- */

static u16 vp_queue_max(struct virtio_device *vdev, u16 index)
{
	volatile u8 *c = to_vp(vdev)->common.at;

	if (index >= mmio_read16(c + VIRTIO_PCI_NUM_QUEUES))
		return 0;
	mmio_write16(c + VIRTIO_PCI_QUEUE_SELECT, index);
	return mmio_read16(c + VIRTIO_PCI_QUEUE_SIZE);
}

static void write_address(volatile u8 *at, const volatile void *p)
{
	u64 phys = virt_to_phys(p);

	mmio_write32(at, (u32)phys);
	mmio_write32(at + 4, (u32)(phys >> 32));
}

/* A vector the device could not take reads back as NO_VECTOR (4.1.5.1.2.1). */
static int route(struct virtio_pci *vp, unsigned reg, u16 vector)
{
	if (!vp->vdev.vectors)
		return 0;
	mmio_write16(vp->common.at + reg, vector);
	return mmio_read16(vp->common.at + reg) == vector ? 0 : -EIO;
}

static void vp_config_irq(struct virtio_device *vdev)
{
	if (route(to_vp(vdev), VIRTIO_PCI_CONFIG_MSIX_VECTOR, 0) < 0)
		log_warn("virtio %s: no vector for configuration changes", vdev->bus);
}

static int vp_queue_enable(struct virtio_device *vdev, struct virtqueue *vq)
{
	struct virtio_pci *vp = to_vp(vdev);
	volatile u8 *c = vp->common.at;
	u64 doorbell;

	mmio_write16(c + VIRTIO_PCI_QUEUE_SELECT, vq->index);
	doorbell = (u64)mmio_read16(c + VIRTIO_PCI_QUEUE_NOTIFY_OFF) * vp->notify_mult;
	if (doorbell + sizeof(u16) > vp->notify.len)
		return -EIO;
	vq->notify_addr = vp->notify.at + doorbell;
	mmio_write16(c + VIRTIO_PCI_QUEUE_SIZE, vq->size);
	write_address(c + VIRTIO_PCI_QUEUE_DESC, vq->desc);
	write_address(c + VIRTIO_PCI_QUEUE_DRIVER, vq->avail);
	write_address(c + VIRTIO_PCI_QUEUE_DEVICE, vq->used);
	if (route(vp, VIRTIO_PCI_QUEUE_MSIX_VECTOR,
		  vq->index + 1u < vdev->nr_irqs ? (u16)(vq->index + 1) : VIRTIO_MSI_NO_VECTOR) < 0)
		return -EIO;
	mmio_write16(c + VIRTIO_PCI_QUEUE_ENABLE, 1);
	return 0;
}

static void vp_notify(struct virtqueue *vq)
{
	mmio_write16(vq->notify_addr, vq->index);
}

/* ---- interrupts ---- */

/* The line is shared with other functions; reading ISR tells whether it was us, and acknowledges (4.1.4.5). */
static bool vp_intx(void *arg)
{
	struct virtio_pci *vp = arg;
	u8 isr = mmio_read8(vp->isr.at);
	unsigned i;

	if (isr & VIRTIO_PCI_ISR_CONFIG)
		vp->vdev.irqs[0].fn(vp->vdev.irqs[0].arg);
	if (isr & VIRTIO_PCI_ISR_QUEUE)
		for (i = 1; i < vp->vdev.nr_irqs; i++)
			vp->vdev.irqs[i].fn(vp->vdev.irqs[i].arg);
	return isr != 0;
}

static unsigned vp_nr_vectors(struct virtio_device *vdev)
{
	return irq_msix_count(to_vp(vdev)->pdev);
}

static int vp_request_irqs(struct virtio_device *vdev, const struct virtio_irq *irqs, unsigned nr)
{
	struct virtio_pci *vp = to_vp(vdev);
	unsigned i;
	int err = nr > VIRTIO_MAX_IRQS ? -EINVAL : 0;

	for (i = 0; i < nr && !err; i++)
		vdev->irqs[i] = irqs[i];
	if (err)
		return err;
	vdev->nr_irqs = nr;
	if (irq_msix_count(vp->pdev) >= nr) {
		for (i = 0; i < nr && !err; i++)
			err = irq_request_msix(vp->pdev, i, irqs[i].cpu, irqs[i].name, irqs[i].fn,
					       irqs[i].arg);
		vdev->vectors = !err;
		if (!err)
			return 0;
		pci_msix_enable(vp->pdev, false);
		if (nr > VIRTIO_ONE_PAIR)
			return err;
		log_warn("virtio %s: MSI-X refused (%s), using INTx", vdev->bus, errno_name(err));
	}
	if (nr > VIRTIO_ONE_PAIR)
		return -ENOSPC;
	return irq_request_intx(vp->pdev, irqs[0].name, vp_intx, vp);
}

static const struct virtio_transport_ops virtio_pci_ops = {
	.name = "virtio-pci",
	.line = "INTx",
	.reset = vp_reset,
	.get_status = vp_get_status,
	.set_status = vp_set_status,
	.get_features = vp_get_features,
	.set_features = vp_set_features,
	.config_read = vp_config_read,
	.queue_max = vp_queue_max,
	.queue_enable = vp_queue_enable,
	.notify = vp_notify,
	.nr_vectors = vp_nr_vectors,
	.request_irqs = vp_request_irqs,
	.config_irq = vp_config_irq,
};

/* ---- the four windows ---- */

/* Maps what a capability describes, `max` bytes of it at most. 4.1.4: the first usable one of a type counts. */
static void map_window(struct virtio_pci *vp, unsigned cap, struct window *w, u32 min, u32 max)
{
	u8 bar = pci_read8(vp->pdev, cap + VIRTIO_PCI_CAP_BAR);
	u32 off = pci_read32(vp->pdev, cap + VIRTIO_PCI_CAP_OFFSET);
	u32 len = MIN(pci_read32(vp->pdev, cap + VIRTIO_PCI_CAP_LENGTH), max);

	if (w->at || len < min)
		return;
	w->at = pci_map_bar(vp->pdev, bar, off, len);
	w->len = len;
}

static void read_cap(struct virtio_pci *vp, unsigned cap)
{
	u8 len = pci_read8(vp->pdev, cap + VIRTIO_PCI_CAP_LEN);

	if (len < VIRTIO_PCI_CAP_BYTES)
		return;
	switch (pci_read8(vp->pdev, cap + VIRTIO_PCI_CAP_CFG_TYPE)) {
	case VIRTIO_PCI_CAP_COMMON_CFG:
		map_window(vp, cap, &vp->common, VIRTIO_PCI_COMMON_BYTES, PAGE_SIZE);
		break;
	case VIRTIO_PCI_CAP_NOTIFY_CFG:
		if (len < VIRTIO_PCI_NOTIFY_CAP_BYTES)
			break;
		vp->notify_mult = pci_read32(vp->pdev, cap + VIRTIO_PCI_CAP_NOTIFY_MULT);
		map_window(vp, cap, &vp->notify, sizeof(u16), 1u << 20);
		break;
	case VIRTIO_PCI_CAP_ISR_CFG:
		map_window(vp, cap, &vp->isr, 1, PAGE_SIZE);
		break;
	case VIRTIO_PCI_CAP_DEVICE_CFG:
		map_window(vp, cap, &vp->device, 1, DEVICE_CFG_BYTES);
		break;
	}
}

struct virtio_device *virtio_pci_create(struct pci_dev *pdev)
{
	struct virtio_pci *vp = kzalloc(sizeof(*vp));
	unsigned cap = 0, n;

	if (!vp)
		return NULL;
	vp->vdev.ops = &virtio_pci_ops;
	vp->vdev.bus = pdev->name;
	vp->pdev = pdev;
	pci_enable(pdev);
	for (n = 0; n < 16 && (cap = pci_find_cap(pdev, PCI_CAP_ID_VENDOR, cap)) != 0; n++)
		read_cap(vp, cap);
	if (vp->common.at && vp->notify.at && vp->isr.at && vp->device.at)
		return &vp->vdev;
	log_err("virtio %s: no modern interface (virtio 1.0 or later is needed)", pdev->name);
	kfree(vp);
	return NULL;
}

void virtio_pci_destroy(struct virtio_device *vdev)
{
	kfree(to_vp(vdev));
}
