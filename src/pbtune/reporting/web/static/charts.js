// Curves of a metric, and hyperparameters as steps: one uPlot each, all members in it.

import { get, runPath } from "./api.js";
import { dark, scale, variable, viridis } from "./colour.js";
import { el, replace } from "./dom.js";
import { count, number, plural } from "./format.js";

const MANY = 30;
// Members of one category lie beside each other: the width of its band shows how many they are.
const BAND = 0.7;
const NAME_MAX = 12;
const WHOLE = Array.from({ length: 12 }, (_, at) => [1, 2, 5].map((it) => it * 10 ** at)).flat();

export class Charts {
  constructor(id, { hover, pick, name }) {
    Object.assign(this, { id, hover, pick, name, metric: 0, isLog: false, also: null, summary: "" });
    this.panes = new Map();
    this.select = el("select", { "aria-label": "Metric", onchange: () => this.change(() => { this.metric = Number(this.select.value); }) });
    this.log = el("input", { type: "checkbox", id: "log-scale", onchange: () => this.change(() => { this.isLog = this.log.checked; }) });
    this.told = el("p", { class: "quiet readout" });
    this.place = el("div", { class: "chart tall" });
    this.scores = el("div", {}, el("div", { class: "controls" }, this.select, el("label", { for: "log-scale" }, this.log, " log scale")), this.place, this.told);
    this.parameters = el("div", { class: "grid" }, el("p", { class: "quiet", text: "…" }));
    this.onTheme = () => { for (const it of this.panes.values()) it.forget(); this.repaint(); };
    dark.addEventListener("change", this.onTheme);
  }

  close() {
    dark.removeEventListener("change", this.onTheme);
    for (const it of this.panes.values()) it.close();
  }

  change(what) {
    what();
    this.ask().catch(() => {});
  }

  take(state, members) {
    Object.assign(this, { state, members });
    this.drawMetrics();
    if (!this.isDrawn) this.repaint();
  }

  // Says whether the curves have come to the newest report.
  async ask() {
    const asked = this.metric;
    const also = this.also === null ? "" : `&also=${this.also}`;
    const rough = this.curves?.is_rough && this.curves.metric === asked ? "&rough=1" : "";
    const [schedules, curves] = await Promise.all([
      rough ? this.schedules : get(`${runPath(this.id, "schedules")}?${also}`),
      get(`${runPath(this.id, "curves")}?metric=${asked}${also}${rough}`),
    ]);
    if (asked !== this.metric) return true;
    if (curves.steps === null) return false;
    curves.metric = asked;
    Object.assign(this, { schedules, curves });
    this.repaint();
    return curves.is_complete;
  }

  drawMetrics() {
    const key = JSON.stringify(this.state.metrics);
    if (key === this.metricsKey) return;
    this.metricsKey = key;
    replace(this.select, this.state.metrics.map((text, at) => el("option", { value: at, text })));
    this.select.value = String(this.metric);
    this.select.hidden = this.state.metrics.length < 2;
  }

  pane(key, place) {
    let found = this.panes.get(key);
    if (!found) {
      found = new Pane(place, this);
      this.panes.set(key, found);
    }
    return found;
  }

  repaint() {
    const { curves, schedules, state } = this;
    if (!state || !schedules) return;
    this.isDrawn = true;
    this.share = scale([...this.members.values()].map((it) => it.score), state.mode);
    const name = state.metrics[this.metric] ?? "score";
    this.pane("scores", this.place).draw(name, curves, { isLog: this.isLog && isPositive(curves.values), height: 300 });
    this.summary = this.summed(curves);
    this.told.textContent = this.summary;
    this.drawParameters(schedules);
  }

  summed(lines) {
    if (!lines.steps.length) return "";
    const parts = [plural(lines.members.length, "member")];
    if (lines.hidden_count) parts.push(`the best of ${count(this.members.size)}`);
    if (lines.size > 1) parts.push(`least and greatest of every ${count(lines.size)} steps${lines.is_rough ? ", rough so far" : ""}`);
    if (this.state.best !== null) parts.push(`bold: ${this.name(this.state.best)}`);
    parts.push("colour: the newest score", "drag to zoom");
    return parts.join(" · ");
  }

