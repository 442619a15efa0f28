// The population. Sorted by any column; long ones show the best, the worst and the changed first.

import { el, replace } from "./dom.js";
import { count, number, shown } from "./format.js";

const ROWS_MAX = 24;

export class Table {
  constructor({ hover, pick, name }) {
    this.pick = pick;
    this.name = name;
    this.sorting = { column: "score", isDown: true };
    this.isWhole = false;
    this.rows = new Map();
    this.head = el("tr");
    this.body = el("tbody");
    this.more = el("button", { type: "button", class: "more", onclick: () => this.toggle() });
    this.node = el("div", {}, el("div", { class: "scroll", role: "region", tabindex: 0, "aria-label": "The population" }, el("table", { class: "members" }, el("thead", {}, this.head), this.body)), this.more);
    const at = (node) => { const found = node.closest("tr")?.dataset.member; return found === undefined ? null : Number(found); };
    this.body.addEventListener("pointerover", (event) => hover(at(event.target)));
    this.body.addEventListener("pointerleave", () => hover(null));
    this.body.addEventListener("focusin", (event) => hover(at(event.target)));
    this.body.addEventListener("click", (event) => {
      const member = at(event.target);
      if (member !== null && !getSelection().toString()) pick(member);
    });
  }

  toggle() {
    this.isWhole = !this.isWhole;
    this.draw(this.state, this.members);
  }

  columns() {
    const { state } = this;
    return [
      { id: "id", title: "member", value: (it) => it.number },
      { id: "status", title: "status", value: (it) => it.status },
      { id: "step", title: "step", isNumber: true, value: (it) => it.step },
      { id: "score", title: state.metric ?? "score", isNumber: true, value: (it) => it.score },
      ...state.paths.map((path, at) => ({ id: `p${at}`, title: path, isNumber: true, value: (it) => it.values[at] })),
      { id: "parent", title: "copied from", value: (it) => (it.parent === null ? "" : this.name(it.parent)) },
      { id: "failures", title: "failures", isNumber: true, value: (it) => it.failures },
    ];
  }

  sorted() {
    const { column, isDown } = this.sorting;
    const found = this.columns().find((it) => it.id === column) ?? this.columns()[0];
    // "Down" is best first: for a metric to be minimised that is the least.
    const sign = (isDown ? -1 : 1) * (column === "score" && this.state.mode === "min" ? -1 : 1);
    return [...this.members.values()].sort((a, b) => {
      const [x, y] = [found.value(a), found.value(b)];
      const [isX, isY] = [typeof x === "number", typeof y === "number"];
      if (isX !== isY) return isX ? -1 : 1;
      if (isX) return sign * (x - y) || a.number - b.number;
      return sign * String(x).localeCompare(String(y)) || a.number - b.number;
    });
  }

  draw(state, members) {
    Object.assign(this, { state, members });
    this.drawHead();
    const all = this.sorted();
    const shown_ = this.isWhole || all.length <= ROWS_MAX ? all : [...all.slice(0, ROWS_MAX - 4), ...all.slice(-4)];
    const hidden = all.length - shown_.length;
    this.more.hidden = all.length <= ROWS_MAX;
    this.more.textContent = this.isWhole ? "Show fewer" : `Show all ${count(all.length)} members (${count(hidden)} hidden)`;
    const columns = this.columns();
    const lines = shown_.map((it) => this.row(it, columns));
    if (hidden && lines.length) {
      lines.splice(ROWS_MAX - 4, 0, el("tr", { class: "gap" }, el("td", { colspan: columns.length, text: `… ${count(hidden)} more …` })));
    }
    const focused = this.body.contains(document.activeElement) ? Number(document.activeElement.closest("tr").dataset.member) : null;
    replace(this.body, lines);
    for (const id of this.rows.keys()) if (!members.has(id)) this.rows.delete(id);
    if (focused !== null) this.rows.get(focused)?.line.querySelector("button").focus({ preventScroll: true });
  }

  drawHead() {
    const key = JSON.stringify([this.sorting, this.state.paths, this.state.metric]);
    if (key === this.headKey) return;
    this.headKey = key;
    this.rows.clear();
    const focused = this.head.contains(document.activeElement) ? document.activeElement.dataset.column : null;
    replace(this.head, this.columns().map(({ id, title, isNumber }) => {
      const isSorted = this.sorting.column === id;
      const order = isSorted ? (this.sorting.isDown ? "descending" : "ascending") : null;
      return el("th", { scope: "col", class: isNumber ? "number" : null, "aria-sort": order },
        el("button", { type: "button", "data-column": id, text: title + (isSorted ? (this.sorting.isDown ? " ↓" : " ↑") : ""), onclick: () => this.sort(id) }));
    }));
    if (focused) this.head.querySelector(`[data-column="${focused}"]`)?.focus();
  }

  sort(column) {
    const isDown = this.sorting.column === column ? !this.sorting.isDown : column === "score";
    this.sorting = { column, isDown };
    this.draw(this.state, this.members);
  }

  // A row is made again only when its member changed.
  row(member, columns) {
    const isBest = member.number === this.state.best;
    const key = JSON.stringify([member, isBest]);
    const known = this.rows.get(member.number);
    if (known?.key === key) return known.line;
    const isCopied = known && known.segment !== member.segment;
    const line = el("tr", { class: [isBest ? "best" : "", isCopied ? "new" : "", member.status === "FAILED" ? "bad" : ""].join(" ").trim() || null },
      columns.map(({ id, isNumber, value }) => {
        if (id === "id") return el("th", { scope: "row" }, el("button", { type: "button", class: "link", text: member.name, "aria-label": `${member.name}: its story` }), isBest ? el("span", { class: "crown", text: " best" }) : null);
        if (id === "status") return el("td", {}, el("span", { class: `status ${member.status}`, text: member.status.toLowerCase() }));
        if (id === "failures") return el("td", { class: "number", text: member.failures || "" });
        const it = value(member);
        return el("td", { class: isNumber ? "number" : null, text: id === "step" ? count(it) : id === "score" ? number(it) : id === "parent" ? it : shown(it) });
      }));
    line.dataset.member = member.number;
    this.rows.set(member.number, { key, line, segment: member.segment });
    return line;
  }

  highlight(member) {
    this.body.querySelector("tr.hovered")?.classList.remove("hovered");
    if (member !== null) this.rows.get(member)?.line.classList.add("hovered");
  }
}
