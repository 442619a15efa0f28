// The winner's schedule: which config trained which steps, to look at and to take away.

import { get, runPath } from "./api.js";
import { copy, el, replace } from "./dom.js";
import { count, plural } from "./format.js";

const ROWS_MAX = 12;

export class ScheduleView {
  constructor(id, { name }) {
    Object.assign(this, { id, name, key: "", member: null, timer: 0 });
    this.text = el("textarea", { readonly: true, rows: 8, hidden: true, "aria-label": "The schedule as text" });
    this.body = el("div", { class: "scroll", role: "region", tabindex: 0, "aria-label": "The winner's schedule" });
    this.told = el("p", { class: "quiet" });
    const button = (kind, title) => el("button", { type: "button", text: title, onclick: () => this.copy(kind) });
    this.buttons = el("div", { class: "controls" }, button("json", "Copy as JSON"), button("csv", "Copy as CSV"));
    this.node = el("div", {}, this.told, this.buttons, this.text, this.body);
  }

  async copy(kind) {
    const text = await get(runPath(this.id, "members", this.member, `schedule.${kind}`), "text");
    const isCopied = await copy(text, `The schedule as ${kind.toUpperCase()}`);
    this.text.value = text;
    this.text.hidden = false;
    if (!isCopied) this.text.select();
  }

  draw(state, members) {
    this.member = state.best;
    this.buttons.hidden = state.best === null;
    if (state.best === null) {
      this.told.textContent = "There is no winner before the first score.";
      replace(this.body);
      return;
    }
    const key = JSON.stringify([state.lineage, state.paths]);
    const step = members.get(state.best)?.step ?? 0;
    this.told.textContent = `${this.name(state.best)} at step ${count(step)}: ${plural(state.lineage.length, "piece")}`;
    if (key === this.key) return;
    this.key = key;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.load(state.best).catch(() => { this.key = ""; }), 300);
  }

  async load(member) {
    const rows = parse(await get(runPath(this.id, "members", member, "schedule.csv"), "text"));
    if (member !== this.member) return;
    const [head, ...lines] = rows;
    const shown = lines.length > ROWS_MAX ? lines.slice(-ROWS_MAX) : lines;
    replace(this.body, el("table", {},
      el("caption", { text: lines.length > ROWS_MAX ? `the last ${ROWS_MAX} of ${lines.length} pieces` : "" }),
      el("thead", {}, el("tr", {}, head.map((it) => el("th", { scope: "col", text: it.replace(/^config\//, "") })))),
      el("tbody", {}, shown.map((line) => el("tr", {}, line.map((it) => el("td", { text: /^-?\d+\.\d{6,}/.test(it) ? Number(it).toPrecision(5) : it })))))));
  }
}

// CSV as this server writes it.
function parse(text) {
  const rows = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^,\n]*))(,|\n)/g)) {
    rows[rows.length - 1].push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end === "\n") rows.push([]);
  }
  return rows.filter((it) => it.length);
}
