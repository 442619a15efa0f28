// Curves of a metric, and hyperparameters as steps: one uPlot each, all members in it.

import { get, runPath } from "./api.js";
import { variable, viridis, scale } from "./colour.js";
import { el, replace } from "./dom.js";
import { count, number } from "./format.js";

const MANY = 30;
const dark = matchMedia("(prefers-color-scheme: dark)");

export class Charts {
  constructor(id, { hover, pick }) {
    Object.assign(this, { id, hover, pick, metric: 0, isLog: false });
    this.panes = new Map();
    this.select = el("select", { "aria-label": "Metric", onchange: () => this.change(() => { this.metric = Number(this.select.value); }) });
    this.log = el("input", { type: "checkbox", id: "log-scale", onchange: () => this.change(() => { this.isLog = this.log.checked; }) });
    this.told = el("p", { class: "quiet readout", "aria-live": "off" });
    this.place = el("div", { class: "chart tall" });
    this.scores = el("div", {}, el("div", { class: "controls" }, this.select, el("label", { for: "log-scale" }, this.log, " log scale")), this.place, this.told);
    this.parameters = el("div", { class: "grid" });
    this.onTheme = () => { for (const it of this.panes.values()) it.forget(); this.repaint(); };
    dark.addEventListener("change", this.onTheme);
  }

  close() {
    dark.removeEventListener("change", this.onTheme);
    for (const it of this.panes.values()) it.close();
  }

  change(what) {
    what();
    this.refresh(this.state, this.members);
  }

  pane(key, place) {
    let found = this.panes.get(key);
    if (!found) {
      found = new Pane(place, this);
      this.panes.set(key, found);
    }
    return found;
  }

  async refresh(state, members) {
    Object.assign(this, { state, members });
    this.drawMetrics();
    const asked = this.metric;
    const wanted = [get(runPath(this.id, "schedules"))];
    if (state.metrics.length) wanted.push(get(`${runPath(this.id, "curves")}?metric=${asked}`));
    const [schedules, curves] = await Promise.all(wanted);
    if (asked !== this.metric) return true;
    Object.assign(this, { schedules, curves });
    this.repaint();
    return curves?.is_complete ?? true;
  }

  drawMetrics() {
    const key = JSON.stringify(this.state.metrics);
    if (key === this.metricsKey) return;
    this.metricsKey = key;
    replace(this.select, this.state.metrics.map((text, at) => el("option", { value: at, text })));
    this.select.value = String(this.metric);
    this.select.hidden = this.state.metrics.length < 2;
  }

  repaint() {
    if (!this.state) return;
    const { curves, schedules, state } = this;
    this.share = scale([...this.members.values()].map((it) => it.score), state.mode);
    if (curves) {
      const name = state.metrics[this.metric];
      this.pane("scores", this.place).draw(name, curves.steps, curves.values, { isLog: this.isLog && isPositive(curves.values), height: 300 });
      const parts = [`${count(Object.keys(curves.values).length)} members`];
      if (curves.hidden_count) parts.push(`the best of ${count(this.members.size)}`);
      if (curves.size > 1) parts.push(`least and greatest of every ${count(curves.size)} steps${curves.is_rough ? ", rough so far" : ""}`);
      this.summary = parts.join(", ");
      this.told.textContent = this.summary;
    } else {
      this.told.textContent = "No numbers have been reported so far.";
    }
    if (schedules) this.repaintParameters(schedules);
  }

  repaintParameters({ steps, parameters }) {
    if (this.parameters.children.length !== parameters.length) {
      replace(this.parameters, parameters.map((it) => el("figure", {}, el("figcaption"), el("div", { class: "chart" }))));
    }
    parameters.forEach((it, at) => {
      const figure = this.parameters.children[at];
      replace(figure.firstChild, el("b", { text: it.path }), it.is_log ? el("span", { class: "quiet", text: "  log scale" }) : null);
      this.pane(`p${at}`, figure.lastChild).draw(it.path, steps, it.values, { isLog: it.is_log, isStepped: true, categories: it.categories, height: 200 });
    });
  }

