// The frame of the page: the ways to the views, the view that is open, and what the
// page has to say.
import { html, nothing } from '../lib/lit-html/lit-html.js';
import { spoken } from '../feed.js';
import { head } from '../parts/bits.js';
import { icon } from '../parts/icons.js';
import { nothingThere } from '../parts/lookup.js';
import { receivers, receiverOf, sendDialog } from '../parts/send.js';
import { shortDevice, visible } from '../parts/text.js';
import { isOffer } from '../parts/words.js';
import { conversation, state } from '../state.js';
import { close, dismiss, ui } from '../ui.js';
import { codes } from './codes.js';
import { devices } from './devices.js';
import { doctor } from './doctor.js';
import { filesView } from './files.js';
import { limits } from './limits.js';
import { more } from './more.js';
import { now } from './now.js';
import { people } from './people.js';
import { talks } from './talks.js';

/** @typedef {{ view: string, title: string, short?: string, icon: import('../parts/icons.js').Icon, draw: () => unknown, phone: boolean }} View */

/** @type {View[]} */
export const VIEWS = [
  { view: 'now', title: 'Now', icon: 'now', draw: now, phone: true },
  { view: 'talk', title: 'Conversations', short: 'Talks', icon: 'talk', draw: talks, phone: true },
  { view: 'people', title: 'People', icon: 'people', draw: people, phone: true },
  { view: 'files', title: 'Files', icon: 'files', draw: filesView, phone: true },
  { view: 'codes', title: 'Codes', icon: 'codes', draw: codes, phone: false },
  { view: 'devices', title: 'Devices', icon: 'devices', draw: devices, phone: false },
  { view: 'limits', title: 'Limits and rules', icon: 'limits', draw: limits, phone: false },
  { view: 'doctor', title: 'Doctor', icon: 'doctor', draw: doctor, phone: false },
];

/** @param {string} view */
export function titleOf(view) {
  const offers = counts()['now'] ?? 0;
  return `${offers > 0 ? `(${offers}) ` : ''}${VIEWS.find((v) => v.view === view)?.title ?? (view === 'more' ? 'More' : 'Nothing here')} · passeur`;
}

/** What waits for the user, by view. @returns {Record<string, number>} */
function counts() {
  return {
    now: [...state.transfers.values()].filter(isOffer).length,
    people: state.contacts.filter((c) => c.state === 'pending').length,
    talk: state.conversations.filter((c) => c.status === 'invited').length,
    files: state.missed.length,
  };
}

export function shell() {
  const open = VIEWS.find((v) => v.view === ui.route.view);
  return html`<a class="skip" href="#main" @click=${skip}>Skip to the content</a>
    <div class="frame">
      <header class="side">
        <a class="brand" href="#/"><img src="icon.svg" alt="" width="32" height="32"><span>passeur</span></a>
        ${navigation()}
        ${self()}
      </header>
      <main id="main" tabindex="-1" data-view=${ui.route.view}>
        ${banner()}
        ${state.loaded ? (open ? open.draw() : ui.route.view === 'more' ? more(VIEWS) : html`${head('Nothing here')}${nothingThere('view', 'Perhaps a part of it is missing.', 'now', 'Now')}`) : waiting()}
      </main>
    </div>
    ${notices()}
    <div class="unseen" role="status">${spoken.text}</div>
    ${ui.dragging ? html`<div class="dropping"><p>${icon('down')}${dropWords()}</p></div>` : nothing}
    <dialog aria-labelledby="dialog-title" @close=${closed}>${ui.dialog ? html`<div class="box">
      <header class="head"><h2 id="dialog-title">${ui.dialog.title}</h2><button type="button" class="bare" @click=${close}>${icon('cross')}<span class="unseen">Close</span></button></header>
      ${ui.dialog.body()}</div>` : nothing}</dialog>`;
}

/** Escape closes a dialog by itself. */
function closed() { if (ui.dialog) close(); }

/** @param {Event} e */
function skip(e) {
  e.preventDefault();
  document.getElementById('main')?.focus();
}

function navigation() {
  const waiting = counts();
  return html`<nav aria-label="Views"><ul>${VIEWS.map((v) => html`<li class=${v.phone ? '' : 'wide'}>
      <a href="#/${v.view}" aria-current=${ui.route.view === v.view ? 'page' : nothing}>${icon(v.icon)}<span class=${v.short ? 'desk' : ''}>${v.title}</span>${v.short ? html`<span class="narrow">${v.short}</span>` : nothing}${waiting[v.view] ? html`<b class="count">${waiting[v.view]}<span class="unseen"> waiting</span></b>` : nothing}</a></li>`)}
    <li class="narrow"><a href="#/more" aria-current=${VIEWS.some((v) => v.phone && v.view === ui.route.view) ? nothing : 'page'}>${icon('more')}<span>More</span></a></li>
  </ul></nav>
  <button class="main sendfiles" @click=${() => sendDialog([], here())}>${icon('send')}<span>Send files</span></button>`;
}

/** Whom the open conversation is with, as a key of the send dialog. */
function here() {
  const talk = ui.route.view === 'talk' ? conversation(ui.route.arg) : undefined;
  const key = talk ? receiverOf(talk).key : '';
  return receivers().some((r) => r.key === key) ? key : '';
}

function self() {
  const own = state.devices.find((d) => d.self);
  if (!own) return nothing;
  const ok = state.link === 'open';
  return html`<p class="self"><span class="dot ${ok ? 'on' : ''}"></span><span><bdi>${visible(own.name)}</bdi><br><span class="dim">${ok ? 'running' : 'not answering'} · <span class="whole">${shortDevice(own.id)}</span></span></span></p>`;
}

function banner() {
  if (state.link !== 'lost') return nothing;
  return html`<p class="callout bad banner" role="alert">${icon('alert')}<span><strong>The node does not answer.</strong> The page tries again by itself and goes on where it was. “passeur run” starts the node.</span></p>`;
}

function waiting() {
  return state.link === 'lost' ? nothing : html`<p class="dim loading" role="status">Asking your node…</p>`;
}

function dropWords() {
  const talk = ui.route.view === 'talk' ? conversation(ui.route.arg) : undefined;
  return talk ? html`Drop to send to <bdi>${visible(talk.name)}</bdi>` : 'Drop to send';
}

function notices() {
  return html`<div class="notices">${ui.notices.map((n) => html`<p class="notice ${n.bad ? 'bad' : 'good'}" role=${n.bad ? 'alert' : 'status'}>${icon(n.bad ? 'alert' : 'check')}<span class="grow">${n.text}</span><button class="bare" @click=${() => dismiss(n)}>${icon('cross')}<span class="unseen">Dismiss</span></button></p>`)}</div>`;
}
