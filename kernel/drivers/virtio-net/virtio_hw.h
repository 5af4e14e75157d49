/* SPDX-License-Identifier: MIT
 * virtio_hw.h - layouts and bits of the Virtual I/O Device specification, version 1.2: status (2.1), split virtqueues
 * (2.7), PCI transport (4.1), network device (5.1). All fields are little-endian, as this machine is.
 */
#pragma once

#include "lib/types.h"

/* 2.1: device status */
#define VIRTIO_S_ACKNOWLEDGE 1
#define VIRTIO_S_DRIVER      2
#define VIRTIO_S_DRIVER_OK   4
#define VIRTIO_S_FEATURES_OK 8
#define VIRTIO_S_NEEDS_RESET 64
#define VIRTIO_S_FAILED      128

/* 6: reserved feature bits */
#define VIRTIO_F_RING_INDIRECT_DESC (1ull << 28)
#define VIRTIO_F_RING_EVENT_IDX     (1ull << 29)
#define VIRTIO_F_VERSION_1          (1ull << 32)

/* 2.7.5: the descriptor table; 2.7.6: available ring; 2.7.8: used ring */
struct vring_desc {
	u64 addr;
	u32 len;
	u16 flags;
	u16 next;
};
_Static_assert(sizeof(struct vring_desc) == 16, "virtio 1.2, 2.7.5");
#define VRING_DESC_F_NEXT     1
#define VRING_DESC_F_WRITE    2
#define VRING_DESC_F_INDIRECT 4

struct vring_avail {
	u16 flags;
	u16 idx;
	u16 ring[]; /* and behind the last entry: u16 used_event */
};
#define VRING_AVAIL_F_NO_INTERRUPT 1

struct vring_used_elem {
	u32 id;
	u32 len;
};
struct vring_used {
	u16 flags;
	u16 idx;
	struct vring_used_elem ring[]; /* and behind the last entry: u16 avail_event */
};
#define VRING_USED_F_NO_NOTIFY 1

/* 2.7: alignment of the three parts */
#define VRING_AVAIL_ALIGN 2
#define VRING_USED_ALIGN  4

/* 4.1.2: PCI identity */
#define VIRTIO_PCI_VENDOR  0x1af4
#define VIRTIO_PCI_NET     0x1041 /* 0x1040 + device type 1 */
#define VIRTIO_PCI_NET_OLD 0x1000 /* transitional: the modern interface is there as well */

/* 4.1.4: struct virtio_pci_cap in configuration space, by offset from the capability */
#define VIRTIO_PCI_CAP_LEN           2
#define VIRTIO_PCI_CAP_CFG_TYPE      3
#define VIRTIO_PCI_CAP_BAR           4
#define VIRTIO_PCI_CAP_OFFSET        8
#define VIRTIO_PCI_CAP_LENGTH        12
#define VIRTIO_PCI_CAP_NOTIFY_MULT   16 /* 4.1.4.4 */
#define VIRTIO_PCI_CAP_BYTES         16
#define VIRTIO_PCI_NOTIFY_CAP_BYTES  20
enum { VIRTIO_PCI_CAP_COMMON_CFG = 1, VIRTIO_PCI_CAP_NOTIFY_CFG, VIRTIO_PCI_CAP_ISR_CFG, VIRTIO_PCI_CAP_DEVICE_CFG };

/* 4.1.4.3: the common configuration structure, by offset */
#define VIRTIO_PCI_DEVICE_FEATURE_SELECT 0x00
#define VIRTIO_PCI_DEVICE_FEATURE        0x04
#define VIRTIO_PCI_DRIVER_FEATURE_SELECT 0x08
#define VIRTIO_PCI_DRIVER_FEATURE        0x0c
#define VIRTIO_PCI_CONFIG_MSIX_VECTOR    0x10
#define VIRTIO_PCI_NUM_QUEUES            0x12
#define VIRTIO_PCI_DEVICE_STATUS         0x14
#define VIRTIO_PCI_CONFIG_GENERATION     0x15
#define VIRTIO_PCI_QUEUE_SELECT          0x16
#define VIRTIO_PCI_QUEUE_SIZE            0x18
#define VIRTIO_PCI_QUEUE_MSIX_VECTOR     0x1a
#define VIRTIO_PCI_QUEUE_ENABLE          0x1c
#define VIRTIO_PCI_QUEUE_NOTIFY_OFF      0x1e
#define VIRTIO_PCI_QUEUE_DESC            0x20
#define VIRTIO_PCI_QUEUE_DRIVER          0x28
#define VIRTIO_PCI_QUEUE_DEVICE          0x30
#define VIRTIO_PCI_COMMON_BYTES          0x38
#define VIRTIO_MSI_NO_VECTOR             0xffff

