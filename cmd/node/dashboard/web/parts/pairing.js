// One-time codes: the dialogs that show one, as words and as a QR code, and that
// take one.
import { html, nothing } from '../lib/lit-html/lit-html.js';
import { cancelPairing, pair, receive } from '../actions.js';
import { changed, state } from '../state.js';
import { attempt, close, open, submitted } from '../ui.js';
import { qr } from './qr.js';
import { clock, visible } from './text.js';
import { pairingWords, problemWords } from './words.js';

/** @typedef {import('../types').Pairing} Pairing */

/** @type {Record<Pairing['purpose'], { title: string, how: string, command: string, enter: string }>} */
const KINDS = {
  contact: { title: 'Show a contact code', how: 'Tell them the words, or have them scan the picture. On their dashboard: People, “Enter a code”. Or in a terminal:', command: 'passeur contact join', enter: 'Enter a contact code' },
  link: { title: 'Link a device', how: 'On the new device, in a terminal:', command: 'passeur device join', enter: 'Join an account' },
  file: { title: 'Send by a code', how: 'Tell them the words, or have them scan the picture. On their dashboard: Codes, “Receive”. Or in a terminal:', command: 'passeur receive', enter: 'Receive by a code' },
};

/** @param {Pairing} p */
export const ended = (p) => p.state === 'done' || p.state === 'failed' || p.state === 'cancelled';

/** Shows a code that the node made, and what becomes of it. @param {Pairing} first */
export function showCode(first) {
  const kind = KINDS[first.purpose];
  open({ title: kind.title, body: () => shown(state.pairings.get(first.id) ?? first, kind) });
}

/** @param {Pairing} p @param {typeof KINDS['contact']} kind */
function shown(p, kind) {
  if (ended(p)) return html`<p class="callout ${p.state === 'done' ? 'good' : 'bad'}">${pairingWords(p)}</p>${p.verifier ? verifier(p) : nothing}<div class="row end"><button class="main" @click=${close}>Close</button></div>`;
  const words = p.code || p.qr;
  return html`<div class="code">
      <p class="words" aria-label="The code">${visible(words).split('-').map((w) => html`<span>${w}</span>`)}</p>
      ${p.qr ? qr(p.qr, 'The code as a QR code') : nothing}
    </div>
    <p>${kind.how}</p><p><code class="command">${kind.command} ${visible(words)}</code></p>
    <p class="dim">It works once, until ${clock(p.expires)}. Keep it between the two of you until then.</p>
    ${p.verifier ? verifier(p) : nothing}
    <p class="line busy">${pairingWords(p)}</p>
    <div class="row end"><button @click=${() => { attempt(() => cancelPairing(p.id)); }}>Burn the code</button><button class="main" @click=${close}>Close, keep waiting</button></div>`;
}

/** @param {Pairing} p */
function verifier(p) {
  return html`<p class="verifier">Both sides show these words: <strong>${visible(p.verifier)}</strong> <span class="dim">Are they the same on the other device, nobody sits between you.</span></p>`;
}

/** Has the node make a code, and shows it. @param {'contact' | 'link'} purpose @param {{ name?: string, keeper?: boolean }} [more] */
export async function makeCode(purpose, more = {}) {
  const p = await attempt(() => pair({ purpose, ...more }));
  if (p) showCode(p);
}

/** @param {Pairing['purpose']} purpose */
export function enterCode(purpose) {
  /** @type {Pairing | null} */ let p = null;
  let wrong = '';
  const go = async (/** @type {FormData} */ fields) => {
    const code = String(fields.get('code') ?? '').trim();
    if (code === '') { wrong = 'Type the words that the other device shows.'; return changed(); }
    wrong = '';
    try {
      p = purpose === 'file' ? await receive(code) : await pair({ purpose, code, name: String(fields.get('name') ?? '').trim() });
    } catch (err) {
      wrong = problemWords(err);
    }
    changed();
  };
  const body = () => {
    const now = p && (state.pairings.get(p.id) ?? p);
    if (now) return entered(now);
    return html`<form class="stack" @submit=${submitted(go)}>
      <label>The code <input name="code" autocomplete="off" autocapitalize="none" spellcheck="false" placeholder="four-or-five-words" aria-describedby="code-wrong" ?autofocus=${true}></label>
      ${purpose === 'contact' ? html`<label>What you want to call them <input name="name" autocomplete="off" placeholder="what they call themselves"></label>` : nothing}
      <p id="code-wrong" class="wrong" role="alert">${wrong}</p>
      <div class="row end"><button type="button" @click=${close}>Not now</button><button class="main">${purpose === 'file' ? 'Receive' : 'Enter'}</button></div>
    </form>`;
  };
  open({ title: KINDS[purpose].enter, body });
}

/** @param {Pairing} p */
function entered(p) {
  return html`<p class="${ended(p) ? `callout ${p.state === 'done' ? 'good' : 'bad'}` : 'line busy'}">${pairingWords(p)}</p>
    ${p.verifier ? verifier(p) : nothing}
    <div class="row end"><button class="main" @click=${close}>Close</button></div>`;
}
