/* SPDX-License-Identifier: MIT
 * sched_impl.h - the disciplines, for the table.
 */
#pragma once

#include "net/core/qdisc.h"

extern const struct qdisc_ops pfifo_qdisc, pfifo_fast_qdisc;

/* "limit N" and nothing else; 0, -EINVAL or -ERANGE. */
int sched_parse_limit(struct qdisc *q, const char *options);
