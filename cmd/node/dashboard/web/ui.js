// What the page itself is doing: which view is open, which dialog, what it has to say.
import { changed } from './state.js';
import { problemWords } from './parts/words.js';

/** @typedef {import('./lib/lit-html/lit-html.js').TemplateResult} Template */
/**
 * @typedef {object} Dialog
 * @property {string} title
 * @property {() => Template} body drawn anew with each change
 * @property {() => void} [closed]
 */
/** @typedef {{ n: number, text: string, bad: boolean }} Notice */

export const ui = {
  /** @type {{ view: string, arg: string }} */ route: routeOf(),
  /** @type {Dialog | null} */ dialog: null,
  /** @type {Notice[]} */ notices: [],
  /** files hang over the page */ dragging: false,
};

/** "#/talk/ID" is view "talk" with arg "ID". */
function routeOf() {
  const [view, arg] = location.hash.replace(/^#\/?/, '').split('/');
  return { view: view || 'now', arg: decoded(arg ?? '') };
}

/** Addresses are typed and cut, too: "%" alone stands for itself. @param {string} text */
function decoded(text) {
  try { return decodeURIComponent(text); } catch { return text; }
}

/** Takes over the address, after it changed. */
export function navigate() {
  ui.route = routeOf();
  changed();
}

/** @param {Dialog} d */
export function open(d) {
  ui.dialog = d;
  changed();
}

export function close() {
  ui.dialog?.closed?.();
  ui.dialog = null;
  changed();
}

let count = 0;
const STAYS = 6000; // ms; what is bad stays until it is dismissed

/** @param {string} text @param {boolean} [bad] */
export function say(text, bad = false) {
  const notice = { n: ++count, text, bad };
  ui.notices = [...ui.notices.filter((n) => n.text !== text), notice].slice(-4);
  if (!bad) setTimeout(() => dismiss(notice), STAYS);
  changed();
}

/** @param {Notice} notice */
export function dismiss(notice) {
  ui.notices = ui.notices.filter((n) => n !== notice);
  changed();
}

/**
 * Does something that the node may refuse, and says so if it does.
 * @template T
 * @param {() => Promise<T>} what
 * @param {string} [done] is said when it went well
 * @returns {Promise<T | undefined>}
 */
export async function attempt(what, done) {
  try {
    const answer = await what();
    if (done) say(done);
    return answer;
  } catch (err) {
    say(problemWords(err), true);
    return undefined;
  }
}

/** The handler of a form that stays on the page. @param {(fields: FormData, form: HTMLFormElement) => void} f */
export function submitted(f) {
  return (/** @type {SubmitEvent} */ e) => {
    e.preventDefault();
    const form = /** @type {HTMLFormElement} */ (e.currentTarget);
    f(new FormData(form), form);
  };
}
