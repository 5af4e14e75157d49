/* SPDX-License-Identifier: MIT
 * virtio_mmio.c - virtio over a window of registers and one interrupt line (virtio 1.2, 4.2), as small machines have it.
 *
 * Nothing enumerates these devices: the firmware's tables name them (acpi.c), or words of the command line do, in Linux's
 * form: virtio_mmio.device=SIZE@BASE:GSI. Control registers are accessed by 32 bits, the device's configuration by the width of
 * its fields (4.2.2.2). The old interface (version 1) is refused.
 */
#include "drivers/virtio-net/virtio_mmio.h"

#include "arch/x86_64/acpi.h"
#include "arch/x86_64/io.h"
#include "arch/x86_64/paging.h"
#include "core/cmdline.h"
#include "drivers/virtio-net/virtio.h"
#include "drivers/virtio-net/virtio_net.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "platform.h"

#define RESET_TIMEOUT_NS    (100 * NSEC_PER_MSEC)
#define CONFIG_READ_RETRIES 16
#define MAX_QUEUES	    (2 * MAX_CPUS + 1)
#define MAX_WINDOW	    0x10000 /* bytes: the configuration of no device is so large */

struct virtio_mmio {
	struct virtio_device vdev;
	volatile u8 *regs;
	struct virtio_mmio_place place;
	char name[24]; /* "mmio@feb00e00" */
};

static struct virtio_mmio *to_vm(struct virtio_device *vdev)
{
	return container_of(vdev, struct virtio_mmio, vdev);
}

static u32 reg_read(struct virtio_device *vdev, u32 reg) { return mmio_read32(to_vm(vdev)->regs + reg); }
static void reg_write(struct virtio_device *vdev, u32 reg, u32 v) { mmio_write32(to_vm(vdev)->regs + reg, v); }

/* ---- status, features, configuration ---- */

static u8 vm_get_status(struct virtio_device *vdev) { return (u8)reg_read(vdev, VIRTIO_MMIO_STATUS); }
static void vm_set_status(struct virtio_device *vdev, u8 status) { reg_write(vdev, VIRTIO_MMIO_STATUS, status); }

/* There is no bus to cut the device off: one that does not reset has its queues taken away, each by itself (4.2.2.2). */
static int cut_off(struct virtio_device *vdev)
{
	for (u32 i = 0; i < MAX_QUEUES; i++) {
		reg_write(vdev, VIRTIO_MMIO_QUEUE_SEL, i);
		reg_write(vdev, VIRTIO_MMIO_QUEUE_READY, 0);
	}
	return -EIO;
}

static int vm_reset(struct virtio_device *vdev)
{
	u64 start = clock_ns();

	vm_set_status(vdev, 0);
	while (vm_get_status(vdev)) {
		if (clock_ns() - start > RESET_TIMEOUT_NS)
			return cut_off(vdev);
		cpu_relax();
	}
	return 0;
}

