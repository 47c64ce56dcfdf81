// What an address names, where that is no part of what the page holds: the node is
// asked once, and what is nowhere is said to be.
import { html } from '../lib/lit-html/lit-html.js';
import { Problem } from '../api.js';
import { changed } from '../state.js';
import { empty } from './bits.js';
import { icon } from './icons.js';

const AGAIN = 3000; // ms, when the node did not answer

/** the address that was asked for last, and whether the node has no such thing */
let asked = '', none = false;

/**
 * Has the node asked for what the address names. True: there is no such thing.
 * @param {() => Promise<void>} ask puts what it finds where the view looks for it, or goes there
 */
export function nowhere(ask) {
  if (asked !== location.hash) {
    asked = location.hash;
    none = false;
    find(ask, asked);
  }
  return none;
}

/** @param {() => Promise<void>} ask @param {string} address */
async function find(ask, address) {
  try {
    await ask();
  } catch (err) {
    if (asked !== address) return; // one looks at something else now
    none = err instanceof Problem && err.status >= 400 && err.status < 500;
    if (!none) setTimeout(() => { asked = ''; changed(); }, AGAIN);
    changed();
  }
}

/** @param {string} what "conversation" @param {string} why it may be gone @param {string} view the way back @param {string} way its words */
export function nothingThere(what, why, view, way) {
  return empty('alert', `There is no such ${what}`, html`The address of this page names a ${what} that this node does not have. ${why}`,
    html`<a class="button" href="#/${view}">${icon('back')}${way}</a>`);
}
