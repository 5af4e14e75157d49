/* SPDX-License-Identifier: MIT
 * volume.c - whole files from the loader's own volume (UEFI 2.10, 13.4 and 13.5).
 */
#include "efi/loader.h"

#define READ_CHUNK (1u << 20) /* bytes; some firmware fails on reads of many MiB at once */

EFI_FILE_PROTOCOL *volume_open(EFI_HANDLE loader)
{
	EFI_GUID image_guid = EFI_LOADED_IMAGE_PROTOCOL_GUID;
	EFI_GUID fs_guid = EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_GUID;
	EFI_LOADED_IMAGE_PROTOCOL *image;
	EFI_SIMPLE_FILE_SYSTEM_PROTOCOL *fs;
	EFI_FILE_PROTOCOL *root;

	if (EFI_ERROR(BS->HandleProtocol(loader, &image_guid, (void **)&image)) ||
	    EFI_ERROR(BS->HandleProtocol(image->DeviceHandle, &fs_guid, (void **)&fs)) ||
	    EFI_ERROR(fs->OpenVolume(fs, &root)))
		return NULL;
	return root;
}

/* The end of the file is where its last byte is: firmware answers a seek to all ones with that. */
static EFI_STATUS file_length(EFI_FILE_PROTOCOL *f, u64 *len)
{
	EFI_STATUS status = f->SetPosition(f, UINT64_MAX);

	if (!EFI_ERROR(status))
		status = f->GetPosition(f, len);
	if (!EFI_ERROR(status))
		status = f->SetPosition(f, 0);
	return status;
}

static EFI_STATUS read_all(EFI_FILE_PROTOCOL *f, struct loaded_file *file)
{
	for (u64 at = 0; at < file->len;) {
		UINTN n = MIN(file->len - at, (u64)READ_CHUNK);
		EFI_STATUS status = f->Read(f, &n, (void *)(file->base + at));

		if (EFI_ERROR(status))
			return status;
		if (!n)
			return EFI_END_OF_FILE;
		at += n;
	}
	return EFI_SUCCESS;
}

EFI_STATUS volume_read(EFI_FILE_PROTOCOL *root, CHAR16 *name, struct keep_out out,
		       struct loaded_file *file)
{
	EFI_FILE_PROTOCOL *f;
	EFI_STATUS status = root->Open(root, &f, name, EFI_FILE_MODE_READ, 0);

	if (EFI_ERROR(status))
		return status;
	status = file_length(f, &file->len);
	if (!EFI_ERROR(status) && file->len) {
		file->base = loader_pages(EfiLoaderData, file->len, out);
		status = file->base ? read_all(f, file) : EFI_OUT_OF_RESOURCES;
	}
	f->Close(f);
	return status;
}
