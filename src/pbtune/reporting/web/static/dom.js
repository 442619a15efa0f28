// Elements without markup: whatever a run holds becomes text, and only text.

const SVG = "http://www.w3.org/2000/svg";

export function el(tag, props = {}, ...children) {
  return filled(document.createElement(tag), props, children);
}

export function svg(tag, props = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), props, children);
}

function filled(node, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "text") node.textContent = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(9).filter((it) => it !== null && it !== undefined));
  return node;
}

export function replace(node, ...children) {
  node.replaceChildren(...children.flat(9).filter((it) => it !== null && it !== undefined));
}

export function section(title, id, ...children) {
  return el("section", { id, "aria-labelledby": `${id}-title` },
    el("h2", { id: `${id}-title`, text: title }), ...children);
}

export function toast(text) {
  const note = el("div", { class: "toast", role: "status", text });
  document.body.append(note);
  setTimeout(() => note.remove(), 2500);
}

export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    toast(`${what} copied`);
  } catch {
    // No permission, or no secure context: the text itself can still be selected.
    return false;
  }
  return true;
}
