// Viridis: even steps of brightness, the same for those who see red and green alike.

const STOPS = [
  [68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141],
  [39, 173, 129], [92, 200, 99], [170, 220, 50], [253, 231, 37],
];
export const dark = matchMedia("(prefers-color-scheme: dark)");

// Its ends can't be seen on black and on white: each theme leaves one of them out.
export function viridis(share) {
  if (!(share >= 0 && share <= 1)) return "#888";
  const at = (dark.matches ? 0.28 + 0.72 * share : 0.88 * share) * (STOPS.length - 1);
  const low = Math.min(Math.floor(at), STOPS.length - 2);
  const mix = STOPS[low].map((it, i) => Math.round(it + (STOPS[low + 1][i] - it) * (at - low)));
  return `rgb(${mix.join(",")})`;
}

// Scores as shares of [0, 1], 1 the best. The lowest tenth counts as one: a single bad score
// would make all others look alike.
export function scale(scores, mode) {
  const known = scores.filter((it) => typeof it === "number").sort((a, b) => a - b);
  if (!known.length) return () => NaN;
  const cut = Math.floor(known.length / 10);
  const low = mode === "min" ? known[0] : known[cut];
  const high = mode === "min" ? known[known.length - 1 - cut] : known[known.length - 1];
  return (score) => {
    if (typeof score !== "number") return NaN;
    if (high === low) return 1;
    const share = Math.min(1, Math.max(0, (score - low) / (high - low)));
    return mode === "min" ? 1 - share : share;
  };
}

export function variable(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
