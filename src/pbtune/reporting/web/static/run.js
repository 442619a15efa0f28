// One run: its state is merged from what changed, and every part draws itself from it.

import { Refused, get, runPath } from "./api.js";
import { Charts } from "./charts.js";
import { dark } from "./colour.js";
import { el, replace, section } from "./dom.js";
import { ago, change, clock, count, duration, number, plural } from "./format.js";
import { MemberPanel } from "./member.js";
import { ScheduleView } from "./schedule.js";
import { Table } from "./table.js";
import { Tree } from "./tree.js";

const CHARTS_MS = 1500;
const EXPLOITS_SHOWN = 12;
const AGAIN_MS = 3000;
const SOON_MS = 50;
// Drawing takes at most a fifth of the time, and what is new waits for it no longer than this.
const PAINT_SHARE = 0.2;
const PAINT_MAX_MS = 600;

export class RunPage {
  constructor(id, { main, crumbs, live, tell }) {
    Object.assign(this, { id, main, crumbs, live, tell });
    this.members = new Map();
    this.nodes = new Map();
    this.version = -1;
    this.hovered = null;
    this.chartsAt = 0;
    this.paintAt = 0;
    this.isClosed = false;
    this.ticker = setInterval(() => this.drawTiles(), 1000);
    this.onVisible = () => (document.hidden ? this.source?.close() : this.listen());
    this.onTheme = () => this.draw();
    document.addEventListener("visibilitychange", this.onVisible);
    dark.addEventListener("change", this.onTheme);
  }

  open() {
    this.build();
    this.listen();
  }

  close() {
    this.isClosed = true;
    this.source?.close();
    document.removeEventListener("visibilitychange", this.onVisible);
    dark.removeEventListener("change", this.onTheme);
    clearInterval(this.ticker);
    clearTimeout(this.chartTimer);
    clearTimeout(this.paintTimer);
    clearTimeout(this.againTimer);
    this.charts.close();
    this.tree.close();
    this.panel.close();
  }

  // A browser opens six connections to a server: hidden pages let go of theirs.
  listen() {
    this.source?.close();
    this.source = new EventSource(`${runPath(this.id, "events")}?since=${this.version}`);
    this.source.onmessage = (event) => {
      this.take(JSON.parse(event.data));
      this.setLive(true);
    };
    this.source.onerror = () => {
      this.setLive(false);
      if (this.source.readyState === EventSource.CLOSED) this.ask();
    };
    this.source.addEventListener("gone", () => this.setLive(false));
  }

  // The browser doesn't say why it gave up, and doesn't try again by itself.
  async ask() {
    try {
      await get(`${runPath(this.id)}?since=${this.version}`);
    } catch (error) {
      if (error instanceof Refused && error.status !== 503 && !this.isClosed) {
        this.tell(error);
        return;
      }
    }
    clearTimeout(this.againTimer);
    this.againTimer = setTimeout(() => { if (!this.isClosed && !document.hidden) this.listen(); }, AGAIN_MS);
  }

  build() {
    const hover = (member) => this.hover(member);
    const pick = (member) => { location.hash = `#/r/${this.id}/${member}`; };
    const name = (member) => this.name(member);
    this.charts = new Charts(this.id, { hover, pick, name });
    this.tree = new Tree({ hover, pick, name });
    this.table = new Table({ hover, pick, name });
    this.schedule = new ScheduleView(this.id, { name });
    this.panel = new MemberPanel(this.id, { name, leave: () => { location.hash = `#/r/${this.id}`; } });
    this.tiles = el("dl", { class: "tiles" });
    this.notes = el("div", { class: "notes" });
    this.exploits = el("ol", { class: "lines", role: "log", tabindex: 0, "aria-label": "The last exploits" });
    this.title = el("h1", { text: "…" });
    replace(this.main, this.title, this.tiles, this.notes,
      el("div", { class: "columns" },
        section("Scores", "scores", this.charts.scores),
        section("Last exploits", "exploits", this.exploits)),
      section("Hyperparameters", "hyperparameters", this.charts.parameters),
      section("Lineage", "lineage", this.tree.node),
      section("Population", "population", this.table.node),
      section("The winner's schedule", "schedule", this.schedule.node));
  }

