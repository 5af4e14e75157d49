/* SPDX-License-Identifier: MIT
 * e1000_hw.h - registers and descriptors of the 8254x family, names and sections of Intel's "PCI/PCI-X Family of Gigabit
 * Ethernet Controllers Software Developer's Manual" (317453), and what the 82574L has beside them or otherwise ("82574 GbE
 * Controller Family Datasheet", 7 and 10; marked 82574). Offsets are bytes into BAR 0.
 */
#pragma once

#include "lib/types.h"

#define E1000_REGS_BYTES 0x20000 /* 13.1: 128 KiB */
#define E1000_ALL_ONES   (~0u)   /* what the bus reads where nobody answers */

/* 13.4.1: device control */
#define E1000_CTRL          0x0000
#define E1000_CTRL_FD       (1u << 0)
#define E1000_CTRL_LRST     (1u << 3)
#define E1000_CTRL_ASDE     (1u << 5)
#define E1000_CTRL_SLU      (1u << 6)
#define E1000_CTRL_ILOS     (1u << 7)
#define E1000_CTRL_RST      (1u << 26)
#define E1000_CTRL_VME      (1u << 30)
#define E1000_CTRL_PHY_RST  (1u << 31)

/* 13.4.2: device status */
#define E1000_STATUS            0x0008
#define E1000_STATUS_LU         (1u << 1)
#define E1000_STATUS_SPEED_100  (1u << 6)
#define E1000_STATUS_SPEED_1000 (1u << 7)

/* 13.4.4: EEPROM read. Words 0 to 2 are the address, words 0 to 0x3f add up to 0xbaba (5.6). */
#define E1000_EERD            0x0014
#define E1000_EERD_START      (1u << 0)
#define E1000_EERD_DONE       (1u << 4)
#define E1000_EERD_ADDR_SHIFT 8
#define E1000_EERD_DATA_SHIFT 16
#define E1000_EEPROM_WORDS    0x40
#define E1000_EEPROM_SUM      0xbaba

/* 13.4.7 to 13.4.9, 13.4.30: flow control */
#define E1000_FCAL  0x0028
#define E1000_FCAH  0x002c
#define E1000_FCT   0x0030
#define E1000_FCTTV 0x0170

/* 13.4.17: interrupt cause read (reading clears); 13.4.20: mask set; 13.4.21: mask clear */
#define E1000_ICR 0x00c0
#define E1000_IMS 0x00d0
#define E1000_IMC 0x00d8
#define E1000_INT_TXDW   (1u << 0) /* a descriptor with RS was written back */
#define E1000_INT_LSC    (1u << 2) /* link status changed */
#define E1000_INT_RXDMT0 (1u << 4) /* few free receive descriptors */
#define E1000_INT_RXO    (1u << 6) /* receiver overrun */
#define E1000_INT_RXT0   (1u << 7) /* a frame was received */

/* 13.4.18: interrupt throttling, least interval in units of 256 ns */
#define E1000_ITR 0x00c4

/* 13.4.22: receive control */
#define E1000_RCTL            0x0100
#define E1000_RCTL_EN         (1u << 1)
#define E1000_RCTL_UPE        (1u << 3)
#define E1000_RCTL_MPE        (1u << 4)
#define E1000_RCTL_BAM        (1u << 15)
#define E1000_RCTL_BSIZE_2048 0u
#define E1000_RCTL_SECRC      (1u << 26)

/* 13.4.25 to 13.4.31: the receive ring, and its timers in units of 1.024 us */
#define E1000_RDBAL  0x2800
#define E1000_RDBAH  0x2804
#define E1000_RDLEN  0x2808
#define E1000_RDH    0x2810
#define E1000_RDT    0x2818
#define E1000_RDTR   0x2820
#define E1000_RADV   0x282c
/* 13.4.46: receive checksum control */
#define E1000_RXCSUM       0x5000
#define E1000_RXCSUM_IPOFL (1u << 8)
#define E1000_RXCSUM_TUOFL (1u << 9)

