/* SPDX-License-Identifier: MIT
 * plot.h - numbers of a simulation for `make plots`, which draws one picture per file (tools/plots/plots).
 *
 *	struct plot *p = plot_open("reno-sawtooth", "Reno: half after a loss, then one segment per round trip",
 *				   "time, s", "window, segments: cwnd", "window, segments: ssthresh", "queue, frames: link", NULL);
 *	plot_row(p, 0.5, 20.0, 18.0, 3.0);
 *	plot_close(p);
 *
 * A column is "AXIS: SERIES"; columns of the same axis share a panel, the panels stand above each other over the first
 * column. A value that is not known is NAN. Without the variable PLOTS (a folder) in the environment nothing is written:
 * plot_open() returns NULL, which the others take.
 */
#pragma once

struct plot;
struct plot *plot_open(const char *figure, const char *title, ...); /* columns, then NULL */
/* One double per column. */
void plot_row(struct plot *p, ...);
void plot_close(struct plot *p);
