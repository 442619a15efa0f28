// Who descends from whom: a row for each member, a bar for each segment, a curve for each copy.
// Thousands of them are a few dozen paths, one a colour: a page redraws them five times a second.

import { scale, viridis } from "./colour.js";
import { el, replace, svg } from "./dom.js";
import { change, count, number } from "./format.js";

const RIGHT = 16;
const TOP = 22;
const NAME_MAX = 14;
const SHADES = 24;
const LINKS_CLEAR = 60;

export class Tree {
  constructor({ hover, pick, name }) {
    Object.assign(this, { hover, pick, name, at: null, order: "family" });
    this.hint = el("p", { class: "quiet readout", "aria-live": "polite" });
    this.select = el("select", { id: "tree-order", onchange: () => { this.order = this.select.value; this.rowOf = null; this.draw(this.state, this.members, this.nodes); } },
      [["family", "families together"], ["score", "best first"], ["index", "by number"]].map(([value, text]) => el("option", { value, text })));
    this.legend = el("span", { class: "legend" });
    this.box = el("div", { class: "tree scroll", tabindex: 0, role: "group", "aria-label": "Lineage. Up and down: another member. Left and right: its segments. P: the segment that it was copied from. Enter: its story.", onkeydown: (event) => this.key(event) });
    this.node = el("div", {}, el("div", { class: "controls" }, el("label", { for: "tree-order", text: "rows " }), this.select, this.legend), this.box, this.hint);
    this.box.addEventListener("pointermove", (event) => this.point(this.under(event)));
    this.box.addEventListener("pointerleave", () => this.point(null));
    this.box.addEventListener("click", (event) => {
      const node = this.under(event);
      if (node) pick(node.member);
    });
    this.box.addEventListener("blur", () => this.point(null));
    this.resize = new ResizeObserver(() => { if (this.state && this.box.clientWidth !== this.width) this.paint(); });
    this.resize.observe(this.box);
  }

  close() {
    this.resize.disconnect();
  }

  draw(state, members, nodes) {
    Object.assign(this, { state, members, nodes });
    if (!this.rowOf || this.rowOf.size !== members.size) this.arrange();
    this.segments = new Map();
    for (const it of nodes.values()) {
      if (!this.segments.has(it.member)) this.segments.set(it.member, []);
      this.segments.get(it.member).push(it);
    }
    this.paint();
  }

  // Rows keep their places while the run goes on; only choosing an order moves them.
  arrange() {
    const list = [...this.members.values()];
    const sign = this.state.mode === "min" ? 1 : -1;
    const score = (it) => (typeof it.score === "number" ? sign * it.score : Infinity);
    if (this.order === "score") list.sort((a, b) => score(a) - score(b) || a.number - b.number);
    else if (this.order === "index") list.sort((a, b) => a.number - b.number);
    else {
      const chains = new Map(list.map((it) => [it.number, this.chain(`${it.number}.${it.segment}`)]));
      list.sort((a, b) => compare(chains.get(a.number), chains.get(b.number)) || a.number - b.number);
    }
    this.rowOf = new Map(list.map((it, at) => [it.number, at]));
    this.byRow = list.map((it) => it.number);
  }

  // The ancestors' places in the journal, the first one first.
  chain(key) {
    const found = [];
    for (let it = this.nodes.get(key); it; it = it.parent ? this.nodes.get(it.parent) : null) found.push(it.record);
    return found.reverse();
  }

