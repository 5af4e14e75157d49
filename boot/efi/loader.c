/* SPDX-License-Identifier: MIT
 * loader.c - BOOTX64.EFI: boots barewire.elf from the volume it was itself read from.
 *
 * Takes \barewire.elf, \site.tar (the module, may be absent) and \cmdline.txt (may be absent). What
 * is wrong is said on the firmware's console, and the firmware gets control back to try the next
 * boot entry.
 */
#include "efi/loader.h"

static CHAR16 kernel_name[] = L"barewire.elf", site_name[] = L"site.tar",
	      cmdline_name[] = L"cmdline.txt";

static EFI_STATUS fail(EFI_STATUS status, const char *what, CHAR16 *subject)
{
	Print(L"barewire: %s: %a (%r)\r\n", subject, what, status);
	return status;
}

u64 loader_pages(EFI_MEMORY_TYPE type, u64 len, struct keep_out out)
{
	UINTN nr = DIV_ROUND_UP(len, EFI_PAGE_SIZE);

	/* Pages inside `out` stay allocated, so that the next try gets others; out is 64 MiB at
	 * most. */
	for (int tries = 0; tries < 64; tries++) {
		EFI_PHYSICAL_ADDRESS at = 0xffffffff;

		if (EFI_ERROR(BS->AllocatePages(AllocateMaxAddress, type, nr, &at)))
			return 0;
		if (at >= out.end || at + nr * EFI_PAGE_SIZE <= out.base) {
			ZeroMem((void *)at, nr * EFI_PAGE_SIZE);
			return at;
		}
	}
	return 0;
}

/* One line of text: control characters, line ends above all, become spaces, and none are left at
 * the end. */
static void take_cmdline(const struct loaded_file *file, struct boot_info *bi)
{
	const char *text = (const char *)file->base;
	u64 len = MIN(file->len, (u64)sizeof(bi->cmdline) - 1);

	if (len < file->len)
		Print(L"barewire: %s: only its first %d bytes are used\r\n", cmdline_name,
		      (int)len);
	for (u64 i = 0; i < len; i++)
		bi->cmdline[i] = (u8)text[i] < ' ' ? ' ' : text[i];
	while (len && bi->cmdline[len - 1] == ' ')
		len--;
	bi->cmdline[len] = '\0';
}

/* An optional file: absent is no error, unreadable is. */
static EFI_STATUS read_optional(EFI_FILE_PROTOCOL *root, CHAR16 *name, struct keep_out out,
				struct loaded_file *file)
{
	EFI_STATUS status = volume_read(root, name, out, file);

	if (status == EFI_NOT_FOUND)
		return EFI_SUCCESS;
	return EFI_ERROR(status) ? fail(status, "cannot be read", name) : EFI_SUCCESS;
}

static EFI_STATUS gather(EFI_FILE_PROTOCOL *root, struct keep_out out, struct efi_handover *h)
{
	struct loaded_file site = {0}, cmdline = {0};
	EFI_STATUS status = read_optional(root, site_name, out, &site);

	if (!EFI_ERROR(status))
		status = read_optional(root, cmdline_name, out, &cmdline);
	if (EFI_ERROR(status))
		return status;
	h->magic = EFI_HANDOVER_MAGIC;
	h->size = sizeof(*h);
	boot_add_module(&h->info, site.base, site.len, "site.tar");
	take_cmdline(&cmdline, &h->info);
	h->info.rsdp = firmware_rsdp();
	firmware_framebuffer(&h->info.fb);
	return EFI_SUCCESS;
}

static EFI_STATUS boot(EFI_HANDLE loader)
{
	EFI_FILE_PROTOCOL *root = volume_open(loader);
	struct loaded_file kernel = {0};
	struct elf_image image;
	struct keep_out out = {0};
	struct handoff h;
	const char *wrong;
	EFI_STATUS status;

	if (!root)
		return fail(EFI_UNSUPPORTED, "the volume it should be on has no file system",
			    kernel_name);
	status = volume_read(root, kernel_name, out, &kernel);
	if (EFI_ERROR(status))
		return fail(status, "cannot be read", kernel_name);
	wrong = elf_parse((const void *)kernel.base, kernel.len, &image);
	if (wrong)
		return fail(EFI_LOAD_ERROR, wrong, kernel_name);
	if (!firmware_is_free(image.phys, image.len))
		return fail(EFI_OUT_OF_RESOURCES,
			    "the firmware keeps the memory that it is linked for", kernel_name);
	out = (struct keep_out){image.phys, image.phys + image.len};
	if (!handoff_prepare(&h, &image, out))
		return fail(EFI_OUT_OF_RESOURCES, "not enough memory below 4 GiB", kernel_name);
	elf_place((const void *)kernel.base, &image, (void *)h.staging);
	status = gather(root, out, h.handover);
	if (EFI_ERROR(status))
		return status;
	return fail(handoff_leave(loader, &h, &image), "boot services cannot be left", kernel_name);
}

/* GNU-EFI's start code calls this with the System V convention. */
EFI_STATUS efi_main(EFI_HANDLE loader, EFI_SYSTEM_TABLE *system);

EFI_STATUS efi_main(EFI_HANDLE loader, EFI_SYSTEM_TABLE *system)
{
	InitializeLib(loader, system);
	return boot(loader);
}