/* 13.4.33: transmit control; 13.4.34: inter-packet gap */
#define E1000_TCTL            0x0400
#define E1000_TCTL_EN         (1u << 1)
#define E1000_TCTL_PSP        (1u << 3)
#define E1000_TCTL_CT_SHIFT   4
#define E1000_TCTL_COLD_SHIFT 12
#define E1000_TCTL_RTLC       (1u << 24)
#define E1000_TIPG            0x0410
#define E1000_TIPG_COPPER     (10u | 8u << 10 | 6u << 20)

/* 13.4.35 to 13.4.39, 13.4.43, 13.4.44: the transmit ring */
#define E1000_TDBAL 0x3800
#define E1000_TDBAH 0x3804
#define E1000_TDLEN 0x3808
#define E1000_TDH   0x3810
#define E1000_TDT   0x3818
#define E1000_TIDV  0x3820
#define E1000_TADV  0x382c

/* 13.5.1: multicast table; 13.5.2, 13.5.3: receive addresses; 13.7.5: frames missed for want of room (read clears) */
#define E1000_MTA       0x5200
#define E1000_MTA_WORDS 128
#define E1000_RAL0      0x5400
#define E1000_RAH0      0x5404
#define E1000_RAH_AV    (1u << 31)
#define E1000_MPC       0x4010

/* 82574 10.2: what belongs to queue 1 stands so much behind queue 0's */
#define E1000_QUEUE_STRIDE 0x100
#define E1000_QUEUES       2

/* 82574 10.2.2.2 to 10.2.4: extended control, the vector of each cause, throttling of each vector, automatic clear and mask */
#define E1000_CTRL_EXT         0x0018
#define E1000_CTRL_EXT_EIAME   (1u << 24) /* IAM's causes are masked when their vector fires */
#define E1000_CTRL_EXT_PBA_CLR (1u << 31) /* unmasking clears the vector's pending bit */
#define E1000_EIAC             0x00dc
#define E1000_IAM              0x00e0
#define E1000_IVAR             0x00e4
#define E1000_IVAR_VALID       8u /* of each four bits; the others are the vector */
#define E1000_IVAR_TX_EVERY    (1u << 31) /* a tx cause with each write-back */
#define E1000_EITR             0x00e8     /* one per vector, 4 bytes each, in units of 256 ns */
#define E1000_INT_RXQ0         (1u << 20)
#define E1000_INT_TXQ0         (1u << 22)
#define E1000_INT_OTHER        (1u << 24)
#define E1000_INT_MDAC         (1u << 9)
#define E1000_INT_SRPD         (1u << 16) /* a small frame */
#define E1000_INT_ACK          (1u << 17) /* a TCP acknowledgment */
#define E1000_INT_MNG          (1u << 18)
#define E1000_INT_REST         (E1000_INT_OTHER | E1000_INT_LSC | E1000_INT_RXO | E1000_INT_MDAC | E1000_INT_SRPD | E1000_INT_ACK | E1000_INT_MNG)

/* 82574 10.2.5.15: extended receive descriptors */
#define E1000_RFCTL        0x5008
#define E1000_RFCTL_ACKDIS (1u << 12) /* acknowledgments are no cause of their own */
#define E1000_RFCTL_EXSTEN (1u << 15)
/* 82574 7.1.2.8, 10.2.5.22 to 10.2.5.24: receive side scaling */
#define E1000_RXCSUM_PCSD   (1u << 13) /* the hash in the checksum's place */
#define E1000_MRQC          0x5818
#define E1000_MRQC_RSS      1u
#define E1000_MRQC_TCP_IPV4 (1u << 16)
#define E1000_MRQC_IPV4     (1u << 17)
#define E1000_MRQC_TCP_IPV6 (1u << 18)
#define E1000_MRQC_IPV6     (1u << 20)
#define E1000_RETA          0x5c00 /* 128 entries of a byte */
#define E1000_RETA_ENTRIES  128
#define E1000_RETA_QUEUE1   0x80u
#define E1000_RSSRK         0x5c80 /* 40 bytes, the first of the key in the lowest byte */
/* 82574 10.2.1.5: EERD has its bits elsewhere */
#define E1000_EERD_DONE_82574       (1u << 1)
#define E1000_EERD_ADDR_SHIFT_82574 2
/* 82574 10.2.6.8: bit 22 is to be 1 */
#define E1000_TXDCTL        0x3828
#define E1000_TXDCTL_RSV    (1u << 22)

