// What goes on: offers to decide about, transfers, and a plain account of it all.
import { html, nothing } from '../lib/lit-html/lit-html.js';
import { repeat } from '../lib/lit-html/directives/repeat.js';
import { findTransfer } from '../actions.js';
import { items } from '../feed.js';
import { head, time } from '../parts/bits.js';
import { icon } from '../parts/icons.js';
import { nothingThere, nowhere } from '../parts/lookup.js';
import { enterCode, makeCode } from '../parts/pairing.js';
import { sendDialog } from '../parts/send.js';
import { cards } from '../parts/transfer.js';
import { uploads } from '../parts/upload.js';
import { isOffer } from '../parts/words.js';
import { changed, state } from '../state.js';
import { ui } from '../ui.js';

const FEW = 10;
let whole = false;

export function now() {
  if (ui.route.arg !== '') return one(ui.route.arg);
  const all = [...state.transfers.values()].reverse();
  const offers = all.filter(isOffer), running = all.filter((t) => !t.ended && !isOffer(t)), past = all.filter((t) => t.ended);
  return html`${head('Now')}
    <div class="columns"><div class="stack">
      ${state.contacts.length === 0 && all.length === 0 ? welcome() : zone()}
      ${offers.length > 0 ? html`<section aria-labelledby="offers"><h2 id="offers">Offered to you</h2>${cards(offers)}</section>` : nothing}
      ${running.length > 0 ? html`<section aria-labelledby="running"><h2 id="running">On the way</h2>${uploads()}${cards(running)}</section>` : uploads()}
      ${past.length > 0 ? html`<section aria-labelledby="past"><h2 id="past">Done</h2>${cards(whole ? past : past.slice(0, FEW))}
        ${past.length > FEW && !whole ? html`<button @click=${() => { whole = true; changed(); }}>Show all ${past.length}</button>` : nothing}</section>` : nothing}
    </div>
    <section class="feed" aria-labelledby="feed"><h2 id="feed">What has been going on</h2>
      ${items.length === 0 ? html`<p class="dim">Nothing yet. Each step of a transfer, and who comes and goes, is told here.</p>` : html`<ol>${repeat(items.slice(0, 60), (i) => i.n, (i) => html`<li data-tone=${i.tone}>${time(i.time, true)}<span>${i.text}</span></li>`)}</ol>`}
    </section></div>`;
}

/** A transfer by itself. @param {string} id */
function one(id) {
  const t = state.transfers.get(id);
  const none = !t && nowhere(async () => { await findTransfer(id); });
  return html`${head('Transfer', html`<a class="button" href="#/now">${icon('back')}All transfers</a>`)}
    ${t ? cards([t]) : none ? nothingThere('transfer', 'It may be too long ago, or a part of the address is missing.', 'now', 'All transfers') : html`<p class="dim loading" role="status">Asking your node…</p>`}`;
}

function zone() {
  const picked = (/** @type {Event} */ e) => {
    const input = /** @type {HTMLInputElement} */ (e.target);
    const files = [...(input.files ?? [])];
    input.value = '';
    if (files.length > 0) sendDialog(files);
  };
  return html`<label class="zone">${icon('send')}<span><strong>Drop files here</strong> or <u>choose them</u><br><span class="dim">You say next who is to get them.</span></span>
    <input id="zone" type="file" multiple @change=${picked}></label>`;
}

function welcome() {
  return html`<div class="welcome">
    <h2>Welcome. Two steps to your first file.</h2>
    <ol>
      <li><strong>Meet somebody.</strong> Show a code and tell them the words, or enter theirs. Then you know each other by name.
        <div class="row"><button class="main" @click=${() => makeCode('contact')}>Show a code</button><button @click=${() => enterCode('contact')}>Enter a code</button></div></li>
      <li><strong>Drop a file on this page.</strong> It goes straight from your device to theirs, encrypted, as soon as they accept.</li>
    </ol>
    <p class="dim">To send to somebody just once, without becoming contacts: <button class="link" @click=${() => sendDialog([], 'code')}>send by a code</button> or <button class="link" @click=${() => enterCode('file')}>receive by a code</button>.</p>
  </div>`;
}
