// Who descends from whom: a row for each member, a bar for each segment, a curve for each copy.

import { scale, viridis } from "./colour.js";
import { el, replace, svg } from "./dom.js";
import { change, count, number } from "./format.js";

const LEFT = 46;
const RIGHT = 12;
const TOP = 22;

export class Tree {
  constructor({ hover, pick }) {
    Object.assign(this, { hover, pick, at: null, order: "family" });
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
      if (node) pick(node.trial);
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
      if (!this.segments.has(it.trial)) this.segments.set(it.trial, []);
      this.segments.get(it.trial).push(it);
    }
    this.paint();
  }

  // Rows keep their places while the run goes on; only choosing an order moves them.
  arrange() {
    const list = [...this.members.values()];
    const sign = this.state.mode === "min" ? 1 : -1;
    const score = (it) => (typeof it.score === "number" ? sign * it.score : Infinity);
    if (this.order === "score") list.sort((a, b) => score(a) - score(b) || a.index - b.index);
    else if (this.order === "index") list.sort((a, b) => a.index - b.index);
    else {
      const chains = new Map(list.map((it) => [it.id, this.chain(`${it.id}.${it.segment}`)]));
      list.sort((a, b) => compare(chains.get(a.id), chains.get(b.id)) || a.index - b.index);
    }
    this.rowOf = new Map(list.map((it, at) => [it.id, at]));
    this.byRow = list.map((it) => it.id);
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
    const last = Math.max(1, ...[...this.nodes.values()].map((it) => it.end));
    this.x = (step) => LEFT + (step / last) * (width - LEFT - RIGHT);
    this.step = (x) => ((x - LEFT) / (width - LEFT - RIGHT)) * last;
    this.y = (trial) => TOP + (this.rowOf.get(trial) + 0.5) * this.row;
    const share = scale([...this.nodes.values()].map((it) => it.score), this.state.mode);
    const onPath = new Set(this.state.lineage);
    this.marks = svg("g", { class: "marks" });
    this.picture = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" },
      this.axis(last, height), this.labels(), this.links((it) => !onPath.has(it.key), "links"),
      this.bars(share), this.links((it) => onPath.has(it.key), "links winner"), this.winnerBars(onPath), this.marks);
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
    return svg("g", {}, this.byRow.filter((_, at) => at % every === 0).map((it) =>
      svg("text", { x: 4, y: this.y(it) + 4, class: it === this.state.best ? "label best" : "label", text: it })));
  }

  bars(share) {
    const thick = Math.max(2.5, this.row * 0.42);
    return svg("g", {}, [...this.nodes.values()].map((it) =>
      svg("rect", { x: this.x(it.start), y: this.y(it.trial) - thick / 2, width: Math.max(1.5, this.x(it.end) - this.x(it.start)), height: thick, fill: viridis(share(it.score)), rx: 1 })));
  }

  winnerBars(onPath) {
    const thick = Math.max(2.5, this.row * 0.42);
    const order = this.state.lineage;
    return svg("g", { class: "path" }, order.map((key, at) => {
      const it = this.nodes.get(key);
      if (!it) return null;
      const next = this.nodes.get(order[at + 1]);
      const end = next ? next.start : it.end;
      return svg("line", { x1: this.x(it.start), x2: this.x(end), y1: this.y(it.trial) + thick / 2 + 1, y2: this.y(it.trial) + thick / 2 + 1 });
    }));
  }

  links(wanted, name) {
    return svg("g", { class: name }, [...this.nodes.values()].filter((it) => it.parent && wanted(it)).map((it) => svg("path", { d: this.curve(it) })));
  }

  curve(node) {
    const donor = this.nodes.get(node.parent);
    const from = this.y(donor ? donor.trial : node.parent.split(".")[0]);
    const [x, to] = [this.x(node.start), this.y(node.trial)];
    const bend = Math.min(14, 4 + Math.abs(to - from) / 12);
    return `M${x},${from}C${x + bend},${from} ${x + bend},${to} ${x},${to}`;
  }

  drawLegend(share) {
    const scores = [...this.nodes.values()].map((it) => it.score).filter((it) => typeof it === "number");
    if (!scores.length) return;
    const [low, high] = [scores.reduce((a, b) => Math.min(a, b)), scores.reduce((a, b) => Math.max(a, b))];
    const ends = this.state.mode === "min" ? [high, low] : [low, high];
    replace(this.legend, `${this.state.metric} ${number(ends[0], 3)} `,
      svg("svg", { width: 90, height: 10, "aria-hidden": "true" }, Array.from({ length: 30 }, (_, at) => svg("rect", { x: at * 3, y: 0, width: 3.2, height: 10, fill: viridis(at / 29) }))),
      ` ${number(ends[1], 3)}`, el("span", { class: "swatch" }), " the winner's path",
      this.state.hidden_node_count ? ` · ${count(this.state.hidden_node_count)} older segments left out` : "");
  }

  under(event) {
    if (!this.picture) return null;
    const box = this.picture.getBoundingClientRect();
    const trial = this.byRow[Math.floor((event.clientY - box.top - TOP) / this.row)];
    const step = this.step(event.clientX - box.left);
    const found = (this.segments.get(trial) ?? []).filter((it) => it.start <= step);
    return found[found.length - 1] ?? (this.segments.get(trial) ?? [])[0] ?? null;
  }

  point(node) {
    if (node?.key === this.at?.key) return;
    this.at = node;
    this.mark();
    this.hover(node ? node.trial : null);
    this.hint.textContent = node ? this.words(node) : "";
  }

  words(node) {
    const score = typeof node.score === "number" ? `, ${this.state.metric} ${number(node.score)}` : "";
    const from = node.parent ? `, copied from ${node.parent.split(".")[0]}` : "";
    const changes = node.changes.length ? `: ${node.changes.map(change).join(", ")}` : "";
    return `${node.trial}, steps ${count(node.start)} to ${count(node.end)}${score}${from}${changes}`;
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
      this.marks.append(svg("rect", { class: "mark", x: this.x(it.start), y: this.y(it.trial) - thick / 2, width: Math.max(2, this.x(end) - this.x(it.start)), height: thick }));
      if (it.parent) this.marks.append(svg("path", { class: "mark", d: this.curve(it) }));
      until = it.start;
    }
    for (const it of this.nodes.values()) if (it.parent === this.at.key) this.marks.append(svg("path", { class: "mark child", d: this.curve(it) }));
  }

  highlight(trial) {
    if (this.at || !this.marks) return;
    replace(this.marks);
    if (trial && this.rowOf.has(trial)) {
      this.marks.append(svg("rect", { class: "band", x: 0, y: this.y(trial) - this.row / 2, width: this.width, height: this.row }));
    }
  }

  key(event) {
    const row = this.at ? this.rowOf.get(this.at.trial) : -1;
    const own = this.at ? this.segments.get(this.at.trial) : [];
    const place = own.indexOf(this.at);
    const moves = {
      ArrowDown: () => this.near(Math.min(row + 1, this.byRow.length - 1)),
      ArrowUp: () => this.near(Math.max(row - 1, 0)),
      ArrowLeft: () => own[place - 1] ?? this.at,
      ArrowRight: () => own[place + 1] ?? this.at,
      p: () => (this.at?.parent && this.nodes.get(this.at.parent)) ?? this.at,
      Escape: () => null,
    };
    if (event.key === "Enter" && this.at) this.pick(this.at.trial);
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

function compare(a, b) {
  for (let at = 0; at < Math.min(a.length, b.length); at += 1) if (a[at] !== b[at]) return a[at] - b[at];
  return a.length - b.length;
}

function nice(step) {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, step)));
  return Math.max(1, [1, 2, 5, 10].map((it) => it * power).find((it) => it >= step));
}