  highlight(trial) {
    for (const it of this.panes.values()) it.highlight(trial);
  }
}

function isPositive(values) {
  return Object.values(values).every((line) => line.every((it) => it === null || it > 0));
}

class Pane {
  constructor(place, charts) {
    Object.assign(this, { place, charts, plot: null, key: "" });
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

  draw(name, steps, values, options) {
    this.trials = Object.keys(values);
    this.height = options.height;
    const data = [steps, ...this.trials.map((it) => values[it])];
    const key = JSON.stringify([name, this.trials, options, this.charts.state.best]);
    if (this.plot && key === this.key) {
      this.plot.setData(data);
      return;
    }
    this.forget();
    this.key = key;
    this.place.setAttribute("role", "img");
    this.place.setAttribute("aria-label", `${name} over training steps, ${count(this.trials.length)} members; the numbers are in the table of the population`);
    this.plot = new uPlot(this.options(name, options), data, this.place);
  }

  options(name, { isLog, isStepped, categories = [], height }) {
    const [ink, line] = [variable("--quiet"), variable("--line")];
    const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "12px system-ui, sans-serif" };
    const shown = (value) => categories[value] ?? number(value);
    const y = { ...axis, size: 62, values: (_, splits) => splits.map((it) => (it === null ? null : categories.length ? (categories[it] ?? "").slice(0, 9) : number(it, 3))) };
    if (categories.length) y.splits = () => categories.map((_, at) => at);
    return {
      width: this.place.clientWidth || 300, height,
      legend: { show: false },
      focus: { alpha: 0.12 },
      cursor: { focus: { prox: 24 }, drag: { x: true, y: false }, points: { size: 7 } },
      scales: {
        x: { time: false },
        y: isLog ? { distr: 3, log: 10 } : categories.length ? { range: [-0.5, categories.length - 0.5] } : {},
      },
      axes: [{ ...axis, size: 34 }, y],
      series: [{}, ...this.trials.map((it) => this.series(it, isStepped))],
      hooks: {
        setSeries: [(_, at) => { this.focused = at ? this.trials[at - 1] : null; this.charts.hover(this.focused); }],
        setCursor: [(plot) => this.tell(plot, name, shown)],
        ready: [(plot) => {
          plot.over.addEventListener("click", () => { if (this.focused) this.charts.pick(this.focused); });
          plot.over.addEventListener("pointerleave", () => this.charts.hover(null));
        }],
      },
    };
  }

  series(trial, isStepped) {
    const isBest = trial === this.charts.state.best;
    const share = this.charts.share(this.charts.members.get(trial)?.score);
    const isMany = this.trials.length > MANY;
    return {
      label: trial,
      stroke: isBest ? variable("--accent") : viridis(share),
      alpha: isBest ? 1 : isMany ? 0.35 : 0.75,
      width: isBest ? 2.5 : 1.2,
      points: { show: false },
      spanGaps: true,
      ...(isStepped ? { paths: uPlot.paths.stepped({ align: 1 }) } : {}),
    };
  }

  tell(plot, name, shown) {
    const { told, summary } = this.charts;
    const at = this.focused ? this.trials.indexOf(this.focused) + 1 : 0;
    const index = plot.cursor.idx;
    if (!at || index === null || index === undefined) {
      told.textContent = summary ?? "";
      return;
    }
    const value = plot.data[at][index];
    told.textContent = `${this.focused}: ${name} ${value === null ? "–" : shown(value)} at step ${count(Math.floor(plot.data[0][index]))}`;
  }

  highlight(trial) {
    if (!this.plot || this.focused === trial) return;
    const at = trial ? this.trials.indexOf(trial) + 1 : 0;
    this.focused = at ? trial : null;
    this.plot.setSeries(at || null, { focus: at > 0 }, false);
  }
}