static u64 vm_get_features(struct virtio_device *vdev)
{
	u64 low;

	reg_write(vdev, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	low = reg_read(vdev, VIRTIO_MMIO_DEVICE_FEATURES);
	reg_write(vdev, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	return (u64)reg_read(vdev, VIRTIO_MMIO_DEVICE_FEATURES) << 32 | low;
}

static void vm_set_features(struct virtio_device *vdev, u64 features)
{
	reg_write(vdev, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	reg_write(vdev, VIRTIO_MMIO_DRIVER_FEATURES, (u32)features);
	reg_write(vdev, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	reg_write(vdev, VIRTIO_MMIO_DRIVER_FEATURES, (u32)(features >> 32));
}

/* A field of two or four bytes in one access, other things by bytes. */
static void config_copy(struct virtio_mmio *vm, unsigned off, void *buf, unsigned len)
{
	volatile u8 *at = vm->regs + VIRTIO_MMIO_CONFIG + off;
	u32 v32;
	u16 v16;

	memset(buf, 0, len);
	if (off + len > vm->place.len - VIRTIO_MMIO_CONFIG)
		return;
	if (len == sizeof(u16) && !(off % sizeof(u16))) {
		v16 = mmio_read16(at);
		memcpy(buf, &v16, sizeof(v16));
	} else if (len == sizeof(u32) && !(off % sizeof(u32))) {
		v32 = mmio_read32(at);
		memcpy(buf, &v32, sizeof(v32));
	} else {
		for (unsigned i = 0; i < len; i++)
			((u8 *)buf)[i] = mmio_read8(at + i);
	}
}

/* 2.5.3: read, and again when the generation changed meanwhile. */
static void vm_config_read(struct virtio_device *vdev, unsigned off, void *buf, unsigned len)
{
	for (unsigned tries = 0; tries < CONFIG_READ_RETRIES; tries++) {
		u32 before = reg_read(vdev, VIRTIO_MMIO_CONFIG_GENERATION);

		config_copy(to_vm(vdev), off, buf, len);
		if (reg_read(vdev, VIRTIO_MMIO_CONFIG_GENERATION) == before)
			return;
	}
}

/* ---- queues ---- */

/* 4.2.2.2: a queue that is in use already is none that can be had; QueueNumMax is 0 where there is none. */
static u16 vm_queue_max(struct virtio_device *vdev, u16 index)
{
	reg_write(vdev, VIRTIO_MMIO_QUEUE_SEL, index);
	return (u16)MIN(reg_read(vdev, VIRTIO_MMIO_QUEUE_NUM_MAX), 0x8000u);
}

static void write_address(struct virtio_device *vdev, u32 reg, const volatile void *p)
{
	u64 phys = virt_to_phys(p);

	reg_write(vdev, reg, (u32)phys);
	reg_write(vdev, reg + 4, (u32)(phys >> 32));
}

static int vm_queue_enable(struct virtio_device *vdev, struct virtqueue *vq)
{
	vq->notify_addr = to_vm(vdev)->regs + VIRTIO_MMIO_QUEUE_NOTIFY;
	reg_write(vdev, VIRTIO_MMIO_QUEUE_SEL, vq->index);
	if (reg_read(vdev, VIRTIO_MMIO_QUEUE_READY) || reg_read(vdev, VIRTIO_MMIO_QUEUE_NUM_MAX) < vq->size)
		return -EIO;
	reg_write(vdev, VIRTIO_MMIO_QUEUE_NUM, vq->size);
	write_address(vdev, VIRTIO_MMIO_QUEUE_DESC, vq->desc);
	write_address(vdev, VIRTIO_MMIO_QUEUE_DRIVER, vq->avail);
	write_address(vdev, VIRTIO_MMIO_QUEUE_DEVICE, vq->used);
	reg_write(vdev, VIRTIO_MMIO_QUEUE_READY, 1);
	return reg_read(vdev, VIRTIO_MMIO_QUEUE_READY) ? 0 : -EIO;
}

static void vm_notify(struct virtqueue *vq) { mmio_write32(vq->notify_addr, vq->index); }

/* ---- interrupts: one line for all ---- */

static bool vm_irq(void *arg)
{
	struct virtio_mmio *vm = arg;
	struct virtio_device *vdev = &vm->vdev;
	u32 status = reg_read(vdev, VIRTIO_MMIO_INTERRUPT_STATUS);

	reg_write(vdev, VIRTIO_MMIO_INTERRUPT_ACK, status);
	if (status & VIRTIO_PCI_ISR_CONFIG)
		vdev->irqs[0].fn(vdev->irqs[0].arg);
	if (status & VIRTIO_PCI_ISR_QUEUE)
		for (unsigned i = 1; i < vdev->nr_irqs; i++)
			vdev->irqs[i].fn(vdev->irqs[i].arg);
	return status != 0;
}

static unsigned vm_nr_vectors(struct virtio_device *vdev) { return 0; }

static int vm_request_irqs(struct virtio_device *vdev, const struct virtio_irq *irqs, unsigned nr)
{
	struct virtio_mmio *vm = to_vm(vdev);

	if (nr > VIRTIO_ONE_PAIR)
		return -ENOSPC;
	for (unsigned i = 0; i < nr; i++)
		vdev->irqs[i] = irqs[i];
	vdev->nr_irqs = nr;
	return irq_request_gsi(vm->place.gsi, vm->place.active_low, irqs[0].name, vm_irq, vm);
}

static void vm_config_irq(struct virtio_device *vdev) { }

static const struct virtio_transport_ops virtio_mmio_ops = {
	.name = "virtio-mmio",
	.line = "one line",
	.reset = vm_reset,
	.get_status = vm_get_status,
	.set_status = vm_set_status,
	.get_features = vm_get_features,
	.set_features = vm_set_features,
	.config_read = vm_config_read,
	.queue_max = vm_queue_max,
	.queue_enable = vm_queue_enable,
	.notify = vm_notify,
	.nr_vectors = vm_nr_vectors,
	.request_irqs = vm_request_irqs,
	.config_irq = vm_config_irq,
};

/* ---- which there are ---- */

/* 4.2.2: what the window says of itself. -ENODEV: an empty place, nothing to speak of, or another kind of device. */
static int identify(struct virtio_mmio *vm)
{
	struct virtio_device *vdev = &vm->vdev;
	u32 version, kind;

	if (reg_read(vdev, VIRTIO_MMIO_MAGIC) != VIRTIO_MMIO_MAGIC_VALUE) {
		log_err("virtio %s: no virtio device (magic value %x)", vm->name, reg_read(vdev, VIRTIO_MMIO_MAGIC));
		return -ENODEV;
	}
	kind = reg_read(vdev, VIRTIO_MMIO_DEVICE_ID);
	version = reg_read(vdev, VIRTIO_MMIO_VERSION);
	if (kind != VIRTIO_ID_NET)
		return -ENODEV;
	if (version == VIRTIO_MMIO_VERSION_MODERN)
		return 0;
	if (version == VIRTIO_MMIO_VERSION_LEGACY)
		log_err("virtio %s: the legacy interface (version 1) is not supported; "
			"QEMU has the other with -global virtio-mmio.force-legacy=false", vm->name);
	else
		log_err("virtio %s: version %u of the interface is unknown, 2 is supported", vm->name, version);
	return -ENODEV;
}

/* Registers ethN. 0 or -errno, and nothing kept. */
static int probe(struct net *net, const struct virtio_mmio_place *place)
{
	struct virtio_mmio *vm = kzalloc(sizeof(*vm));
	int err = -ENOMEM;

	if (!vm)
		return err;
	vm->place = *place;
	vm->vdev.ops = &virtio_mmio_ops;
	vm->vdev.bus = vm->name;
	scnprintf(vm->name, sizeof(vm->name), "mmio@%llx", (unsigned long long)place->base);
	vm->regs = mmio_map(place->base, place->len);
	if (vm->regs)
		err = identify(vm) ?: virtnet_attach(net, &vm->vdev);
	if (err)
		kfree(vm);
	return err;
}

/* One number, 0x before it or none, with what must follow it. */
static bool take_number(const char **p, char after, u64 *v)
{
	const char *end = after ? strchr(*p, after) : *p + strlen(*p);
	char digits[24];

	if (!end || end == *p || (size_t)(end - *p) >= sizeof(digits))
		return false;
	memcpy(digits, *p, (size_t)(end - *p));
	digits[end - *p] = '\0';
	*p = end + (after ? 1 : 0);
	return !str_to_u64(digits, v);
}

bool virtio_mmio_parse(const char *text, struct virtio_mmio_place *place)
{
	const char *colon;
	u64 len, base, gsi, id;

	if (!take_number(&text, '@', &len) || !take_number(&text, ':', &base))
		return false;
	colon = strchr(text, ':'); /* and Linux's number of the platform device, which means nothing here */
	if (!take_number(&text, colon ? ':' : '\0', &gsi) || (colon && !take_number(&text, '\0', &id)))
		return false;
	if (len <= VIRTIO_MMIO_CONFIG || len > MAX_WINDOW || base % sizeof(u32) || gsi > UINT8_MAX ||
	    base + len < base || phys_is_mapped(base, len))
		return false;
	*place = (struct virtio_mmio_place){ .base = base, .len = (u32)len, .gsi = (u32)gsi };
	return true;
}

unsigned virtio_mmio_init(struct net *net, const char *cmdline)
{
	struct virtio_mmio_place place;
	char key[32], value[64];
	unsigned n = 0;

	for (unsigned i = 0; i < acpi.nr_virtio; i++) {
		const struct acpi_virtio *a = &acpi.virtio[i];

		if (a->len <= VIRTIO_MMIO_CONFIG || a->len > MAX_WINDOW || phys_is_mapped(a->base, a->len))
			continue;
		place = (struct virtio_mmio_place){ a->base, a->len, a->gsi, a->active_low };
		n += !probe(net, &place);
	}
	while (cmdline_next(&cmdline, key, sizeof(key), value, sizeof(value))) {
		if (strcmp(key, "virtio_mmio.device"))
			continue;
		if (virtio_mmio_parse(value, &place))
			n += !probe(net, &place);
		else
			log_warn("virtio_mmio.device=%s: allowed is SIZE@BASE:GSI outside of RAM, as 512@0xfeb00e00:12; left out", value);
	}
	return n;
}
