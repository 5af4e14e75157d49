/* SPDX-License-Identifier: MIT
 * site_default.c - the small site that is served when no archive was given, or the one given is broken.
 */
#include "app/site.h"
#include "app/archive.h"

static const char index_html[] =
	"<!doctype html>\n"
	"<html lang=\"en\">\n"
	"<head>\n"
	"<meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width\">\n"
	"<title>barewire</title>\n"
	"<link rel=\"icon\" href=\"/favicon.svg\">\n"
	"<link rel=\"stylesheet\" href=\"/style.css\">\n"
	"</head>\n"
	"<body>\n"
	"<h1>barewire</h1>\n"
	"<p>This page came out of a machine that runs nothing but a network stack and its server.</p>\n"
	"<ul>\n"
	"<li><a href=\"/debug/live\">/debug/live</a> - the way of every frame, live; also at <a href=\"/\">/</a></li>\n"
	"<li><a href=\"/health\">/health</a> - is it well?</li>\n"
	"<li><a href=\"/metrics\">/metrics</a> - every counter and every reason for a dropped frame, for Prometheus</li>\n"
	"<li><a href=\"/log\">/log</a> - the last requests</li>\n"
	"<li><a href=\"/events\">/events</a> - the same numbers as they change (server-sent events)</li>\n"
	"<li><code>curl --data-binary @file http://.../echo</code> - what you send comes back</li>\n"
	"<li><code>/ws</code> - a WebSocket that echoes</li>\n"
	"</ul>\n"
	"<p>To serve a folder of yours: <code>make run SITE=folder</code>.</p>\n"
	"</body>\n"
	"</html>\n";

static const char style_css[] =
	":root { color-scheme: light dark; }\n"
	"body { font: 1rem/1.5 system-ui, sans-serif; max-width: 42rem; margin: 4rem auto; padding: 0 1rem; }\n"
	"h1 { font-weight: 300; letter-spacing: .1em; }\n"
	"code { font-size: .9em; }\n";

static const char favicon_svg[] =
	"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 16 16\">\n"
	"<path d=\"M1 8h4l2-5 2 10 2-5h4\" fill=\"none\" stroke=\"#2a7\" stroke-width=\"1.5\"/>\n"
	"</svg>\n";

static const char robots_txt[] = "User-agent: *\nDisallow: /metrics\nDisallow: /log\nDisallow: /events\n";

static const struct {
	const char *name, *data;
	size_t size;
} files[] = {
	{ "index.html", index_html, sizeof(index_html) - 1 },
	{ "style.css", style_css, sizeof(style_css) - 1 },
	{ "favicon.svg", favicon_svg, sizeof(favicon_svg) - 1 },
	{ "robots.txt", robots_txt, sizeof(robots_txt) - 1 },
};

#define WRITTEN 1767225600u /* 2026-01-01: a fixed time, so that the image is the same whenever it is built */

int site_default_walk(int (*fn)(void *arg, const struct archive_member *m), void *arg)
{
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		struct archive_member m = {
			.kind = ARCHIVE_FILE,
			.name = { files[i].name, __builtin_strlen(files[i].name) },
			.data = (const u8 *)files[i].data,
			.size = files[i].size,
			.mtime = WRITTEN,
		};
		int ret = fn(arg, &m);

		if (ret)
			return ret;
	}
	return 0;
}