  drawParameters({ steps, members, parameters }) {
    const paths = JSON.stringify(parameters.map((it) => [it.path, it.is_log]));
    if (paths !== this.paths) {
      this.paths = paths;
      for (const [key, pane] of this.panes) if (key !== "scores") { pane.close(); this.panes.delete(key); }
      this.places = parameters.map((it) => el("div", { class: "chart" }));
      replace(this.parameters, parameters.length ? parameters.map((it, at) =>
        el("figure", {}, el("figcaption", {}, el("b", { text: it.path }), it.is_log ? el("span", { class: "quiet", text: " log scale" }) : null), this.places[at]))
        : el("p", { class: "quiet", text: "There are none." }));
    }
    parameters.forEach((it, at) => {
      this.pane(`p${at}`, this.places[at]).draw(it.path, { steps, members, values: it.values }, { isLog: it.is_log, isStepped: true, categories: it.categories, height: 200 });
    });
  }

  highlight(member) {
    for (const it of this.panes.values()) it.highlight(member);
  }
}

function isPositive(values) {
  return values.every((line) => line.every((it) => it === null || it > 0));
}

class Pane {
  constructor(place, charts) {
    Object.assign(this, { place, charts, plot: null, key: "", focused: null });
    this.resize = new ResizeObserver(() => {
      if (this.plot && place.clientWidth) this.plot.setSize({ width: place.clientWidth, height: this.height });
    });
    this.resize.observe(place);
  }

  close() {
    this.resize.disconnect();
    this.forget();
  }

  forget() {
    this.plot?.destroy();
    this.plot = null;
    this.key = "";
  }

  // Lines stand in the order of their numbers, so that a chart is kept while ranks change. The
  // winner's comes once more, last and so on top.
  draw(name, { steps, members, values }, options) {
    if (steps.length < 2) {
      this.forget();
      replace(this.place, el("p", { class: "quiet empty", text: "Nothing to draw before the second step." }));
      return;
    }
    const order = members.map((_, at) => at).sort((a, b) => members[a] - members[b]);
    const best = members.indexOf(this.charts.state.best);
    const lanes = options.categories?.length ? (at) => ((order.indexOf(at) + 0.5) / order.length - 0.5) * BAND : null;
    const line = (at) => (lanes ? values[at].map((it) => (it === null ? null : it + lanes(at))) : values[at]);
    this.members = order.map((at) => members[at]);
    this.height = options.height;
    const data = [steps, ...order.map(line), best < 0 ? steps.map(() => null) : line(best)];
    const key = JSON.stringify([name, this.members, options]);
    if (!this.plot || key !== this.key) {
      this.forget();
      replace(this.place);
      this.key = key;
      this.place.setAttribute("role", "img");
      this.plot = new uPlot(this.options(name, options), data, this.place);
    } else {
      this.plot.setData(data, !this.isZoomed());
    }
    this.place.setAttribute("aria-label", `${name} over training steps, ${plural(members.length, "member")}; the newest numbers are in the table of the population`);
  }

  isZoomed() {
    const { min, max } = this.plot.scales.x;
    const steps = this.plot.data[0];
    return min > steps[0] || max < steps[steps.length - 1];
  }

  member(at) {
    return at > this.members.length ? this.charts.state.best : this.members[at - 1];
  }

