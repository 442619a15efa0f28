// Asking the server. The token comes once, in the part of the address that is never sent.

export class Refused extends Error {
  constructor(status) {
    super(`the server answered ${status}`);
    this.status = status;
  }
}

export async function get(path, as = "json") {
  const reply = await fetch(path, { credentials: "same-origin" });
  if (!reply.ok) throw new Refused(reply.status);
  return as === "json" ? reply.json() : reply.text();
}

export async function login() {
  const match = /^#token=([\w-]+)$/.exec(location.hash);
  if (!match) return;
  history.replaceState(null, "", `${location.pathname}#/`);
  const reply = await fetch("/login", { headers: { Authorization: `Bearer ${match[1]}` } });
  if (!reply.ok) throw new Refused(reply.status);
}

export function runPath(id, ...parts) {
  return ["/api/runs", id, ...parts].map((it, at) => (at ? encodeURIComponent(it) : it)).join("/");
}
