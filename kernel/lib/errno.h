/* SPDX-License-Identifier: MIT
 * errno.h - error numbers, with Linux's x86_64 values, so that a trace reads as people expect.
 *
 * Not to be included beside the host's <errno.h>: its macros would spoil the enum.
 */
#pragma once

#define ERRNOS(X)                                                                                  \
	X(EPERM, 1, "Operation not permitted")                                                     \
	X(ENOENT, 2, "No such file or directory")                                                  \
	X(EINTR, 4, "Interrupted system call")                                                     \
	X(EIO, 5, "Input/output error")                                                            \
	X(ENXIO, 6, "No such device or address")                                                   \
	X(E2BIG, 7, "Argument list too long")                                                      \
	X(EBADF, 9, "Bad file descriptor")                                                         \
	X(EAGAIN, 11, "Resource temporarily unavailable")                                          \
	X(ENOMEM, 12, "Cannot allocate memory")                                                    \
	X(EACCES, 13, "Permission denied")                                                         \
	X(EFAULT, 14, "Bad address")                                                               \
	X(EBUSY, 16, "Device or resource busy")                                                    \
	X(EEXIST, 17, "File exists")                                                               \
	X(ENODEV, 19, "No such device")                                                            \
	X(EINVAL, 22, "Invalid argument")                                                          \
	X(ENFILE, 23, "Too many open files in system")                                             \
	X(EMFILE, 24, "Too many open files")                                                       \
	X(ENOSPC, 28, "No space left on device")                                                   \
	X(EPIPE, 32, "Broken pipe")                                                                \
	X(ERANGE, 34, "Numerical result out of range")                                             \
	X(ENOSYS, 38, "Function not implemented")                                                  \
	X(EPROTO, 71, "Protocol error")                                                            \
	X(ENOTSOCK, 88, "Socket operation on non-socket")                                          \
	X(EDESTADDRREQ, 89, "Destination address required")                                        \
	X(EMSGSIZE, 90, "Message too long")                                                        \
	X(EPROTOTYPE, 91, "Protocol wrong type for socket")                                        \
	X(ENOPROTOOPT, 92, "Protocol not available")                                               \
	X(EPROTONOSUPPORT, 93, "Protocol not supported")                                           \
	X(ESOCKTNOSUPPORT, 94, "Socket type not supported")                                        \
	X(EOPNOTSUPP, 95, "Operation not supported")                                               \
	X(EAFNOSUPPORT, 97, "Address family not supported by protocol")                            \
	X(EADDRINUSE, 98, "Address already in use")                                                \
	X(EADDRNOTAVAIL, 99, "Cannot assign requested address")                                    \
	X(ENETDOWN, 100, "Network is down")                                                        \
	X(ENETUNREACH, 101, "Network is unreachable")                                              \
	X(ECONNABORTED, 103, "Software caused connection abort")                                   \
	X(ECONNRESET, 104, "Connection reset by peer")                                             \
	X(ENOBUFS, 105, "No buffer space available")                                               \
	X(EISCONN, 106, "Transport endpoint is already connected")                                 \
	X(ENOTCONN, 107, "Transport endpoint is not connected")                                    \
	X(ETIMEDOUT, 110, "Connection timed out")                                                  \
	X(ECONNREFUSED, 111, "Connection refused")                                                 \
	X(EHOSTUNREACH, 113, "No route to host")                                                   \
	X(EALREADY, 114, "Operation already in progress")                                          \
	X(EINPROGRESS, 115, "Operation now in progress")

enum {
#define X(name, value, text) name = value,
	ERRNOS(X)
#undef X
};

/* The name of an error number (positive or negative), "E?" when unknown. */
const char *errno_name(int err);
/* Its message, as strerror() words it. */
const char *errno_text(int err);