  options(name, { isLog, isStepped, categories = [], height }) {
    const [ink, line] = [variable("--quiet"), variable("--line")];
    const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "12px system-ui, sans-serif" };
    const shown = (value) => categories[Math.round(value)] ?? number(value);
    const y = { ...axis, size: 62, values: (_, splits) => splits.map((it) => (it === null ? null : number(it, 3))) };
    if (categories.length) {
      const names = categories.map((it) => (it.length > NAME_MAX ? `${it.slice(0, NAME_MAX - 1)}…` : it));
      Object.assign(y, { splits: () => names.map((_, at) => at), values: () => names, grid: { show: false }, size: 22 + 7 * Math.max(4, ...names.map((it) => it.length)) });
    }
    if (isLog) Object.assign(y, { grid: { ...axis.grid, filter: powers }, ticks: { ...axis.ticks, filter: powers } });
    return {
      width: this.place.clientWidth || 300, height,
      legend: { show: false },
      focus: { alpha: 0.12 },
      cursor: { focus: { prox: 24 }, drag: { x: true, y: false }, points: { size: 7 } },
      scales: {
        x: { time: false },
        y: isLog ? { distr: 3, log: 10 } : { range: categories.length ? [-0.5, categories.length - 0.5] : padded },
      },
      axes: [{ ...axis, size: 34, incrs: WHOLE }, y],
      series: [{}, ...this.members.map((it) => this.series(it, isStepped, categories.length > 0)),
        { stroke: variable("--accent"), width: 2.5, points: { show: false }, spanGaps: true, ...(isStepped ? { paths: uPlot.paths.stepped({ align: 1 }) } : {}) }],
      hooks: {
        setSeries: [(_, at) => { this.focused = at ? this.member(at) : null; this.charts.hover(this.focused); }],
        setCursor: [(plot) => this.tell(plot, name, shown)],
        ready: [(plot) => {
          plot.over.addEventListener("click", () => { if (this.focused !== null) this.charts.pick(this.focused); });
          plot.over.addEventListener("pointerleave", () => this.charts.hover(null));
        }],
      },
    };
  }

  series(member, isStepped, isCategory) {
    return {
      stroke: () => viridis(this.charts.share(this.charts.members.get(member)?.score)),
      alpha: this.members.length > MANY ? 0.45 : 0.8,
      width: isCategory ? Math.max(1, Math.min(3, 90 / this.members.length)) : 1.2,
      points: { show: false },
      spanGaps: true,
      ...(isCategory ? { paths: levels } : isStepped ? { paths: uPlot.paths.stepped({ align: 1 }) } : {}),
    };
  }

  tell(plot, name, shown) {
    const { told, summary } = this.charts;
    const at = this.focused === null ? 0 : this.members.indexOf(this.focused) + 1;
    const index = plot.cursor.idx;
    if (!at || index === null || index === undefined) {
      if (told.textContent !== summary) told.textContent = summary;
      return;
    }
    const value = plot.data[at][index];
    told.textContent = `${this.charts.name(this.focused)}: ${name} ${value === null ? "–" : shown(value)} at step ${count(Math.floor(plot.data[0][index]))}`;
  }

  highlight(member) {
    if (!this.plot || this.focused === member) return;
    const at = member === null ? 0 : this.members.indexOf(member) + 1;
    this.focused = at ? member : null;
    this.plot.setSeries(at || null, { focus: at > 0 }, false);
  }
}

// Only whole powers of ten: all between them would be a grey wall.
function powers(_, splits) {
  return splits.map((it) => (it !== null && Number.isInteger(Math.round(Math.log10(it) * 1e6) / 1e6) ? it : null));
}

function padded(_, min, max) {
  if (min === null || max === null) return [0, 1];
  const more = (max - min) * 0.06 || Math.abs(max) * 0.1 || 1;
  return [min - more, max + more];
}

// Level pieces without the jumps between them, which would hide the levels of all others.
function levels(plot, at, first, last) {
  const [steps, values] = [plot.data[0], plot.data[at]];
  const stroke = new Path2D();
  for (let i = first; i < last; i += 1) {
    if (values[i] === null || values[i] === undefined) continue;
    const y = plot.valToPos(values[i], "y", true);
    let to = i + 1;
    while (to < last && values[to] === values[i]) to += 1;
    stroke.moveTo(plot.valToPos(steps[i], "x", true), y);
    stroke.lineTo(plot.valToPos(steps[to], "x", true), y);
    i = to - 1;
  }
  return { stroke, fill: null, clip: null, band: null, gaps: null, flags: 0 };
}
