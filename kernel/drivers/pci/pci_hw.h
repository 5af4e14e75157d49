/* SPDX-License-Identifier: MIT
 * pci_hw.h - configuration space as the standards lay it out: PCI Local Bus 3.0 chapter 6, PCI-to-PCI Bridge 1.2
 * chapter 3, the MSI-X capability of PCI 3.0 6.8.2.
 */
#pragma once

/* PCI 3.0 3.2.2.3.2: configuration mechanism 1 */
#define PCI_CONFIG_ADDRESS 0xcf8
#define PCI_CONFIG_DATA    0xcfc
#define PCI_CONFIG_ENABLE  0x80000000u

/* PCI 3.0 6.1: the header */
#define PCI_VENDOR_ID       0x00
#define PCI_DEVICE_ID       0x02
#define PCI_COMMAND         0x04
#define PCI_STATUS          0x06
#define PCI_REVISION_ID     0x08 /* and the class code in the upper 24 bits */
#define PCI_HEADER_TYPE     0x0e
#define PCI_BAR0            0x10
#define PCI_SUBSYSTEM       0x2c /* vendor and id, type 0 only */
#define PCI_CAPABILITY_LIST 0x34
#define PCI_INTERRUPT_LINE  0x3c
#define PCI_INTERRUPT_PIN   0x3d

#define PCI_COMMAND_IO           0x0001
#define PCI_COMMAND_MEMORY       0x0002
#define PCI_COMMAND_MASTER       0x0004
#define PCI_COMMAND_INTX_DISABLE 0x0400
#define PCI_STATUS_CAP_LIST      0x0010
#define PCI_HEADER_MULTI         0x80
#define PCI_HEADER_BRIDGE        0x01

/* PCI 3.0 6.2.5.1: base address registers */
#define PCI_BAR_IO       0x1u
#define PCI_BAR_TYPE     0x6u
#define PCI_BAR_64       0x4u
#define PCI_BAR_PREFETCH 0x8u
#define PCI_BAR_IO_MASK  0xfffffffcu
#define PCI_BAR_MEM_MASK 0xfffffff0u

/* PCI-to-PCI bridge 1.2, 3.2.5 */
#define PCI_PRIMARY_BUS     0x18
#define PCI_SECONDARY_BUS   0x19
#define PCI_SUBORDINATE_BUS 0x1a
#define PCI_MEMORY_BASE     0x20 /* bits 15:4 are address bits 31:20 */
#define PCI_MEMORY_LIMIT    0x22

#define PCI_CLASS_BASE(class)      ((class) >> 16)
#define PCI_BASE_BRIDGE            0x06
#define PCI_BASE_SYSTEM_PERIPHERAL 0x08

/* Capabilities: PCI 3.0 6.7 and appendix H */
#define PCI_CAP_ID_VENDOR 0x09
#define PCI_CAP_ID_MSIX   0x11

/* PCI 3.0 6.8.2: MSI-X */
#define PCI_MSIX_CONTROL     2
#define PCI_MSIX_TABLE       4
#define PCI_MSIX_SIZE_MASK   0x07ff
#define PCI_MSIX_MASK_ALL    0x4000
#define PCI_MSIX_ENABLE      0x8000
#define PCI_MSIX_BIR_MASK    0x7u
#define PCI_MSIX_ENTRY_BYTES 16
