// The few drawings of the page: lines on a grid of 24, in the colour of the text.
import { svg, html } from '../lib/lit-html/lit-html.js';

const LINES = {
  now: svg`<path d="M3 12h4l2.5-7 5 14 2.5-7h4"/>`,
  talk: svg`<path d="M4 6.5A2.5 2.5 0 0 1 6.5 4h11A2.5 2.5 0 0 1 20 6.5v7a2.5 2.5 0 0 1-2.5 2.5H11l-4.5 4v-4A2.5 2.5 0 0 1 4 13.5z"/>`,
  people: svg`<circle cx="9" cy="8.5" r="3.5"/><path d="M2.5 20c.3-3.6 2.9-6 6.5-6s6.2 2.4 6.5 6M16 5.3a3.5 3.5 0 0 1 0 6.4M18 14.5c2 .8 3.2 2.7 3.5 5.5"/>`,
  files: svg`<path d="M3.5 6.5a2 2 0 0 1 2-2h4l2 2.5h7a2 2 0 0 1 2 2v8.5a2 2 0 0 1-2 2h-13a2 2 0 0 1-2-2z"/>`,
  codes: svg`<rect x="3.5" y="3.5" width="7" height="7" rx="1.5"/><rect x="13.5" y="3.5" width="7" height="7" rx="1.5"/><rect x="3.5" y="13.5" width="7" height="7" rx="1.5"/><path d="M13.5 13.5h3v3M20.5 13.5v.1M13.5 20.5h.1M17 20.5h3.5V17"/>`,
  devices: svg`<rect x="2.5" y="5" width="13" height="10" rx="1.5"/><path d="M6 19h6"/><rect x="17" y="9" width="5" height="10" rx="1.5"/>`,
  limits: svg`<path d="M4 7h9M17 7h3M4 17h3M11 17h9"/><circle cx="15" cy="7" r="2"/><circle cx="9" cy="17" r="2"/>`,
  doctor: svg`<path d="M12 20.5S4 15.7 4 9.8C4 7 6.1 5 8.5 5c1.5 0 2.8.8 3.5 2 .7-1.2 2-2 3.5-2C17.9 5 20 7 20 9.8c0 5.9-8 10.7-8 10.7z"/><path d="M7.5 12h2l1.5-2.5 2 4 1.2-1.5h2.3"/>`,
  more: svg`<circle cx="5" cy="12" r="1"/><circle cx="12" cy="12" r="1"/><circle cx="19" cy="12" r="1"/>`,
  up: svg`<path d="M12 19V5M6 11l6-6 6 6"/>`,
  down: svg`<path d="M12 5v14M6 13l6 6 6-6"/>`,
  check: svg`<path d="m5 12.5 4.5 4.5L19 7.5"/>`,
  cross: svg`<path d="m6 6 12 12M18 6 6 18"/>`,
  plus: svg`<path d="M12 5v14M5 12h14"/>`,
  file: svg`<path d="M6.5 3.5h7l5 5v12h-12zM13.5 3.5v5h5"/>`,
  back: svg`<path d="M15 5l-7 7 7 7"/>`,
  dash: svg`<path d="M6 12h12"/>`,
  again: svg`<path d="M19.5 12A7.5 7.5 0 1 1 17 6.4M19.5 3.5v4h-4"/>`,
  clip: svg`<path d="m19.5 11.5-7.6 7.6a4.6 4.6 0 0 1-6.5-6.5l8-8a3.1 3.1 0 0 1 4.4 4.4l-8 8a1.5 1.5 0 0 1-2.2-2.2l7.3-7.3"/>`,
  send: svg`<path d="M4 12 20 4.5 15.5 20l-4-6.5z"/>`,
  alert: svg`<path d="M12 4 2.5 20h19zM12 10v4.5M12 17.3v.1"/>`,
  clock: svg`<circle cx="12" cy="12" r="8.5"/><path d="M12 7.5V12l3 2"/>`,
};

/** @typedef {keyof typeof LINES} Icon */

/** It says nothing that words beside it do not. @param {Icon} name */
export function icon(name) {
  return html`<svg class="icon" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">${LINES[name]}</svg>`;
}
