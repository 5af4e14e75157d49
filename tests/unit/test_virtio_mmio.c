/* SPDX-License-Identifier: MIT
 * test_virtio_mmio.c - the registers of virtio's MMIO transport under the virtio-net driver: how devices are named, an honest
 * one, and one that says what cannot be.
 */
#include "arch/x86_64/acpi.h"
#include "drivers/virtio-net/virtio_mmio.h"
#include "host/fake_virtio_rig.h"

#define TOLD "virtio_mmio.device=512@0xfeb00e00:12"

static struct fake_virtio *mmio_device(void)
{
	fake_machine_reset();
	rig_cmdline = TOLD;
	return fake_virtio_create_mmio();
}

TEST(a_device_that_the_command_line_names_serves)
{
	struct fake_virtio *d = mmio_device();
	struct rig *r = rig_create(0);

	CHECK_STR(r->dev->bus, "mmio@feb00e00");
	CHECK_MEM(r->dev->addr, d->mac, 6);
	CHECK_EQ(r->dev->mtu, 1500);
	CHECK_EQ(r->dev->nr_txq, 1);
	expect_working(r, d);
	CHECK(r->dev->rx[0].interrupts > 0);
	CHECK(!fake_gsi(FAKE_MMIO_GSI)); /* nothing to acknowledge: not this device's */
	finish(r, d);
}

TEST(a_device_that_the_firmware_names_serves)
{
	struct fake_virtio *d = mmio_device();
	struct rig *r;

	rig_cmdline = "";
	acpi.virtio[acpi.nr_virtio++] = (struct acpi_virtio){ .base = FAKE_MMIO_BASE, .len = 0x200, .gsi = FAKE_MMIO_GSI };
	r = rig_create(0);
	expect_working(r, d);
	finish(r, d);
}

TEST(the_link_goes_down_and_up)
{
	struct fake_virtio *d = mmio_device();
	struct rig *r = rig_create(0);

	fake_virtio_set_link(d, false);
	rig_run(r, 0);
	CHECK(!r->dev->carrier);
	fake_virtio_set_link(d, true);
	rig_run(r, 0);
	CHECK(r->dev->carrier);
	expect_working(r, d);
	finish(r, d);
}

TEST(words_that_name_no_device_are_refused)
{
	static const char *const bad[] = {
		"", "512", "512@", "512@0xfeb00e00", "@0xfeb00e00:12", "512@:12", "512@0xfeb00e00:", "512@0xfeb00e00:x",
		"256@0xfeb00e00:12", "0x20000@0xfeb00e00:12", "512@0xfeb00e01:12", "512@0xfeb00e00:256", "512@0xfeb00e00:12:",
		"512@0xfffffffffffffe04:12", "512@0x100000:12", "99999999999999999999999@0xfeb00e00:12",
	};
	struct virtio_mmio_place p;

	fake_machine_reset();
	fake_ram_end = 0x4000000;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK(!virtio_mmio_parse(bad[i], &p));
	CHECK(virtio_mmio_parse("512@0xfeb00e00:12:3", &p));
	CHECK_EQ(p.base, 0xfeb00e00);
	CHECK_EQ(p.len, 512);
	CHECK_EQ(p.gsi, 12);
}

static void expect_none(struct fake_virtio *d)
{
	struct rig *r = rig_probe(0);

	CHECK(!r->dev);
	finish(r, d);
}

TEST(what_is_no_network_device_of_the_modern_interface_is_left_alone)
{
	struct fake_virtio *d = mmio_device();

	d->version = VIRTIO_MMIO_VERSION_LEGACY;
	expect_none(d);
	d = mmio_device();
	d->version = 3;
	expect_none(d);
	d = mmio_device();
	d->magic = 0;
	expect_none(d);
	d = mmio_device();
	d->kind = 0; /* an empty place */
	expect_none(d);
	d = mmio_device();
	d->offered &= ~VIRTIO_F_VERSION_1;
	expect_none(d);
}

TEST(a_device_without_queues_to_speak_of_is_left_alone)
{
	static const u16 sizes[] = { 0, 1, 63 };

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct fake_virtio *d = mmio_device();

		d->queue_max = sizes[i];
		expect_none(d);
	}
}

TEST(a_queue_size_that_is_no_power_of_two_is_rounded_down)
{
	struct fake_virtio *d = mmio_device();
	struct rig *r;

	d->queue_max = 200;
	r = rig_create(0);
	CHECK_EQ(r->dev->rings.rx, 128);
	expect_working(r, d);
	finish(r, d);
}

/* The device is there, and does not open. */
static void expect_closed(struct fake_virtio *d)
{
	struct rig *r = rig_probe(0);

	REQUIRE(r->dev != NULL);
	CHECK(dev_open(r->dev) < 0);
	rig_run(r, NSEC_PER_SEC);
	CHECK_EQ(r->nr_in, 0);
	finish(r, d);
}

TEST(a_queue_that_is_ready_before_or_never_is_not_used)
{
	struct fake_virtio *d = mmio_device();

	d->never_ready = true;
	expect_closed(d);
	d = mmio_device();
	d->always_ready = true;
	expect_closed(d);
	d = mmio_device();
	d->refuse_features = true;
	expect_closed(d);
}

TEST(a_configuration_that_never_comes_to_rest_is_read_at_last)
{
	struct fake_virtio *d = mmio_device();
	struct rig *r;

	d->restless = true;
	r = rig_create(0);
	expect_working(r, d);
	finish(r, d);
}

TEST(a_device_that_does_not_reset_loses_its_queues)
{
	struct fake_virtio *d = mmio_device();
	struct rig *r = rig_create(0);

	d->never_resets = true;
	dev_close(r->dev);
	CHECK(!d->vq[0].enabled && !d->vq[1].enabled);
	CHECK(dev_open(r->dev) < 0);
	finish(r, d);
}

TEST(lies_about_what_was_used_reset_it)
{
	struct fake_virtio *d = mmio_device();
	struct rig *r = rig_create(0);

	fake_virtio_push(d, 0, 999, 1);
	fake_virtio_interrupt(d, 0);
	rig_run(r, 0);
	CHECK_EQ(r->dev->rx[0].lies, 1);
	CHECK_EQ(r->dev->rx[0].resets, 1);
	expect_working(r, d);
	finish(r, d);
}

TEST(causes_that_do_not_exist_are_acknowledged_and_harm_nobody)
{
	struct fake_virtio *d = mmio_device();
	struct rig *r = rig_create(0);

	d->isr = 0xfc;
	CHECK(fake_gsi(FAKE_MMIO_GSI));
	CHECK_EQ(d->isr, 0);
	d->isr = 0xff;
	fake_gsi(FAKE_MMIO_GSI);
	expect_working(r, d);
	finish(r, d);
}
