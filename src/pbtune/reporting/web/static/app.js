// The addresses of the page: the list, a run, a member of it.

import { Refused, get, login } from "./api.js";
import { el, replace } from "./dom.js";
import { ago, clock, count, number } from "./format.js";
import { RunPage } from "./run.js";

const main = document.getElementById("main");
const crumbs = document.getElementById("crumbs");
const live = document.getElementById("live");
let page = null;
let listTimer = 0;

function leave() {
  clearTimeout(listTimer);
  if (page) page.close();
  page = null;
  live.textContent = "";
}

function tell(error) {
  leave();
  const isKnown = !(error instanceof Refused && error.status === 401);
  const text = isKnown
    ? `This can't be shown: ${error.message}.`
    : "This page needs the token. Open the address that `pbtune dashboard` printed, with what stands behind the #.";
  replace(main, el("p", { class: "message", role: "alert", text }));
}

async function showList() {
  replace(crumbs);
  document.title = "pbtune";
  const { runs } = await get("/api/runs");
  const head = ["run", "state", "best", "members", "reports", "exploits", "began"];
  const table = el("table", { class: "list" },
    el("caption", { text: runs.length ? "The last one changed first." : "There are no runs yet: this page looks for new ones." }),
    el("thead", {}, el("tr", {}, head.map((it) => el("th", { scope: "col", text: it })))),
    el("tbody", {}, runs.map(listRow)));
  const focused = document.activeElement?.getAttribute?.("href");
  replace(main, el("h1", { text: "Runs" }), el("div", { class: "scroll", role: "region", tabindex: 0, "aria-label": "Runs" }, table));
  if (focused) main.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
  listTimer = setTimeout(() => route().catch(tell), 3000);
}

function listRow(run) {
  if (!run.is_readable) {
    return el("tr", {}, el("th", { scope: "row", text: run.name }),
      el("td", { colspan: 6, class: "bad", text: "can't be read as a run of this version" }));
  }
  const cells = [
    run.best === null ? "" : `${run.metric} ${number(run.best)}`,
    count(run.member_count), count(run.report_count), count(run.exploit_count),
  ];
  return el("tr", {},
    el("th", { scope: "row" }, el("a", { href: `#/r/${run.id}`, text: run.name })),
    el("td", { text: run.is_ended ? "ended" : `changed ${ago(run.last_at)}` }),
    cells.map((it) => el("td", { class: "number", text: it })),
    el("td", { text: clock(run.created_at) }));
}

async function route() {
  const [, kind, id, member] = location.hash.split("/");
  if (kind !== "r" || !id) {
    leave();
    await showList();
    return;
  }
  if (!page || page.id !== id) {
    leave();
    page = new RunPage(id, { main, crumbs, live, tell });
    page.open();
  }
  page.showMember(/^\d+$/.test(member ?? "") ? Number(member) : null);
}

addEventListener("hashchange", () => {
  if (location.hash.startsWith("#token=")) location.reload();
  else route().catch(tell);
});
login().then(route).catch(tell);