/* 4.1.4.5: ISR status; reading it acknowledges */
#define VIRTIO_PCI_ISR_QUEUE  1
#define VIRTIO_PCI_ISR_CONFIG 2

/* 4.2.2: registers of the MMIO transport, by offset; interrupt bits are those of the PCI transport's ISR */
#define VIRTIO_MMIO_MAGIC               0x000
#define VIRTIO_MMIO_VERSION             0x004
#define VIRTIO_MMIO_DEVICE_ID           0x008
#define VIRTIO_MMIO_DEVICE_FEATURES     0x010
#define VIRTIO_MMIO_DEVICE_FEATURES_SEL 0x014
#define VIRTIO_MMIO_DRIVER_FEATURES     0x020
#define VIRTIO_MMIO_DRIVER_FEATURES_SEL 0x024
#define VIRTIO_MMIO_QUEUE_SEL           0x030
#define VIRTIO_MMIO_QUEUE_NUM_MAX       0x034
#define VIRTIO_MMIO_QUEUE_NUM           0x038
#define VIRTIO_MMIO_QUEUE_READY         0x044
#define VIRTIO_MMIO_QUEUE_NOTIFY        0x050
#define VIRTIO_MMIO_INTERRUPT_STATUS    0x060
#define VIRTIO_MMIO_INTERRUPT_ACK       0x064
#define VIRTIO_MMIO_STATUS              0x070
#define VIRTIO_MMIO_QUEUE_DESC          0x080
#define VIRTIO_MMIO_QUEUE_DRIVER        0x090
#define VIRTIO_MMIO_QUEUE_DEVICE        0x0a0
#define VIRTIO_MMIO_CONFIG_GENERATION   0x0fc
#define VIRTIO_MMIO_CONFIG              0x100
#define VIRTIO_MMIO_MAGIC_VALUE         0x74726976 /* "virt" */
#define VIRTIO_MMIO_VERSION_LEGACY      1
#define VIRTIO_MMIO_VERSION_MODERN      2
#define VIRTIO_ID_NET                   1 /* 5: device types */

/* 5.1.3: network device features */
#define VIRTIO_NET_F_CSUM       (1ull << 0)
#define VIRTIO_NET_F_GUEST_CSUM (1ull << 1)
#define VIRTIO_NET_F_MTU        (1ull << 3)
#define VIRTIO_NET_F_MAC        (1ull << 5)
#define VIRTIO_NET_F_GUEST_TSO4 (1ull << 7)
#define VIRTIO_NET_F_GUEST_TSO6 (1ull << 8)
#define VIRTIO_NET_F_GUEST_ECN  (1ull << 9)
#define VIRTIO_NET_F_HOST_TSO4  (1ull << 11)
#define VIRTIO_NET_F_HOST_TSO6  (1ull << 12)
#define VIRTIO_NET_F_HOST_ECN   (1ull << 13)
#define VIRTIO_NET_F_MRG_RXBUF  (1ull << 15)
#define VIRTIO_NET_F_STATUS     (1ull << 16)
#define VIRTIO_NET_F_CTRL_VQ    (1ull << 17)
#define VIRTIO_NET_F_MQ         (1ull << 22)
#define VIRTIO_NET_F_HASH_REPORT (1ull << 57)
#define VIRTIO_NET_F_RSS        (1ull << 60)

/* 5.1.4: device configuration, by offset */
#define VIRTIO_NET_CFG_MAC    0
#define VIRTIO_NET_CFG_STATUS 6
#define VIRTIO_NET_CFG_PAIRS  8
#define VIRTIO_NET_MAX_PAIRS  0x7fff /* the control queue behind them has a number of 16 bits, too */
#define VIRTIO_NET_CFG_MTU    10
#define VIRTIO_NET_CFG_RSS    17 /* struct virtio_net_rss_limits */
#define VIRTIO_NET_S_LINK_UP  1

