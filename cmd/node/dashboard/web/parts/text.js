// Text and numbers for people.

const SHOWS = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;
// Other_Default_Ignorable_Code_Point: letters without ink; and the blank of Braille.
const NO_INK = /^[\u034f\u115f\u1160\u17b4\u17b5\u2065\u2800\u3164\uffa0\ufff0-\ufff8\u{e0000}\u{e0002}-\u{e001f}\u{e0080}-\u{e00ff}\u{e01f0}-\u{e0fff}]$/u;

/**
 * Makes text of a stranger safe to show: what puts no ink of its own on the screen is
 * written as its number. The twin of the function Visible in protocols/filexfer.
 * @param {string} text
 */
export function visible(text) {
  let out = '';
  for (const c of text) out += SHOWS.test(c) && !NO_INK.test(c) ? c : escaped(c);
  return out;
}

/** @param {string} c one code point */
function escaped(c) {
  const n = c.codePointAt(0) ?? 0;
  if (n >= 0xd800 && n <= 0xdfff) return '\\ufffd'; // half of a pair
  return n <= 0xffff ? '\\u' + n.toString(16).padStart(4, '0') : '\\U' + n.toString(16).padStart(8, '0');
}

/** Several lines, each made visible. @param {string} text */
export function visibleLines(text) {
  return text.replaceAll('\r\n', '\n').split('\n').map(visible).join('\n');
}

/** @param {number} bytes */
export function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  let value = bytes / 1024, unit = 0;
  const units = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];
  for (; value >= 1023.95 && unit < units.length - 1; unit++) value /= 1024;
  return `${value.toFixed(1)} ${units[unit]}`;
}

/** @param {number} perSecond @returns {string} "" if it is not known */
export function rateText(perSecond) { return perSecond > 0 ? size(Math.round(perSecond)) + '/s' : ''; }

/** The time that is left. @param {number} seconds */
export function left(seconds) {
  if (!Number.isFinite(seconds)) return '';
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s left`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min left`;
  return `${Math.floor(seconds / 3600)} h ${Math.round(seconds % 3600 / 60)} min left`;
}

/** @param {number} bytes @param {number} whole */
export function percent(bytes, whole) { return whole <= 0 || bytes >= whole ? 100 : Math.floor(bytes / whole * 100); }

/** @param {string} iso @param {Intl.DateTimeFormatOptions} form */
const format = (iso, form) => new Intl.DateTimeFormat(undefined, form).format(new Date(iso));

/** The hour. @param {string} iso */
export function clock(iso) { return format(iso, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }); }

/** @param {string} iso @param {Date} [now] */
export function day(iso, now = new Date()) {
  const days = Math.round((midnight(now) - midnight(new Date(iso))) / 86_400_000);
  if (days === 0) return 'Today';
  if (days === 1) return 'Yesterday';
  return format(iso, { weekday: 'short', day: 'numeric', month: 'short', ...(days > 300 ? { year: 'numeric' } : {}) });
}

/** The hour, and the day if it is not today. @param {string} iso */
export function when(iso) { return day(iso) === 'Today' ? clock(iso) : `${day(iso)}, ${clock(iso)}`; }

/** @param {Date} d */
function midnight(d) { return new Date(d.getFullYear(), d.getMonth(), d.getDate()).getTime(); }

/** Devices are told apart by the end of their peer ID. @param {string} id */
export function shortDevice(id) { return id.length <= 8 ? visible(id) : '…' + visible(id.slice(-8)); }

/** An alias, or the beginning of an account that has none. @param {string} name */
export function person(name) { return name.startsWith('passeur:') && name.length > 20 ? visible(name.slice(0, 19)) + '…' : visible(name); }

/** "no file", "1 file", "2 files". @param {number} n @param {string} what */
export function count(n, what) { return n === 0 ? `no ${what}` : n === 1 ? `1 ${what}` : `${n} ${what}s`; }

/** @param {number} ms */
export function milliseconds(ms) { return ms < 10 ? `${ms.toFixed(1)} ms` : ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`; }

/**
 * Reads bytes a second as people write them: "2 MiB/s", "500k", "" or "none" for no limit.
 * @param {string} text
 * @returns {number | null} null if it is not understood
 */
export function readRate(text) {
  const plain = text.trim().toLowerCase().replace(/\/s$/, '').replace(/ps$/, '');
  if (plain === '' || plain === 'none' || plain === 'no limit') return 0;
  const [, digits, unit] = /^([0-9]+(?:\.[0-9]+)?)\s*([kmg]?)(?:ib?|b)?$/.exec(plain) ?? [];
  if (digits === undefined) return null;
  return Math.round(Number(digits) * 1024 ** ['', 'k', 'm', 'g'].indexOf(unit ?? ''));
}
