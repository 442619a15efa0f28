// Numbers and times for people.

export function number(value, digits = 4) {
  if (value === null || value === undefined) return "";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return shorter(value.toExponential(digits - 1));
  return String(Number(value.toPrecision(digits)));
}

function shorter(text) {
  return text.replace(/\.?0+e/, "e").replace("e+", "e");
}

export function count(value) {
  return value.toLocaleString("en");
}

export function plural(value, one, many = `${one}s`) {
  return `${count(value)} ${value === 1 ? one : many}`;
}

export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (h >= 48) return `${Math.floor(h / 24)} d ${h % 24} h`;
  if (h) return `${h} h ${m} min`;
  return m ? `${m} min ${s} s` : `${s} s`;
}

export function ago(at) {
  const seconds = Date.now() / 1000 - at;
  return seconds < 5 ? "just now" : `${duration(seconds)} ago`;
}

export function clock(at) {
  return new Date(at * 1000).toLocaleString("sv");
}

export function change({ path, old, new: now }) {
  return `${path} ${shown(old)} → ${shown(now)}`;
}

export function shown(value) {
  return value === null || value === undefined ? "–" : number(value);
}