/* 3.2.3: receive descriptor, and 82574 7.1.5: the extended one, as the driver gives it (addr, 0) and as it comes back */
union e1000_rx_desc {
	struct {
		u64 addr;
		u16 length;
		u16 csum;
		u8 status;
		u8 errors;
		u16 special;
	};
	struct {
		u64 same_addr, word; /* word 0: nothing is done */
	};
	struct {
		u32 mrq, hash;
		u32 status; /* lowest byte: status, highest: errors, each as above */
		u16 length, vlan;
	} ext;
};
_Static_assert(sizeof(union e1000_rx_desc) == 16, "SDM 3.2.3");
/* 3.2.3.1 */
#define E1000_RXD_DD    0x01
#define E1000_RXD_EOP   0x02
#define E1000_RXD_IXSM  0x04 /* the checksum bits mean nothing */
#define E1000_RXD_TCPCS 0x20 /* the TCP or UDP checksum was computed */
/* 3.2.3.2 */
#define E1000_RXE_CE   0x01
#define E1000_RXE_SE   0x02
#define E1000_RXE_SEQ  0x04
#define E1000_RXE_CXE  0x10
#define E1000_RXE_TCPE 0x20
#define E1000_RXE_IPE  0x40
#define E1000_RXE_RXE  0x80
#define E1000_RXE_FRAME (E1000_RXE_CE | E1000_RXE_SE | E1000_RXE_SEQ | E1000_RXE_CXE | E1000_RXE_RXE)

/* 3.3.7: TCP/IP data descriptor */
struct e1000_tx_data {
	u64 addr;
	u32 cmd_len; /* length 20 bits, type 4, command 8 */
	u8 status;
	u8 popts;
	u16 special;
};
/* 3.3.6: TCP/IP context descriptor */
struct e1000_tx_context {
	u8 ipcss, ipcso;
	u16 ipcse;
	u8 tucss, tucso;
	u16 tucse;
	u32 cmd_len; /* payload length 20 bits, type 4, command 8 */
	u8 status;
	u8 hdrlen;
	u16 mss;
};
union e1000_tx_desc {
	struct e1000_tx_data data;
	struct e1000_tx_context context;
};
_Static_assert(sizeof(union e1000_tx_desc) == 16, "SDM 3.3.6, 3.3.7");
#define E1000_TXD_TYPE_CONTEXT (0u << 20)
#define E1000_TXD_TYPE_DATA    (1u << 20)
#define E1000_TXD_EOP  (0x01u << 24) /* data: end of packet */
#define E1000_TXD_TCP  (0x01u << 24) /* context: TCP */
#define E1000_TXD_IFCS (0x02u << 24) /* data: append the frame check sequence */
#define E1000_TXD_IP   (0x02u << 24) /* context: IPv4 */
#define E1000_TXD_TSE  (0x04u << 24)
#define E1000_TXD_RS   (0x08u << 24)
#define E1000_TXD_DEXT (0x20u << 24)
#define E1000_TXD_IDE  (0x80u << 24) /* the interrupt of its completion waits for TIDV and TADV */
#define E1000_TXD_DD         0x01
#define E1000_TXD_POPTS_IXSM 0x01
#define E1000_TXD_POPTS_TXSM 0x02

/* 5.2, table 5-1: identity */
#define E1000_VENDOR  0x8086
#define E1000_82540EM 0x100e
#define E1000_82544GC 0x100c
#define E1000_82545EM 0x100f
#define E1000_82574L  0x10d3
