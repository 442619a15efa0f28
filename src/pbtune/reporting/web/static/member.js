// One member: its config, what each copy changed, its failures, what it printed, its story.

import { get, runPath } from "./api.js";
import { el, replace } from "./dom.js";
import { clock, count, number, shown } from "./format.js";

export class MemberPanel {
  constructor(id, leave) {
    Object.assign(this, { id, leave, trial: null });
    this.node = document.getElementById("panel");
    this.onClose = () => { if (this.trial) { this.trial = null; leave(); } };
    this.onClick = (event) => { if (event.target === this.node) this.node.close(); };
    this.node.addEventListener("close", this.onClose);
    this.node.addEventListener("click", this.onClick);
  }

  close() {
    this.trial = null;
    if (this.node.open) this.node.close();
  }

  async open(trial) {
    if (this.trial === trial) return;
    this.trial = trial;
    const data = await get(runPath(this.id, "members", trial));
    if (this.trial !== trial) return;
    replace(this.node, this.content(data));
    if (!this.node.open) this.node.showModal();
    this.node.scrollTop = 0;
  }

  content(data) {
    const path = data.lineage.map((it) => it.split(".")[0]).join(" → ");
    return el("div", { class: "panel" },
      el("header", {}, el("h2", { id: "panel-title", text: data.id }),
        el("span", { class: `status ${data.status}`, text: data.status.toLowerCase() }),
        el("button", { type: "button", class: "close", "aria-label": "Close", text: "✕", onclick: () => this.node.close() })),
      el("p", { class: "quiet", text: `step ${count(data.step)}, attempt ${data.attempt}, score ${shown(data.score)}${data.reason ? ` · ${data.reason}` : ""}` }),
      el("p", {}, "Lineage: ", el("b", { text: path })),
      part("Config now", true, pairs(data.config)),
      part(`Exploits and restarts (${data.history.length})`, data.history.length > 0, history(data.history)),
      data.failures.length ? part(`Failures (${data.failures.length})`, true, data.failures.map(failure)) : null,
      part("Last report", false, pairs(data.metrics)),
      part("Log", data.log !== "" && data.failures.length === 0, log(data)),
      part(`Story (${data.story.length})`, false, story(data.story)));
  }
}

function part(title, isOpen, ...children) {
  return el("details", { open: isOpen }, el("summary", { text: title }), ...children);
}

function pairs(values) {
  const entries = Object.entries(values);
  if (!entries.length) return el("p", { class: "quiet", text: "Nothing." });
  return el("table", { class: "pairs" }, el("tbody", {}, entries.map(([name, value]) =>
    el("tr", {}, el("th", { scope: "row", text: name }), el("td", { text: shown(value) })))));
}

function history(nodes) {
  if (!nodes.length) return el("p", { class: "quiet", text: "It was never copied over." });
  return el("ol", { class: "history" }, [...nodes].reverse().map((it) => el("li", {},
    el("p", {}, el("b", { text: it.kind === "exploited" ? `copied from ${it.parent.split(".")[0]}` : it.kind }),
      el("span", { class: "quiet", text: ` at step ${count(it.start)}, ${clock(it.at)}` })),
    it.differences.length
      ? el("table", { class: "diff" }, el("tbody", {}, it.differences.map((d) => el("tr", {},
        el("th", { scope: "row", text: d.path }), el("td", { class: "old", text: shown(d.old) }), el("td", { text: "→" }), el("td", { class: "now", text: shown(d.new) })))))
      : el("p", { class: "quiet", text: "the same config" }))));
}

function failure(it) {
  return el("div", { class: "failure" },
    el("p", { class: "bad" }, el("b", { text: it.error }), `: ${it.message}`, el("span", { class: "quiet", text: ` (attempt ${it.attempt})` })),
    it.traceback ? el("pre", { tabindex: 0, text: it.traceback }) : null);
}

function log(data) {
  if (!data.log) return el("p", { class: "quiet", text: "It printed nothing." });
  const pre = el("pre", { tabindex: 0, class: "log", text: data.log });
  requestAnimationFrame(() => { pre.scrollTop = pre.scrollHeight; });
  return [data.is_log_cut ? el("p", { class: "quiet", text: "The end of it:" }) : null, pre];
}

function story(lines) {
  return el("ol", { class: "story" }, [...lines].reverse().map((it) =>
    el("li", {}, el("span", { class: "quiet", text: `${number(it.record)}  ${clock(it.at)}  ` }), it.text)));
}
