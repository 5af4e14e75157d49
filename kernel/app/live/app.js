// The live page's script: takes the feed's events, keeps the newest value of every number and the one before, and draws.
// Everything is text in the document and has a name; nothing is fetched but the feed.
const $ = id => document.getElementById(id);
const HISTORY = 120; // events that are remembered, about one a second
const SILENCE = 5000; // ms without an event after which the guest is gone: a machine that restarts says no farewell

// ---- the state: by name, now and one event before
let now = new Map(), before = new Map(), names = [], seconds = 1, devs = [], cpus = 1, first = true, ms = 0;
let conns = new Map(), drops = new Map(), qdiscs = [], chosen = null, open = null, up = 0;
const history = { req: [], rx: [], tx: [], conns: [], drops: [], busy: [] };

const val = name => now.get(name) || 0;
const rate = name => first ? 0 : Math.max(0, (val(name) - (before.get(name) || 0)) / seconds);
const sum = (list, f) => list.reduce((a, x) => a + f(x), 0);
const eth = () => devs.filter(d => d.eth);
// every queue of the cards: "eth0.rx0."
const queues = way => eth().flatMap(d => Array.from({ length: way == "rx" ? d.rxq : d.txq }, (_, i) => d.name + "." + way + i + "."));
const q = (way, field, f = val) => sum(queues(way), p => f(p + field));
const each = (field, f = val) => sum([...Array(cpus).keys()], i => f("cpu" + i + "." + field));

// ---- words
function short(n) {
  if (n < 1000) return n < 10 && n % 1 ? n.toFixed(1) : String(Math.round(n));
  for (const u of ["k", "M", "G", "T"]) { n /= 1000; if (n < 999.5 || u == "T") return (n < 10 ? n.toFixed(2) : n < 100 ? n.toFixed(1) : Math.round(n)) + u; }
}
const whole = n => Math.round(n).toLocaleString("en");
const bytes = n => n < 1024 ? n + " B" : n < 1 << 20 ? (n / 1024).toFixed(1) + " KiB" :
  n < 2 ** 30 ? (n / 2 ** 20).toFixed(1) + " MiB" : (n / 2 ** 30).toFixed(2) + " GiB";
const bits = bps => bps < 1e3 ? [Math.round(bps), "bit/s"] : bps < 1e6 ? [(bps / 1e3).toFixed(1), "kbit/s"] :
  bps < 1e9 ? [(bps / 1e6).toFixed(bps < 1e8 ? 1 : 0), "Mbit/s"] : [(bps / 1e9).toFixed(2), "Gbit/s"];
const time = us => us < 1000 ? Math.round(us) + " \u00b5s" : us < 1e6 ? (us / 1000).toFixed(us < 1e4 ? 2 : 1) + " ms" : (us / 1e6).toFixed(2) + " s";
function span(s) {
  const d = Math.floor(s / 86400), h = Math.floor(s / 3600) % 24, m = Math.floor(s / 60) % 60;
  return (d ? d + " d " : "") + (d || h ? h + " h " : "") + (d || h || m ? m + " min " : "") + Math.floor(s % 60) + " s";
}

