/* SPDX-License-Identifier: MIT
 * table.c - every queueing discipline there is; the first is what a device gets when it is opened, unless
 * net.core.default_qdisc names another.
 */
#include "net/sched/sched_impl.h"

const struct qdisc_ops *const qdisc_table[] = {
	&pfifo_fast_qdisc,
	&pfifo_qdisc,
	&bfifo_qdisc,
	&prio_qdisc,
	&tbf_qdisc,
	&netem_qdisc,
	&fq_qdisc,
	&fq_codel_qdisc,
	NULL,
};
