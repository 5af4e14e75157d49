/* SPDX-License-Identifier: MIT
 * table.c - every queueing discipline there is; the first is what a device gets when it is opened.
 */
#include "net/sched/sched_impl.h"

const struct qdisc_ops *const qdisc_table[] = {
	&pfifo_fast_qdisc,
	&pfifo_qdisc,
	NULL,
};
