// One member: its config, what each copy changed, its failures, what it printed, its story.

import { get, runPath } from "./api.js";
import { el, replace } from "./dom.js";
import { clock, count, number, shown } from "./format.js";

const AGAIN_MS = 2000;

export class MemberPanel {
  constructor(id, { name, leave }) {
    Object.assign(this, { id, name, leave, member: null, shown: null, askedAt: 0, key: "" });
    this.node = el("dialog", { id: "panel", "aria-labelledby": "panel-title", onclose: () => this.closed() });
    this.node.addEventListener("click", (event) => { if (event.target === this.node) this.node.close(); });
    document.body.append(this.node);
  }

  close() {
    this.hide();
    this.node.remove();
  }

  hide() {
    this.member = this.shown = null;
    clearTimeout(this.timer);
    if (this.node.open) this.node.close();
  }

  // The browser tells this later, and meanwhile another member may have been asked for.
  closed() {
    if (this.shown === null || this.node.open) return;
    this.member = this.shown = null;
    this.leave();
  }

  async open(member) {
    if (this.member === member) return;
    this.member = member;
    this.key = "";
    await this.load();
  }

  async load() {
    const { member } = this;
    this.askedAt = Date.now();
    const data = await get(runPath(this.id, "members", member));
    if (this.member !== member) return;
    const isSame = this.shown === member;
    const kept = isSame ? new Map([...this.node.querySelectorAll("details")].map((it) => [it.dataset.part, it.open])) : new Map();
    const top = isSame ? this.node.scrollTop : 0;
    const focused = isSame ? document.activeElement?.dataset?.focus : null;
    this.shown = member;
    replace(this.node, this.content(data));
    for (const it of this.node.querySelectorAll("details")) it.open = kept.get(it.dataset.part) ?? it.open;
    if (!this.node.open) this.node.showModal();
    if (focused) this.node.querySelector(`[data-focus="${focused}"]`)?.focus({ preventScroll: true });
    this.node.scrollTop = top;
  }

  // Whoever is looked at may go on: what is shown follows, at a calm pace.
  draw(members) {
    if (this.member === null) return;
    const key = JSON.stringify(members.get(this.member));
    if (key === this.key) return;
    const isFirst = this.key === "";
    this.key = key;
    if (isFirst) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => { if (this.member !== null) this.load().catch(() => {}); }, Math.max(0, this.askedAt + AGAIN_MS - Date.now()));
  }

  content(data) {
    const path = data.lineage.map((it) => this.name(Number(it.split(".")[0]))).join(" → ");
    return el("div", { class: "panel" },
      el("header", {}, el("h2", { id: "panel-title", text: data.name }),
        el("span", { class: `status ${data.status}`, text: data.status.toLowerCase() }),
        el("button", { type: "button", class: "close", "data-focus": "close", "aria-label": "Close", text: "✕", onclick: () => this.node.close() })),
      el("p", { class: "quiet", text: `step ${count(data.step)}, attempt ${data.attempt}, score ${shown(data.score)}${data.reason ? ` · ${data.reason}` : ""}` }),
      el("p", {}, "Lineage: ", el("b", { text: path })),
      part("config", "Config now", true, pairs(data.config)),
      part("history", `Exploits and restarts (${data.history.length})`, data.history.length > 0, this.history(data)),
      data.failures.length ? part("failures", `Failures (${data.failures.length})`, true, data.failures.map(failure)) : null,
      part("report", "Last report", false, pairs(data.metrics)),
      part("log", "Log", data.log !== "" && data.failures.length === 0, log(data)),
      part("story", `Story (${data.story.length})`, false, story(data.story)));
  }

  history(data) {
    if (!data.history.length) return el("p", { class: "quiet", text: "It was never copied over." });
    return el("ol", { class: "history", reversed: true }, [...data.history].reverse().map((it) => el("li", {},
      el("p", {}, el("b", { text: it.kind === "exploited" ? `copied from ${this.name(it.donor)}` : it.kind }),
        el("span", { class: "quiet", text: ` at step ${count(it.start)}, ${clock(it.at)}` })),
      it.differences.length ? diff(it, data.name, it.donor === null ? null : this.name(it.donor)) : el("p", { class: "quiet", text: "the same config" }))));
  }
}

function diff(node, own, donor) {
  const isCopy = donor !== null;
  const head = ["", `${own} had`, ...(isCopy ? [`${donor} had`] : []), "now"];
  return el("div", { class: "scroll" }, el("table", { class: "diff" },
    el("thead", {}, el("tr", {}, head.map((text) => el("th", { scope: "col", text })))),
    el("tbody", {}, node.differences.map((it) => el("tr", {},
      el("th", { scope: "row", text: it.path }), el("td", { class: "old", text: shown(it.own) }),
      isCopy ? el("td", { text: shown(it.source) }) : null, el("td", { class: "now", text: shown(it.new) }))))));
}

function part(name, title, isOpen, ...children) {
  return el("details", { open: isOpen, "data-part": name }, el("summary", { text: title, "data-focus": name }), ...children);
}

function pairs(values) {
  const entries = Object.entries(values);
  if (!entries.length) return el("p", { class: "quiet", text: "Nothing." });
  return el("table", { class: "pairs" }, el("tbody", {}, entries.map(([name, value]) =>
    el("tr", {}, el("th", { scope: "row", text: name }), el("td", { text: shown(value) })))));
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
