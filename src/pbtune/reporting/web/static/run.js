// One run: its state is merged from what changed, and every part draws itself from it.

import { Refused, get, runPath } from "./api.js";
import { Charts } from "./charts.js";
import { el, replace, section } from "./dom.js";
import { ago, change, clock, count, duration, number } from "./format.js";
import { MemberPanel } from "./member.js";
import { ScheduleView } from "./schedule.js";
import { Table } from "./table.js";
import { Tree } from "./tree.js";

const CHARTS_MS = 1500;
const EXPLOITS_SHOWN = 12;

export class RunPage {
  constructor(id, { main, crumbs, live, tell }) {
    Object.assign(this, { id, main, crumbs, live, tell });
    this.members = new Map();
    this.nodes = new Map();
    this.version = -1;
    this.hovered = null;
    this.chartsAt = 0;
    this.isClosed = false;
    this.ticker = setInterval(() => this.drawTiles(), 1000);
  }

  async open() {
    this.build();
    await this.refresh();
    this.source = new EventSource(runPath(this.id, "events"));
    this.source.onmessage = (event) => {
      if (JSON.parse(event.data).version > this.version) this.refresh().catch(this.tell);
      this.setLive(true);
    };
    this.source.onerror = () => this.setLive(false);
    this.source.addEventListener("gone", () => this.setLive(false));
  }

  close() {
    this.isClosed = true;
    this.source?.close();
    clearInterval(this.ticker);
    clearTimeout(this.chartTimer);
    this.charts.close();
    this.tree.close();
    this.panel.close();
  }

  build() {
    const hover = (trial) => this.hover(trial);
    const pick = (trial) => { location.hash = `#/r/${this.id}/${encodeURIComponent(trial)}`; };
    this.charts = new Charts(this.id, { hover, pick });
    this.tree = new Tree({ hover, pick });
    this.table = new Table({ hover, pick });
    this.schedule = new ScheduleView(this.id);
    this.panel = new MemberPanel(this.id, () => { location.hash = `#/r/${this.id}`; });
    this.tiles = el("dl", { class: "tiles" });
    this.notes = el("div", { class: "notes" });
    this.exploits = el("ol", { class: "lines", role: "log", "aria-label": "The last exploits" });
    this.title = el("h1");
    replace(this.main, this.title, this.tiles, this.notes,
      el("div", { class: "columns" },
        section("Scores", "scores", this.charts.scores),
        section("Last exploits", "exploits", this.exploits)),
      section("Hyperparameters", "hyperparameters", this.charts.parameters),
      section("Lineage", "lineage", this.tree.node),
      section("Population", "population", this.table.node),
      section("The winner's schedule", "schedule", this.schedule.node));
  }

  // One request at a time; what changes meanwhile is asked for right after it.
  async refresh() {
    if (this.isBusy) {
      this.isStale = true;
      return;
    }
    this.isBusy = true;
    try {
      do {
        this.isStale = false;
        this.take(await get(`${runPath(this.id)}?since=${this.version}`));
      } while (this.isStale && !this.isClosed);
    } finally {
      this.isBusy = false;
    }
  }

  take(state) {
    if (this.isClosed) return;
    if (state.version < this.version) {
      this.members.clear();
      this.nodes.clear();
      this.version = -1;
      this.isStale = true;
      return;
    }
    for (const it of state.members) this.members.set(it.id, it);
    for (const it of state.nodes) this.nodes.set(it.key, it);
    this.version = state.version;
    this.state = state;
    this.draw();
  }

  draw() {
    const { state } = this;
    document.title = `${state.name} – pbtune`;
    replace(this.crumbs, el("a", { href: "#/", text: "runs" }), " / ", el("span", { text: state.name }));
    this.title.textContent = state.name;
    this.drawTiles();
    const notes = [...(state.halted ? [`The run was halted: ${state.halted}`] : []), ...state.notices];
    replace(this.notes, notes.slice(-5).map((text) => el("p", { class: "note", text })));
    this.drawExploits();
    this.tree.draw(state, this.members, this.nodes);
    this.table.draw(state, this.members);
    this.schedule.draw(state, this.members);
    const wait = Math.max(0, this.chartsAt + CHARTS_MS - Date.now());
    clearTimeout(this.chartTimer);
    this.chartTimer = setTimeout(() => this.drawCharts(), wait);
  }

  async drawCharts() {
    this.chartsAt = Date.now();
    try {
      const isComplete = await this.charts.refresh(this.state, this.members);
      if (!isComplete && !this.isClosed) this.chartTimer = setTimeout(() => this.drawCharts(), 50);
    } catch (error) {
      if (!(error instanceof Refused) || error.status === 401) this.tell(error);
    }
  }

  drawTiles() {
    const { state } = this;
    if (!state) return;
    const counts = {};
    for (const it of this.members.values()) counts[it.status] = (counts[it.status] ?? 0) + 1;
    const states = Object.entries(counts).map(([name, it]) => `${it} ${name.toLowerCase()}`);
    const best = this.members.get(state.best);
    const until = state.is_ended ? state.last_at : Date.now() / 1000;
    const tiles = [
      ["best", best ? number(best.score) : "–", best ? `${state.metric}, ${state.mode} · ${best.id}` : state.metric ?? ""],
      ["members", count(this.members.size), states.join(", ")],
      ["reports", count(state.report_count), `to step ${count(Math.max(0, ...[...this.members.values()].map((it) => it.step)))}`],
      ["exploits", count(state.exploit_count), `seed ${state.seed}`],
      ["time", duration(until - state.created_at), state.is_ended ? `ended ${clock(state.last_at)}` : `changed ${ago(state.last_at)}`],
    ];
    replace(this.tiles, tiles.map(([name, value, more]) =>
      el("div", {}, el("dt", { text: name }), el("dd", { text: value }), el("dd", { class: "more", text: more }))));
  }

  drawExploits() {
    const copies = [...this.nodes.values()].filter((it) => it.kind === "exploited").slice(-EXPLOITS_SHOWN).reverse();
    const known = new Set([...this.exploits.children].map((it) => it.dataset.key));
    if (copies.length && copies.every((it) => known.has(it.key))) return;
    const isFirst = !this.exploits.children.length;
    replace(this.exploits, copies.length ? copies.map((it) => {
      const line = el("li", { class: isFirst || known.has(it.key) ? null : "new" },
        el("a", { href: `#/r/${this.id}/${encodeURIComponent(it.trial)}`, text: it.trial }),
        ` ← ${it.parent?.split(".")[0] ?? "nothing"}`,
        el("span", { class: "quiet", text: ` step ${it.start}` }),
        el("span", { class: "changes", text: it.changes.map(change).join("  ") || "the same config" }));
      line.dataset.key = it.key;
      return line;
    }) : el("li", { class: "quiet", text: "None so far." }));
  }

  hover(trial) {
    if (trial === this.hovered) return;
    this.hovered = trial;
    this.charts.highlight(trial);
    this.table.highlight(trial);
    this.tree.highlight(trial);
  }

  setLive(isConnected) {
    const text = !isConnected ? "not connected" : this.state?.is_ended ? "ended" : "live";
    if (this.live.textContent !== text) this.live.textContent = text;
    this.live.dataset.state = text;
  }

  showMember(trial) {
    if (trial) this.panel.open(trial).catch(this.tell);
    else this.panel.close();
  }
}