  paint() {
    const width = this.box.clientWidth;
    if (!width || !this.members.size) return;
    this.width = width;
    const total = this.members.size;
    this.row = Math.max(6, Math.min(24, Math.floor(520 / total)));
    const height = TOP + total * this.row + 8;
    const last = [...this.nodes.values()].reduce((most, it) => Math.max(most, it.end), 1);
    const longest = [...this.members.values()].reduce((most, it) => Math.max(most, Math.min(NAME_MAX, it.name.length)), 0);
    const left = Math.max(30, 7 * longest + 12);
    this.thick = Math.max(2.5, this.row * 0.42);
    this.x = (step) => left + (step / last) * (width - left - RIGHT);
    this.step = (x) => ((x - left) / (width - left - RIGHT)) * last;
    this.y = (member) => TOP + (this.rowOf.get(member) + 0.5) * this.row;
    const share = scale([...this.nodes.values()].map((it) => it.score), this.state.mode);
    const onPath = new Set(this.state.lineage);
    this.marks = svg("g", { class: "marks" });
    this.picture = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" },
      this.axis(last, height), this.labels(), this.links((it) => !onPath.has(it.key), "links"),
      this.bars(share), this.links((it) => onPath.has(it.key), "links winner"), this.winnerBars(), this.marks);
    replace(this.box, this.picture);
    this.drawLegend(share);
    this.mark();
  }

  axis(last, height) {
    const step = nice(last / Math.max(2, this.width / 110));
    const lines = [];
    for (let at = 0; at <= last; at += step) {
      lines.push(svg("line", { x1: this.x(at), x2: this.x(at), y1: TOP - 4, y2: height, class: "grid" }),
        svg("text", { x: this.x(at), y: 12, class: "tick", "text-anchor": at ? "middle" : "start", text: count(at) }));
    }
    return svg("g", {}, lines);
  }

  labels() {
    const every = Math.ceil(12 / this.row);
    return svg("g", {}, this.byRow.filter((_, at) => at % every === 0).map((it) => {
      const name = this.name(it);
      return svg("text", { x: 4, y: this.y(it) + 4, class: it === this.state.best ? "label best" : "label", text: name.length > NAME_MAX ? `${name.slice(0, NAME_MAX - 1)}…` : name });
    }));
  }

  bars(share) {
    const shades = new Map();
    for (const it of this.nodes.values()) {
      const found = share(it.score);
      const shade = Number.isNaN(found) ? -1 : Math.round(found * SHADES);
      const [x, to] = [this.x(it.start), this.x(it.end)];
      shades.set(shade, `${shades.get(shade) ?? ""}M${tenth(x)},${tenth(this.y(it.member))}H${tenth(Math.max(to, x + 1.5))}`);
    }
    return svg("g", { class: "bars" }, [...shades].map(([shade, d]) =>
      svg("path", { d, stroke: viridis(shade < 0 ? NaN : shade / SHADES), "stroke-width": this.thick })));
  }

  winnerBars() {
    const order = this.state.lineage;
    return svg("path", { class: "path", d: order.map((key, at) => {
      const it = this.nodes.get(key);
      if (!it) return "";
      const end = this.nodes.get(order[at + 1])?.start ?? it.end;
      return `M${tenth(this.x(it.start))},${tenth(this.y(it.member) + this.thick / 2 + 1)}H${tenth(this.x(end))}`;
    }).join("") });
  }

  links(wanted, name) {
    const found = [...this.nodes.values()].filter((it) => it.parent && wanted(it));
    // The more there are, the fainter each: they are one path, whose crossings don't add up.
    const strength = name === "links" ? Math.max(0.12, 0.45 * Math.min(1, Math.sqrt(LINKS_CLEAR / (found.length || 1)))) : 1;
    return svg("path", { class: name, opacity: strength.toFixed(2), d: found.map((it) => this.curve(it)).join("") });
  }

  curve(node) {
    const from = tenth(this.y(node.donor));
    const [x, to] = [tenth(this.x(node.start)), tenth(this.y(node.member))];
    const bend = tenth(x + Math.min(14, 4 + Math.abs(to - from) / 12));
    return `M${x},${from}C${bend},${from} ${bend},${to} ${x},${to}`;
  }

  drawLegend(share) {
    const scores = [...this.nodes.values()].map((it) => it.score).filter((it) => typeof it === "number");
    if (!scores.length) return;
    const [low, high] = [scores.reduce((a, b) => Math.min(a, b)), scores.reduce((a, b) => Math.max(a, b))];
    const ends = this.state.mode === "min" ? [high, low] : [low, high];
    replace(this.legend, `${this.state.metric} ${number(ends[0], 3)} `,
      svg("svg", { width: 90, height: 10, "aria-hidden": "true" }, Array.from({ length: 30 }, (_, at) => svg("rect", { x: at * 3, y: 0, width: 3.2, height: 10, fill: viridis(at / 29) }))),
      ` ${number(ends[1], 3)}`, el("span", { class: "key" }, el("span", { class: "swatch" }), "the winner's path"),
      this.state.hidden_node_count ? ` · ${count(this.state.hidden_node_count)} older segments left out` : "");
  }

  under(event) {
    if (!this.picture) return null;
    const box = this.picture.getBoundingClientRect();
    const member = this.byRow[Math.floor((event.clientY - box.top - TOP) / this.row)];
    const step = this.step(event.clientX - box.left);
    const own = this.segments.get(member) ?? [];
    const found = own.filter((it) => it.start <= step);
    return found[found.length - 1] ?? own[0] ?? null;
  }

  point(node) {
    if (node?.key === this.at?.key) return;
    this.at = node;
    this.mark();
    this.hover(node ? node.member : null);
    this.hint.textContent = node ? this.words(node) : "";
  }

  words(node) {
    const score = typeof node.score === "number" ? `, ${this.state.metric} ${number(node.score)}` : "";
    const from = node.donor === null ? "" : `, copied from ${this.name(node.donor)}`;
    const changes = node.changes.length ? `: ${node.changes.map(change).join(", ")}` : "";
    return `${this.name(node.member)}, steps ${count(node.start)} to ${count(node.end)}${score}${from}${changes}`;
  }

  // The path back from where one points, and what descends from there.
  mark() {
    if (!this.marks) return;
    replace(this.marks);
    if (!this.at || !this.nodes.has(this.at.key)) return;
    const thick = Math.max(4, this.row * 0.6);
    let until = null;
    for (let it = this.at; it; it = it.parent ? this.nodes.get(it.parent) : null) {
      const end = until ?? it.end;
      this.marks.append(svg("rect", { class: "mark", x: this.x(it.start), y: this.y(it.member) - thick / 2, width: Math.max(2, this.x(end) - this.x(it.start)), height: thick }));
      if (it.parent) this.marks.append(svg("path", { class: "mark", d: this.curve(it) }));
      until = it.start;
    }
    const children = [...this.nodes.values()].filter((it) => it.parent === this.at.key);
    this.marks.append(svg("path", { class: "mark child", d: children.map((it) => this.curve(it)).join("") }));
  }

  highlight(member) {
    if (this.at || !this.marks) return;
    replace(this.marks);
    if (member !== null && this.rowOf.has(member)) {
      this.marks.append(svg("rect", { class: "band", x: 0, y: this.y(member) - this.row / 2, width: this.width, height: this.row }));
    }
  }

  key(event) {
    const row = this.at ? this.rowOf.get(this.at.member) : -1;
    const own = this.at ? this.segments.get(this.at.member) : [];
    const place = own.indexOf(this.at);
    const moves = {
      ArrowDown: () => this.near(Math.min(row + 1, this.byRow.length - 1)),
      ArrowUp: () => this.near(Math.max(row - 1, 0)),
      ArrowLeft: () => own[place - 1] ?? this.at,
      ArrowRight: () => own[place + 1] ?? this.at,
      p: () => (this.at?.parent && this.nodes.get(this.at.parent)) ?? this.at,
      Escape: () => null,
    };
    if (event.key === "Enter" && this.at) this.pick(this.at.member);
    else if (moves[event.key] && !event.ctrlKey && !event.metaKey) this.point(moves[event.key]());
    else return;
    event.preventDefault();
  }

  // The segment of a row at the step where one is; at first the last one.
  near(row) {
    const own = this.segments.get(this.byRow[row]) ?? [];
    const step = this.at ? this.at.end : Infinity;
    return own.filter((it) => it.start < step).pop() ?? own[0] ?? null;
  }
}

function tenth(value) {
  return Math.round(value * 10) / 10;
}

function compare(a, b) {
  for (let at = 0; at < Math.min(a.length, b.length); at += 1) if (a[at] !== b[at]) return a[at] - b[at];
  return a.length - b.length;
}

function nice(step) {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, step)));
  return Math.max(1, [1, 2, 5, 10].map((it) => it * power).find((it) => it >= step));
}
