// How fast bytes cross, from what was reported of the last seconds.

const WINDOW = 4000; // ms

/** @type {Map<string, { at: number, bytes: number }[]>} */
const seen = new Map();

/** @param {string} key @param {number} bytes that have crossed @param {number} at in ms */
export function note(key, bytes, at) {
  const all = seen.get(key) ?? [];
  const last = all.at(-1);
  if (last && bytes < last.bytes) all.length = 0; // it began anew
  all.push({ at, bytes });
  while (all.length > 2 && (all[0]?.at ?? 0) < at - WINDOW) all.shift();
  seen.set(key, all);
}

/** @param {string} key @returns {number} bytes a second, 0 if not known */
export function rate(key) {
  const all = seen.get(key) ?? [];
  const first = all[0], last = all.at(-1);
  if (!first || !last || last.at - first.at < 200) return 0;
  return (last.bytes - first.bytes) / (last.at - first.at) * 1000;
}

/** @param {string} prefix */
export function forget(prefix) {
  for (const key of seen.keys()) if (key.startsWith(prefix)) seen.delete(key);
}
