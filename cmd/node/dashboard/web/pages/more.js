// The ways to the views that have no place at the foot of a phone's screen.
import { html } from '../lib/lit-html/lit-html.js';
import { head } from '../parts/bits.js';
import { icon } from '../parts/icons.js';

/** @param {import('./shell.js').View[]} views */
export function more(views) {
  return html`${head('More')}<ul class="rows links">${views.filter((v) => !v.phone).map((v) => html`<li><a href="#/${v.view}">${icon(v.icon)}<span class="grow">${v.title}</span></a></li>`)}</ul>`;
}