  name(member) {
    return this.members.get(member)?.name ?? "?";
  }

  take(state) {
    if (this.isClosed) return;
    if (state.is_whole) {
      this.members.clear();
      this.nodes.clear();
    }
    for (const it of state.members) this.members.set(it.number, it);
    for (const it of state.nodes) this.nodes.set(it.key, it);
    const isFirst = this.version < 0;
    this.version = state.version;
    this.state = state;
    // Curves take the server longer: it reads them while this page is drawn.
    if (isFirst) this.drawCharts();
    clearTimeout(this.paintTimer);
    const wait = isFirst ? 0 : Math.max(0, this.paintAt - performance.now());
    this.paintTimer = setTimeout(() => this.paint(), wait);
  }

  paint() {
    const began = performance.now();
    this.draw();
    const spent = performance.now() - began;
    this.paintAt = began + spent + Math.min(PAINT_MAX_MS, spent / PAINT_SHARE);
  }

  draw() {
    const { state } = this;
    if (!state) return;
    document.title = `${state.name} – pbtune`;
    replace(this.crumbs, el("a", { href: "#/", text: "runs" }), " / ", el("span", { text: state.name }));
    this.title.textContent = state.name;
    this.drawTiles();
    const notes = [...(state.halted ? [`The run was halted: ${state.halted}`] : []), ...state.notices];
    replace(this.notes, notes.slice(-5).map((text) => el("p", { class: "note", text })));
    this.drawExploits();
    this.table.draw(state, this.members);
    this.tree.draw(state, this.members, this.nodes);
    this.schedule.draw(state, this.members);
    this.panel.draw(this.members);
    this.charts.take(state, this.members);
    this.setLive(this.source?.readyState === EventSource.OPEN);
    if (this.isAsking) return;
    const wait = Math.max(0, this.chartsAt + CHARTS_MS - Date.now());
    clearTimeout(this.chartTimer);
    this.chartTimer = setTimeout(() => this.drawCharts(), wait);
  }

  // One request at a time. What came meanwhile is asked for after the usual pause.
  async drawCharts() {
    const version = this.version;
    this.chartsAt = Date.now();
    this.isAsking = true;
    let wait = null;
    try {
      if (!await this.charts.ask()) wait = SOON_MS;
      else if (version !== this.version) wait = CHARTS_MS;
    } catch (error) {
      if (error instanceof Refused && error.status === 401) this.tell(error);
      wait = AGAIN_MS;
    }
    this.isAsking = false;
    if (this.isClosed || wait === null) return;
    clearTimeout(this.chartTimer);
    this.chartTimer = setTimeout(() => this.drawCharts(), wait);
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
      ["best", best ? number(best.score) : "–", best ? `${state.metric}, ${state.mode} · ${best.name}` : state.metric ?? ""],
      ["members", count(this.members.size), states.join(", ")],
      ["reports", count(state.report_count), `to step ${count(Math.max(0, ...[...this.members.values()].map((it) => it.step)))}`],
      ["exploits", count(state.exploit_count), `${plural(state.lineage_count, "lineage")} alive · seed ${state.seed}`],
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
        el("a", { href: `#/r/${this.id}/${it.member}`, text: this.name(it.member) }),
        ` ← ${it.donor === null ? "nothing" : this.name(it.donor)}`,
        el("span", { class: "quiet", text: ` step ${count(it.start)}` }),
        el("span", { class: "changes" }, it.changes.length
          ? it.changes.map((one) => el("span", { class: "change", text: change(one) }))
          : "the same config"));
      line.dataset.key = it.key;
      return line;
    }) : el("li", { class: "quiet", text: "None so far." }));
  }

  hover(member) {
    if (member === this.hovered) return;
    this.hovered = member;
    this.charts.highlight(member);
    this.table.highlight(member);
    this.tree.highlight(member);
  }

  setLive(isConnected) {
    const text = !isConnected ? "not connected" : this.state?.is_ended ? "ended" : "live";
    if (this.live.textContent !== text) this.live.textContent = text;
    this.live.dataset.state = text;
  }

  showMember(member) {
    this.charts.also = member;
    if (member === null) this.panel.hide();
    else this.panel.open(member).catch(this.tell);
  }
}