// ---- the document
const esc = s => String(s).replace(/[&<>"]/g, c => "&#" + c.charCodeAt(0) + ";");
function set(el, text) { if (el.textContent !== String(text)) el.textContent = text; }
function html(el, text) { if (el.was !== text) { el.was = text; el.innerHTML = text; } }
function cls(el, name, on) { el.classList.toggle(name, !!on); }
function make(parent, tag, attrs = {}, text = "") {
  const el = document.createElement(tag);
  for (const k in attrs) el.setAttribute(k, attrs[k]);
  el.innerHTML = text;
  parent.append(el);
  return el;
}

// ---- at a glance
const TILES = [
  ["req", "HTTP requests", () => [short(rate("http.requests")), "/s"], () => rate("http.requests")],
  ["rx", "Received", () => bits(8 * q("rx", "bytes", rate)), () => q("rx", "bytes", rate)],
  ["tx", "Sent", () => bits(8 * q("tx", "bytes", rate)), () => q("tx", "bytes", rate)],
  ["conns", "TCP connections", () => [whole(val("tcp.ESTAB")), val("tcp.TIME-WAIT") ? "+ " + short(val("tcp.TIME-WAIT")) + " waiting" : ""], () => val("tcp.ESTAB")],
  ["drops", "Drops", () => [short(rate("balance.dropped")), "/s"], () => rate("balance.dropped")],
  ["busy", "CPU busy", () => [first ? "\u2013" : Math.round(100 * busy()), first ? "" : "%"], () => busy()],
];
const busy = () => first ? 0 : Math.max(0, 1 - each("idle", rate) / 1e9 / cpus);
for (const [id, title] of TILES)
  make($("tiles"), "div", { id: "tile-" + id }, `<dt>${title}</dt><dd></dd>` +
    `<svg class="spark" viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true"><path></path><path></path></svg>`);

function tiles() {
  for (const [id, , words, value] of TILES) {
    const h = history[id], el = $("tile-" + id), [n, unit] = words();
    if (!first) h.push(value());
    if (h.length > HISTORY) h.shift();
    html(el.children[1], n + " <small>" + unit + "</small>");
    const top = Math.max(...h, 1e-9), line = h.map((v, i) => (100 - (h.length - 1 - i) * 100 / (Math.max(h.length, 30) - 1)).toFixed(1) + " " + (23 - 21 * v / top).toFixed(1));
    const [a, b] = el.querySelectorAll("path");
    a.setAttribute("d", line.length > 1 ? "M" + line.join("L") : "");
    b.setAttribute("d", line.length > 1 ? "M" + line.join("L") + "L100 24L" + line[0].split(" ")[0] + " 24Z" : "");
  }
}

// ---- the way of a frame. c, r: column and lane; w, h: how far it reaches; lost: the drop reasons of the stage
const LOST = {
  rxring: /^(NOMEM|FULL_RING|DEV_HDR)$/, napi: /^(CPU_BACKLOG|LOOP|NOT_SPECIFIED)$/, tapin: /^(UNHANDLED_PROTO|OTHERHOST|VLAN_FILTER|UNICAST_IN_L2_MULTICAST|ARP_.*)$/,
  ipin: /^(IP_(?!OUTNOROUTES).*|IP6_.*|FRAG_.*|DUP_FRAG|ND_.*|ICMP_.*|IGMP_.*)$/, hookin: /^(NETFILTER_DROP|CONNTRACK|NAT_EXHAUSTED)$/,
  tcpin: /^(TCP_.*|NO_SOCKET|UDP_.*)$/, sockin: /^SOCKET_.*$/, ipout: /^(PKT_TOO_BIG|IP_OUTNOROUTES|NEIGH_.*)$/, qdisc: /^(QDISC_DROP|NETEM_LOSS)$/,
  txring: /^(DEV_TX_FAIL|DEV_READY)$/,
};
const inHooks = ["PREROUTING", "INPUT", "FORWARD"], outHooks = ["OUTPUT", "POSTROUTING"];
const hookSum = (list, f, field) => sum(list, h => f("nf." + h + "." + field));
// the most that an event ever showed, where the guest does not watch for it between two
const peaks = {};
const peak = (id, n) => peaks[id] = Math.max(peaks[id] || 0, n);
const clients = () => sum(["idle", "head", "body", "send", "stream", "linger"], s => val("http.conns." + s));
const skbRate = () => each("napi_frames", rate);
const gro = () => { const m = q("rx", "gro_merged", rate), p = q("rx", "gro_packets", rate); return p ? ((m + p) / p).toFixed(1) + " in one" : "nothing to merge"; };
const STAGES = [
  { id: "nic", t: "NIC", lane: "end", c: 1, r: 1, h: 2,
    rate: () => q("rx", "packets", rate) + q("tx", "packets", rate), unit: "frames/s",
    what: () => eth().map(d => d.name).join(" ") || "none",
    deep: () => bits(8 * (q("rx", "bytes", rate) + q("tx", "bytes", rate))).join(" "),
    lost: () => q("rx", "errors") + q("tx", "errors") + q("rx", "dropped"),
    lostNow: () => q("rx", "errors", rate) + q("tx", "errors", rate),
    help: "The network card takes frames from the wire into the receive ring, and from the transmit ring to the wire.",
    rows: () => eth().flatMap(d => [[d.name, d.driver + ", MTU " + d.mtu]])
      .concat([["received", whole(q("rx", "packets"))], ["sent", whole(q("tx", "packets"))], ["impossible descriptors", whole(q("rx", "lies") + q("tx", "lies"))]]) },
  { id: "rxring", t: "rx ring", lane: "in", c: 2, r: 1,
    rate: () => q("rx", "packets", rate), unit: "frames/s",
    what: () => q("rx", "posted") + " buffers ready",
    deep: () => depth(q("rx", "waiting"), q("rx", "high")),
    help: "Buffers that the card may fill. It writes a frame into each and says so; the driver puts a fresh one in its place.",
    rows: () => [["size", q("rx", "size")], ["filled, not taken yet", q("rx", "waiting")],
      ["highest since the page was opened", q("rx", "high")], ["refills that found no buffer", whole(q("rx", "no_buf"))],
      ["buffers free", whole(each("bufs_free")) + " of " + whole(each("bufs"))],
      ["fewest ever free", whole(each("bufs_low"))]] },
  { id: "irq", t: "hard IRQ", lane: "in", c: 3, r: 1,
    rate: () => q("rx", "interrupts", rate) + q("tx", "interrupts", rate), unit: "IRQs/s",
    what: () => {
      const i = q("rx", "interrupts", rate);
      return i ? (q("rx", "packets", rate) / i).toFixed(1) + " frames each" : "quiet";
    },
    deep: () => "",
    help: "The interrupt masks its queue and schedules a poll. It touches no packet.",
    rows: () => [["rx interrupts", whole(q("rx", "interrupts"))], ["tx interrupts", whole(q("tx", "interrupts"))],
      ["polls scheduled", whole(each("hardirqs"))]] },
  { id: "napi", t: "NAPI", lane: "in", c: 4, r: 1,
    rate: () => each("napi_polls", rate), unit: "polls/s",
    what: () => { const p = each("napi_polls", rate); return p ? (skbRate() / p).toFixed(1) + " frames each" : "asleep"; },
    deep: () => depth(val("balance.backlog"), peak("napi", val("balance.backlog"))),
    help: "At the end of the interrupt the poll functions take frames in turns, under a budget of frames and of time.",
    rows: () => [["frames", whole(each("napi_frames"))], ["polls", whole(each("napi_polls"))],
      ["left with work to do", whole(each("squeeze"))], ["came from another CPU", whole(each("steered"))],
      ["waiting in the backlog", val("balance.backlog")]] },
  { id: "gro", t: "GRO", lane: "in", c: 5, r: 1,
    rate: () => q("rx", "gro_merged", rate), unit: "merged/s",
    what: gro,
    deep: () => "",
    help: "Segments of one connection that follow each other become one skb before they enter the stack.",
    rows: () => [["skbs made of several", whole(q("rx", "gro_packets"))],
      ["segments appended", whole(q("rx", "gro_merged"))]] },
  { id: "tapin", t: "taps", lane: "in", c: 6, r: 1,
    rate: () => val("tap.count") ? q("rx", "packets", rate) : 0, unit: "seen/s",
    what: () => val("tap.count") ? val("tap.count") + " listening" : "nobody listens",
    deep: () => "",
    help: "Captures see every frame here, in and out: tcpdump on the console, and pcapng by HTTP.",
    rows: () => [["taps", val("tap.count")], ["unknown EtherType", val("drop.UNHANDLED_PROTO")],
      ["for another host", val("drop.OTHERHOST")]] },
  { id: "ipin", t: "IP", lane: "in", c: 7, r: 1,
    rate: () => rate("stat.IpInReceives") + rate("stat.Ip6InReceives"), unit: "packets/s",
    what: () => {
      const six = rate("stat.Ip6InReceives"), all = six + rate("stat.IpInReceives");
      return all ? Math.round(100 * six / all) + " % IPv6" : "IPv4, IPv6";
    },
    deep: () => "",
    help: "The header is checked, and the destination looked up: for this host, to be forwarded, or neither.",
    rows: () => [["IPv4", whole(val("stat.IpInReceives"))], ["IPv6", whole(val("stat.Ip6InReceives"))],
      ["delivered", whole(val("stat.IpInDelivers") + val("stat.Ip6InDelivers"))],
      ["forwarded", whole(val("stat.IpForwDatagrams") + val("stat.Ip6OutForwDatagrams"))],
      ["fragments", whole(val("stat.IpReasmReqds") + val("stat.Ip6ReasmReqds"))]] },
  { id: "hookin", t: "hooks", lane: "in", c: 8, r: 1,
    rate: () => hookSum(inHooks, rate, "calls"), unit: "calls/s",
    what: () => hookSum(inHooks, val, "fns") ? hookSum(inHooks, val, "fns") + " functions" : "no rules",
    deep: () => peak("hookin", val("ct.count")) ? short(val("ct.count")) + " tracked, high " + short(peaks.hookin) : "",
    help: "netfilter's hooks: PREROUTING, INPUT and FORWARD. Rules, connection tracking and NAT hang here.",
    rows: () => inHooks
      .map(h => [h, whole(val("nf." + h + ".calls")) + " calls, " + whole(val("nf." + h + ".drops")) + " dropped"]) },
  { id: "tcpin", t: "TCP", lane: "in", c: 9, r: 1,
    rate: () => rate("stat.TcpInSegs"), unit: "segments/s",
    what: () => {
      const p = rate("stat.TcpExtTCPHPHits") + rate("stat.TcpExtTCPHPAcks"), a = rate("stat.TcpInSegs");
      return a ? Math.min(100, Math.round(100 * p / a)) + " % predicted" : short(val("tcp.LISTEN")) + " listening";
    },
    deep: () => short(val("tcp.ESTAB")) + " open, high " + short(peak("tcpin", val("tcp.ESTAB"))),
    help: "Header prediction, or the steps of RFC 9293. What is out of order waits here; acknowledgments go to the other lane.",
    rows: () => ["ESTAB", "SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT", "LISTEN"]
      .map(s => [s, whole(val("tcp." + s))]).concat([["UDP in", whole(val("stat.UdpInDatagrams") + val("stat.Udp6InDatagrams"))]]) },
  { id: "sockin", t: "socket", lane: "in", c: 10, r: 1,
    rate: () => rate("stat.CopyInBytes"), unit: "B/s copied",
    what: () => bytes(val("tcp.recvq") + val("udp.recvq")) + " to read",
    deep: () => "high " + bytes(peak("sockin", val("tcp.recvq") + val("udp.recvq"))),
    help: "The receive queue: bytes in order, until a fiber reads them, or takes the skb as it is.",
    rows: () => [["TCP bytes to read", whole(val("tcp.recvq"))], ["UDP bytes to read", whole(val("udp.recvq"))],
      ["UDP sockets", val("udp.socks")], ["bytes copied", whole(val("stat.CopyInBytes"))]] },
  { id: "app", t: "application", lane: "end", c: 11, r: 1, h: 2,
    rate: () => rate("http.requests"), unit: "requests/s",
    what: () => short(clients()) + " HTTP clients",
    deep: () => (val("http.conns.send") ? val("http.conns.send") + " being sent, " : "") + "high " + short(peak("app", clients())),
    lost: () => val("http.refused_table") + val("http.refused_addr") + val("http.no_memory"),
    lostNow: () => rate("http.refused_table") + rate("http.refused_addr") + rate("http.no_memory"),
    help: "The server: fibers on each CPU that wait, read, answer, and never block each other.",
    rows: () => ["accepted", "requests", "status_2xx", "status_3xx", "status_4xx", "status_5xx", "resets"]
      .map(s => [s.replace("status_", ""), whole(val("http." + s))])
      .concat([["fiber switches/s", short(each("switches", rate))]]) },
  { id: "sockout", t: "socket", lane: "out", c: 10, r: 2,
    rate: () => rate("stat.CopyOutBytes"), unit: "B/s copied",
    what: () => bytes(val("tcp.sendq")) + " queued",
    deep: () => "high " + bytes(peak("sockout", val("tcp.sendq"))),
    help: "The send queue: what the application wrote and the peer has not acknowledged. Files of the site are sent by reference.",
    rows: () => [["bytes not acknowledged", whole(val("tcp.sendq"))], ["bytes copied", whole(val("stat.CopyOutBytes"))]] },
  { id: "tcpout", t: "TCP", lane: "out", c: 9, r: 2,
    rate: () => rate("stat.TcpOutSegs"), unit: "segments/s",
    what: () => short(rate("stat.TcpRetransSegs")) + "/s resent",
    deep: () => whole(val("stat.TcpRetransSegs")) + " in all",
    help: "What the windows allow, in segments of up to 64 KiB where the card can cut them.",
    rows: () => [["sent", whole(val("stat.TcpOutSegs"))], ["resent", whole(val("stat.TcpRetransSegs"))],
      ["timeouts", whole(val("stat.TcpExtTCPTimeouts"))], ["fast retransmits", whole(val("stat.TcpExtTCPFastRetrans"))],
      ["resets sent", whole(val("stat.TcpOutRsts"))]] },
  { id: "hookout", t: "hooks", lane: "out", c: 8, r: 2,
    rate: () => hookSum(outHooks, rate, "calls"), unit: "calls/s",
    what: () => hookSum(outHooks, val, "fns") ? hookSum(outHooks, val, "fns") + " functions" : "no rules",
    deep: () => "",
    help: "netfilter's hooks on the way out: OUTPUT and POSTROUTING.",
    rows: () => outHooks
      .map(h => [h, whole(val("nf." + h + ".calls")) + " calls, " + whole(val("nf." + h + ".drops")) + " dropped"]) },
  { id: "ipout", t: "IP", lane: "out", c: 7, r: 2,
    rate: () => rate("stat.IpOutRequests") + rate("stat.Ip6OutRequests"), unit: "packets/s",
    what: () => "route, neighbour",
    deep: () => "",
    help: "The IP header, along a cached route, and the link address of the next hop.",
    rows: () => [["IPv4", whole(val("stat.IpOutRequests"))], ["IPv6", whole(val("stat.Ip6OutRequests"))],
      ["no route", whole(val("drop.IP_OUTNOROUTES"))], ["neighbour does not answer", whole(val("drop.NEIGH_FAILED"))]] },
  { id: "tapout", t: "taps", lane: "out", c: 6, r: 2,
    rate: () => val("tap.count") ? q("tx", "packets", rate) : 0, unit: "seen/s",
    what: () => val("tap.count") ? val("tap.count") + " listening" : "nobody listens",
    deep: () => "",
    help: "The same captures, on the way out.",
    rows: () => [["taps", val("tap.count")]] },
  { id: "qdisc", t: "qdisc", lane: "out", c: 4, w: 2, r: 2,
    rate: () => q("tx", "packets", rate), unit: "frames/s",
    what: () => [...new Set(qdiscs.filter(d => eth().some(e => e.name == d[0])).map(d => d[2]))].join(", "),
    deep: () => depth(sum(qdiscs.filter(d => /:0$/.test(d[3])), d => d[4]), q("tx", "qhigh")),
    help: "The queueing discipline: what waits between the stack and a full ring, or for its turn. An empty one is passed by.",
    rows: () => qdiscs.filter(d => eth().some(e => e.name == d[0]))
      .map(d => [d[0] + " queue " + d[1] + ": " + d[2], d[4] + " waiting, " + whole(d[8]) + " dropped"]) },
  { id: "txring", t: "tx ring", lane: "out", c: 2, w: 2, r: 2,
    rate: () => q("tx", "packets", rate), unit: "frames/s",
    what: () => {
      const k = q("tx", "kicks", rate);
      return k ? (q("tx", "packets", rate) / k).toFixed(1) + " per doorbell" : "no doorbell";
    },
    deep: () => depth(q("tx", "posted"), q("tx", "high")),
    help: "Descriptors that the card is to send; one doorbell for a burst. A full ring stops its queue, and nothing is lost.",
    rows: () => [["size", q("tx", "size")], ["in use", q("tx", "posted")],
      ["highest since the page was opened", q("tx", "high")], ["doorbells", whole(q("tx", "kicks"))],
      ["times it was full", whole(q("tx", "stopped"))]] },
];
// what passes from a stage to the next, where that is not what the stage counts
const PASS = { nic: () => q("rx", "packets", rate), txring: () => q("tx", "packets", rate) };
for (const id of ["irq", "napi", "gro", "tapin"]) PASS[id] = PASS.nic;
PASS.tapout = PASS.qdisc = PASS.txring;
PASS.hookin = () => rate("stat.IpInReceives") + rate("stat.Ip6InReceives");
PASS.hookout = () => rate("stat.IpOutRequests") + rate("stat.Ip6OutRequests");
PASS.tcpin = () => rate("stat.TcpInSegs") + rate("stat.UdpInDatagrams") + rate("stat.Udp6InDatagrams");
PASS.sockin = PASS.sockout = () => rate("http.requests") + rate("stat.UdpInDatagrams") + rate("stat.Udp6InDatagrams");
function depth(n, high) { return n + " waiting, high " + high; }
const lostNames = s => LOST[s.id] ? names.filter(n => n.startsWith("drop.") && LOST[s.id].test(n.slice(5))) : [];

for (const s of STAGES) {
  const li = make($("path"), "li", { class: s.lane, style: `--c:${s.c};--r:${s.r};--w:${s.w || 1};--h:${s.h || 1}` });
  s.box = make(li, "button", { class: "box", type: "button", id: "box-" + s.id, "aria-expanded": "false", "aria-controls": "stage" },
    `<b>${s.t}</b><span class="rate"></span><span class="what"></span><span class="deep"></span><span class="lost"></span>`);
  if (s.lane != "end") s.box.setAttribute("aria-describedby", "lane-" + s.lane);
  s.box.addEventListener("click", () => { open = open == s ? null : s; path(); });
  // the application hands over to the lane out; from the tx ring the edge leads back to the card
  s.edge = make(li, "i", { class: s.id == "app" ? "edge back" : "edge", "aria-hidden": "true" });
}

// The equations of the balance that the edge behind a box stands for.
const KEPT = { rxring: ["rxring"], gro: ["link"], tapin: ["link"], ipin: ["ip", "ip6", "reassembly"], hookin: ["ip", "ip6"], tcpin: ["transport", "icmp", "icmp6"],
  sockin: ["receive"], sockout: ["send"], tcpout: ["output"], hookout: ["output"], ipout: ["output"], tapout: ["output"], qdisc: ["qdisc"], txring: ["txring"] };
const holds = stage => val("stage." + stage) == val("stage." + stage + ".known");

function path() {
  const inOk = val("balance.in") == val("balance.in_known"), skbOk = val("balance.skbs") == val("balance.skbs_known"), whyOk = val("balance.dropped") == val("balance.reasons");
  for (const s of STAGES) {
    const r = s.rate(), drop = lostNames(s), lost = s.lost ? s.lost() : sum(drop, val), lostNow = s.lostNow ? s.lostNow() : sum(drop, rate);
    const [, rateEl, what, deep, lostEl] = s.box.children;
    html(rateEl, short(r) + " <small>" + s.unit + "</small>");
    set(what, s.what()); set(deep, s.deep());
    set(lostEl, lostNow ? "\u25bc " + short(lostNow) + "/s lost" : lost ? whole(lost) + " lost" : "none lost");
    cls(lostEl, "some", lost); cls(lostEl, "now", lostNow);
    const ok = skbOk && whyOk && (s.lane == "out" || s.id == "app" || inOk) && (KEPT[s.id] || []).every(holds);
    const e = s.edge, p = (PASS[s.id] || s.rate)();
    cls(e, "bad", !ok); cls(e, "idle", ok && !p); cls(e, "flow", p);
    e.style.setProperty("--t", Math.min(5, 1 + Math.log10(1 + p)).toFixed(1) + "px");
    e.style.setProperty("--s", Math.max(.15, 1.2 - Math.log10(1 + p) / 4).toFixed(2) + "s");
    s.box.setAttribute("aria-expanded", String(open == s));
  }
  const torn = names.filter(n => /^stage\.[^.]+$/.test(n)).map(n => n.slice(6)).filter(s => !holds(s));
  const ok = inOk && skbOk && whyOk && !torn.length;
  const why = !inOk ? "frames in differ from done + taken + dropped" : !skbOk ? "skbs taken differ from given back + alive" : !whyOk ? "drops differ from their reasons" :
    torn.map(s => `stage ${s}: ${whole(val("stage." + s))} in, ${whole(val("stage." + s + ".known"))} accounted for`).join("; ");
  set($("balance"), ok ? "\u2713 every frame is accounted for" : "\u2260 " + why);
  cls($("balance"), "bad", !ok);
  $("stage").hidden = !open;
  if (open)
    html($("stage"), `<h3>${open.t}${open.lane == "end" ? "" : ", " + open.lane}</h3><p>${open.help}</p><dl>` +
      open.rows().concat(lostNames(open).filter(n => val(n)).map(n => ["\u25bc " + n.slice(5), whole(val(n))]),
        (KEPT[open.id] || []).map(s => [(holds(s) ? "\u2713 " : "\u2260 ") + s + ", accounted for", whole(val("stage." + s + ".known")) + " of " + whole(val("stage." + s))])).map(([k, v]) => `<div><dt>${esc(k)}</dt><dd>${esc(v)}</dd></div>`).join("") + "</dl>");
}

// ---- rings as cells: full ones hold a frame, a dot is room for one, a low bar is sent and not cleaned up
function ring(prefix, tx, cols) {
  const size = val(prefix + "size"), at = val(prefix + "at"), a = val(prefix + "waiting"), b = val(prefix + "posted"), d = { full: "", posted: "", done: "", none: "" };
  for (let i = 0; i < size; i++) {
    const k = (at + i) % size, x = k % cols * 6, y = Math.floor(k / cols) * 6;
    if (i < a) tx ? d.done += `M${x + .5} ${y + 3}h5v2.5h-5z` : d.full += `M${x + .5} ${y + .5}h5v5h-5z`;
    else if (i < a + b) tx ? d.full += `M${x + .5} ${y + .5}h5v5h-5z` : d.posted += `M${x + 2} ${y + 2}h2v2h-2z`;
    else d.none += `M${x + .5} ${y + .5}h5v5h-5z`;
  }
  const words = tx ? `${b} of ${size} on their way` : `${a} filled, ${b} of ${size} ready`;
  return `<div class="ring ${tx ? "tx" : "rx"}"><p><b>${prefix.slice(0, -1)}</b><small>${words}</small></p>` +
    `<svg class="cells" role="img" aria-label="${prefix.slice(0, -1)}: ${words}" viewBox="0 0 ${cols * 6} ${Math.ceil(size / cols) * 6}">` +
    Object.entries(d).map(([c, p]) => `<path class="${c}" d="${p}"/>`).join("") + "</svg></div>";
}
function rings() {
  const all = eth().flatMap(d => Array.from({ length: Math.max(d.rxq, d.txq) }, (_, i) => [d.name + ".rx" + i + ".", d.name + ".tx" + i + "."])).slice(0, 8);
  const cols = all.length > 1 || cpus == 1 ? 64 : 32; // as high as the panel beside
  html($("rings"), all.map(([r, t]) => (val(r + "size") ? ring(r, false, cols) : "") + (val(t + "size") ? ring(t, true, cols) : "")).join("") || '<p class="empty">no rings</p>');
}

// ---- CPUs by context
const CONTEXTS = [["net_rx", "NET_RX", "--rx"], ["net_tx", "NET_TX", "--tx"], ["timer", "TIMER", "--timer"], ["inbox", "INBOX", "--inbox"]];
function cpuRows() {
  html($("cpus"), Array.from({ length: cpus }, (_, i) => {
    const p = "cpu" + i + ".", part = CONTEXTS.map(([f, t, c]) => [t, rate(p + f) / 1e9, c]), idle = Math.min(1, rate(p + "idle") / 1e9);
    part.push(["base", first ? 0 : Math.max(0, 1 - idle - sum(part, x => x[1])), "--base"]);
    const pc = v => (100 * v).toFixed(1) + " %";
    return `<div class="cpu"><b>CPU ${i}</b> <small style="display:inline">${short(rate(p + "frames"))} frames/s, ` +
      `${short(rate(p + "napi_polls"))} polls/s${val(p + "squeeze") ? ", out of budget " + whole(val(p + "squeeze")) + " times" : ""}</small>` +
      `<div class="bar" aria-hidden="true">${part.map(([, v, c]) => `<i style="width:${(100 * v).toFixed(1)}%;background:var(${c})"></i>`).join("")}</div>` +
      `<p class="ctx">${part.map(([t, v, c]) => `<span><i class="swatch" style="background:var(${c})"></i>${t} ${pc(v)}</span>`).join("")}` +
      `<span><i class="swatch" style="background:var(--faint)"></i>idle ${first ? "\u2013" : pc(idle)}</span></p></div>`;
  }).join(""));
}

// ---- connections: [key, local, peer, state, cpu, recvq, sendq, algorithm, then as in live_json.c]
const F = ["rto", "rtt", "rttvar", "min_rtt", "mss", "pmtu", "cwnd", "ssthresh", "unacked", "lost", "retrans", "total_retrans",
  "acked", "received", "segs_out", "segs_in", "delivery", "pacing", "rcv_space", "snd_wnd", "ca_state",
  "resent", "options", "snd_wscale", "rcv_wscale", "notsent"];
function takeConn(row) {
  const old = conns.get(row[0]), c = { old: null, hist: old ? old.hist : [] };
  ["key", "local", "peer", "state", "cpu", "recvq", "sendq", "ca"].forEach((f, i) => c[f] = row[i]);
  F.forEach((f, i) => c[f] = row[8 + i]);
  if (old) { old.old = null; c.old = old; }
  c.at = ms;
  conns.set(c.key, c);
}
const port = end => end.slice(end.lastIndexOf(":") + 1), host = end => end.slice(0, end.lastIndexOf(":")).replace(/[[\]]/g, "");
const filter = c => `host ${host(c.peer)} and port ${port(c.peer)} and port ${port(c.local)}`;
const capture = c => "/debug/pcap?filter=" + encodeURIComponent(filter(c)).replace(/%20/g, "+");
const speed = (c, f) => c.old && c.at == ms ? 8 * (c[f] - c.old[f]) / seconds : 0;

function connRows() {
  const body = $("conns").tBodies[0], have = new Map([...body.rows].map(r => [r.dataset.key, r]));
  const rank = c => c.acked + c.received + 1000 * c.resent; // as the guest chooses them
  const list = [...conns.values()].sort((a, b) => rank(b) - rank(a));
  for (const c of list) {
    c.hist.push([c.cwnd, c.rtt]);
    if (c.hist.length > HISTORY) c.hist.shift();
    let tr = have.get(c.key);
    if (!tr) {
      tr = make(body, "tr", { "data-key": c.key }, `<th scope="row"><button type="button" aria-pressed="false"></button></th><td></td><td></td>` +
        '<td class="n"></td>'.repeat(7) + `<td><a href="${capture(c)}" download="flow.pcapng" aria-label="capture ${esc(c.peer)}">pcapng</a></td>`);
      tr.firstChild.firstChild.addEventListener("click", () => { chosen = c.key; connRows(); });
    }
    have.delete(c.key);
    const b = tr.firstChild.firstChild, out = bits(speed(c, "acked")), inn = bits(speed(c, "received"));
    set(b, c.peer);
    b.setAttribute("aria-pressed", String(chosen == c.key));
    cls(tr, "chosen", chosen == c.key);
    [port(c.local), c.state, whole(c.recvq), whole(c.sendq), c.rtt ? time(c.rtt) : "\u2013", c.cwnd, out.join(" "), inn.join(" "),
      whole(c.total_retrans)].forEach((t, i) => set(tr.cells[i + 1], t));
    cls(tr.cells[9], "hot", c.old && c.at == ms && c.total_retrans > c.old.total_retrans);
  }
  for (const r of have.values()) r.remove();
  // in the order of the list; a row is moved only where it must be, for the focus goes with it
  list.forEach((c, i) => {
    if (body.rows[i].dataset.key != c.key && !body.contains(document.activeElement))
      body.insertBefore([...body.rows].find(x => x.dataset.key == c.key), body.rows[i]);
  });
  if (!conns.has(chosen)) chosen = list.length ? list[0].key : null;
  set($("conns-n"), list.length ? `${list.length} of ${whole(val("tcp.ESTAB"))} established, those that move most` : "none");
  connChosen();
}

function line(h, k, top, wide) {
  const x = i => 360 - (h.length - 1 - i) * 360 / (wide - 1);
  return h.map((p, i) => (i ? "L" : "M") + x(i).toFixed(1) + " " + (104 - 96 * p[k] / top).toFixed(1)).join("");
}
function connChosen() {
  const c = conns.get(chosen);
  if (!c) { html($("conn"), '<p class="empty">Choose a connection to see its window and round trips.</p>'); return; }
  const h = c.hist, wide = Math.max(h.length, 30), cw = Math.max(...h.map(p => p[0]), 10), rt = Math.max(...h.map(p => p[1]), 100);
  const f3 = us => (us / 1000).toFixed(3), some = (n, word) => n ? ` ${word}:${n}` : "";
  const ss = (c.options & 1 ? "ts " : "") + (c.options & 2 ? "sack " : "") + c.ca + (c.options & 4 ? ` wscale:${c.snd_wscale},${c.rcv_wscale}` : "") +
    ` rto:${Math.round(c.rto / 1000)} rtt:${f3(c.rtt)}/${f3(c.rttvar)} mss:${c.mss} pmtu:${c.pmtu} cwnd:${c.cwnd}` +
    some(c.ssthresh < 0x7fffffff && c.ssthresh, "ssthresh") + ` bytes_acked:${c.acked} bytes_received:${c.received}` +
    ` segs_out:${c.segs_out} segs_in:${c.segs_in}` +
    (c.delivery ? ` delivery_rate ${bits(8 * c.delivery).join("").replace("it/s", "ps")}` : "") + some(c.unacked, "unacked") +
    (c.total_retrans ? ` retrans:${c.retrans}/${c.total_retrans}` : "") + some(c.lost, "lost") + some(c.notsent, "notsent") +
    ` rcv_space:${c.rcv_space} snd_wnd:${c.snd_wnd}` + (c.min_rtt < 4294967295 ? ` minrtt:${f3(c.min_rtt)}` : "");
  html($("conn"), `<p><b>${esc(c.peer)}</b> to ${esc(c.local)}, CPU ${c.cpu}</p>` +
    `<p class="legend"><span><i></i>cwnd ${c.cwnd} segments</span><span><i class="r"></i>RTT ${time(c.rtt)}</span></p>` +
    `<svg viewBox="0 -13 360 131" role="img" aria-label="congestion window ${c.cwnd} segments, round trip ${time(c.rtt)}, over ${h.length} seconds">` +
    `<line x1="0" y1="104" x2="360" y2="104"/><line x1="0" y1="8" x2="360" y2="8"/><path class="cwnd" d="${line(h, 0, cw, wide)}"/><path class="rtt" d="${line(h, 1, rt, wide)}"/>` +
    `<text x="0" y="0">${cw} segments</text><text x="360" y="0" text-anchor="end">${time(rt)}</text>` +
    `<text x="0" y="116">${wide} s ago</text><text x="360" y="116" text-anchor="end">now</text></svg>` +
    `<p class="wire">${esc(ss)}</p>`);
}

// ---- HTTP latency: four bins for each power of two of nanoseconds, from 2^10 on
const BINS = 96, edgeUs = b => 2 ** (10 + Math.floor(b / 4)) * (1 + b % 4 / 4) / 1000;
function latency() {
  const n = Array.from({ length: BINS }, (_, i) => val("latency." + i)), all = sum(n, x => x);
  set($("lat-n"), all ? whole(all) + " answers since the page was opened" : "");
  if (!all) { html($("lat"), '<p class="empty">No request was answered since the page was opened.</p>'); return; }
  const at = p => {
    let left = all * p, i = 0;
    while (i < BINS - 1 && (left -= n[i]) > 0) i++;
    return edgeUs(i + 1);
  };
  const lo = Math.max(0, n.findIndex(x => x) - 2), hi = Math.min(BINS - 1, BINS - 1 - [...n].reverse().findIndex(x => x) + 2), top = Math.max(...n);
  const pct = [["median", .5], ["90 %", .9], ["99 %", .99], ["99.9 %", .999]].map(([t, p]) => [t, time(at(p))]);
  html($("lat"), `<dl class="pct">${pct.map(([t, v]) => `<div><dt>${t}</dt><dd>${v}</dd></div>`).join("")}</dl>` +
    `<ol role="img" aria-label="histogram of answers: ${pct.map(x => x.join(" ")).join(", ")}">` +
    n.slice(lo, hi + 1).map(x => `<li style="height:${x ? Math.max(2, 100 * x / top).toFixed(1) : 0}%"></li>`).join("") + "</ol>" +
    `<p class="axis"><span>${time(edgeUs(lo))}</span><span>from the packet's poll to the answer handed to TCP</span><span>${time(edgeUs(hi + 1))}</span></p>`);
}

// ---- queueing disciplines and tracking
function queueing() {
  const rows = qdiscs.filter(d => d[0] != "lo").map(d =>
    `<tr><th scope="row">${esc(d[0])}:${d[1]}${/:0$/.test(d[3]) ? "" : "<br>class " + d[3]}` +
    `<td><b>${esc(d[2])}</b> <span class="wire">${esc(d[10].replace(/ priomap.*/, ""))}</span>` +
    `<td class="n">${whole(d[6])}<td class="n">${d[4]}<td class="n">${whole(d[8])}`).join("");
  const ct = ["found", "insert", "deleted", "invalid", "drop", "insert_failed", "early_drop", "flow"].map(f => f + " " + whole(val("ct." + f))).join(", ");
  html($("qdiscs"), `<table><thead><tr><th scope="col">Queue<th scope="col">Discipline` +
    `<th scope="col" class="n">Packets<th scope="col" class="n">Waiting<th scope="col" class="n">Dropped</thead><tbody>${rows}</tbody></table>` +
    `<p class="empty"><b>${whole(val("ct.count"))} connections tracked</b>${val("ct.count") || val("ct.found") ? ": " + ct : ": no rule asks for it"}</p>`);
}

// ---- drops
function dropRows() {
  const list = names.filter(n => n.startsWith("drop.") && val(n)).sort((a, b) => rate(b) - rate(a) || val(b) - val(a));
  set($("drops-n"), list.length ? whole(val("balance.dropped")) + " frames, each with its reason" : "");
  html($("drops").tBodies[0], list.map(n => {
    const d = drops.get(n.slice(5)), r = rate(n);
    const last = d ? `<span class="wire">${esc(d[2] ? d[2] + " " : "")}${esc(d[3] || "nothing of it was left")}</span>` : '<span class="key">before the page was opened</span>';
    return `<tr><th scope="row">${n.slice(5)}<td class="n">${whole(val(n))}<td class="n${r ? " hot" : ""}">${r ? "\u25bc " + short(r) + "/s" : ""}<td>${last}`;
  }).join("") || '<tr><td colspan="4" class="empty">No frame was dropped.');
}

// ---- counters
function counters() {
  const want = $("filter").value.toLowerCase(), moving = $("moving").checked;
  html($("stats"), names.filter(n => n.startsWith("stat.") && val(n) && n.toLowerCase().includes(want) && (!moving || rate(n)))
    .map(n => `<div><span title="${n.slice(5)}">${n.slice(5)}</span>` +
      `<em>${rate(n) ? "+" + short(rate(n)) + "/s" : ""}</em><b>${whole(val(n))}</b></div>`).join("") || '<p class="empty">None.</p>');
}
for (const id of ["filter", "moving"]) $(id).addEventListener("input", counters);

function draw() {
  set($("where"), `${location.host} \u00b7 ${cpus} CPU${cpus > 1 ? "s" : ""} \u00b7 up ${span(up / 1000)} \u00b7 ${bytes(val("mem.free"))} free of ${bytes(val("mem.total"))}`);
  for (const f of [tiles, path, rings, cpuRows, connRows, latency, queueing, dropRows, counters]) f();
}

// ---- the feed
let source = null, watch = 0, born = 0;
function state(text, on) { set($("link").firstChild, text); cls($("link"), "on", on); }
function heard() { clearTimeout(watch); watch = setTimeout(again, SILENCE); state("\u25cf live", true); }
function again() { state("\u25cb reconnecting", false); stop(); start(); }
function stop() { if (source) source.close(); source = null; clearTimeout(watch); }

function takeFull(e) {
  const d = JSON.parse(e.data);
  names = d.names; devs = d.devs; cpus = d.cpus; qdiscs = d.qdiscs; ms = d.ms; born = d.up - d.ms; up = d.up;
  const v = new Map(names.map((n, i) => [n, d.v[i]]));
  first = true; before = v; now = v;
  drops = new Map(d.drops.map(x => [x[0], x]));
  const kept = conns; conns = new Map();
  for (const row of d.conns) { takeConn(row); if (kept.has(row[0])) conns.get(row[0]).hist = kept.get(row[0]).hist; }
  heard(); draw();
}
function takeDelta(e) {
  const d = JSON.parse(e.data);
  if (!names.length) return;
  seconds = Math.max(.05, (d.ms - ms) / 1000); ms = d.ms; up = born + ms; first = false;
  before = now; now = new Map(now);
  for (let i = 0; i < d.n.length; i += 2) now.set(names[d.n[i]], d.n[i + 1]);
  for (const key of d.gone) conns.delete(key);
  d.conns.forEach(takeConn);
  for (const x of d.drops) drops.set(x[0], x);
  if (d.qdiscs) qdiscs = d.qdiscs;
  heard(); draw();
}
function start() {
  source = new EventSource("/debug/live/feed");
  source.addEventListener("full", takeFull);
  source.onmessage = takeDelta;
  source.onerror = () => { state("\u25cb reconnecting", false); if (source && source.readyState == 2) { clearTimeout(watch); watch = setTimeout(again, 1000); } };
  clearTimeout(watch);
  watch = setTimeout(again, SILENCE);
}
// nobody looks: nothing is asked for, and the guest collects nothing
let paused = false;
function settle() {
  if (paused || document.hidden) { stop(); state(paused ? "\u2016 paused" : "\u25cb hidden", false); }
  else if (!source) { state("\u25cb connecting", false); start(); }
}
$("pause").addEventListener("click", () => { paused = !paused; $("pause").setAttribute("aria-pressed", String(paused)); set($("pause"), paused ? "Resume" : "Pause"); settle(); });
document.addEventListener("visibilitychange", settle);
addEventListener("pagehide", stop);
settle();