/* 5.1.6: the header before every frame. num_buffers is there whenever VERSION_1 is, mergeable or not. */
struct virtio_net_hdr {
	u8 flags;
	u8 gso_type;
	u16 hdr_len;
	u16 gso_size;
	u16 csum_start;
	u16 csum_offset;
	u16 num_buffers;
} __packed;
_Static_assert(sizeof(struct virtio_net_hdr) == 12, "virtio 1.2, 5.1.6");
/* The same with VIRTIO_NET_F_HASH_REPORT, in both directions. */
struct virtio_net_hdr_hash {
	struct virtio_net_hdr h;
	u32 hash_value;
	u16 hash_report; /* enum virtio_net_report */
	u16 padding;
} __packed;
_Static_assert(sizeof(struct virtio_net_hdr_hash) == 20, "virtio 1.2, 5.1.6");
#define VIRTIO_NET_HDR_F_NEEDS_CSUM 1
#define VIRTIO_NET_HDR_F_DATA_VALID 2
#define VIRTIO_NET_HDR_GSO_NONE     0
#define VIRTIO_NET_HDR_GSO_TCPV4    1
#define VIRTIO_NET_HDR_GSO_TCPV6    4
#define VIRTIO_NET_HDR_GSO_ECN      0x80

/* 5.1.4: what the device can do for RSS */
struct virtio_net_rss_limits {
	u8 key_bytes;
	u16 table_entries;
	u32 hash_types;
} __packed;
_Static_assert(sizeof(struct virtio_net_rss_limits) == 7, "virtio 1.2, 5.1.4");
enum { /* 5.1.6.4.3.1 */
	VIRTIO_NET_HASH_IPV4 = 1 << 0, VIRTIO_NET_HASH_TCPV4 = 1 << 1, VIRTIO_NET_HASH_UDPV4 = 1 << 2,
	VIRTIO_NET_HASH_IPV6 = 1 << 3, VIRTIO_NET_HASH_TCPV6 = 1 << 4, VIRTIO_NET_HASH_UDPV6 = 1 << 5,
};
enum virtio_net_report { /* 5.1.6.4.4: bit i of the hash types is report i + 1 */
	VIRTIO_NET_REPORT_NONE, VIRTIO_NET_REPORT_IPV4, VIRTIO_NET_REPORT_TCPV4, VIRTIO_NET_REPORT_UDPV4,
	VIRTIO_NET_REPORT_IPV6, VIRTIO_NET_REPORT_TCPV6, VIRTIO_NET_REPORT_UDPV6,
};

/* 5.1.6.5: the control queue: a command, its data, and a byte that the device writes */
#define VIRTIO_NET_CTRL_MQ              4
#define VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET 0 /* 5.1.6.5.5: u16 pairs */
#define VIRTIO_NET_CTRL_MQ_RSS_CONFIG   1 /* 5.1.6.5.7 */
#define VIRTIO_NET_CTRL_MQ_HASH_CONFIG  2 /* 5.1.6.5.6 */
#define VIRTIO_NET_OK                   0
#define VIRTIO_NET_RSS_SLOTS 128
#define VIRTIO_NET_RSS_KEY   40
struct virtio_net_rss_config { /* with a table and a key of these lengths */
	u32 hash_types;
	u16 table_mask;
	u16 unclassified_queue;
	u16 table[VIRTIO_NET_RSS_SLOTS];
	u16 max_tx_vq;
	u8 key_bytes;
	u8 key[VIRTIO_NET_RSS_KEY];
} __packed;
struct virtio_net_hash_config { /* with a key of this length */
	u32 hash_types;
	u16 reserved[4];
	u8 key_bytes;
	u8 key[VIRTIO_NET_RSS_KEY];
} __packed;
struct virtio_net_ctrl {
	u8 class, command;
	union {
		u16 pairs;
		struct virtio_net_rss_config rss;
		struct virtio_net_hash_config hash;
	} __packed;
} __packed;
_Static_assert(sizeof(struct virtio_net_ctrl) == 2 + 8 + 256 + 3 + 40, "virtio 1.2, 5.1.6.5.7.1");
