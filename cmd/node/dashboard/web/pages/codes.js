// One-shot codes: a file for somebody who is no contact, or from one.
import { html, nothing } from '../lib/lit-html/lit-html.js';
import { cancelPairing } from '../actions.js';
import { empty, head } from '../parts/bits.js';
import { icon } from '../parts/icons.js';
import { ended, enterCode, showCode } from '../parts/pairing.js';
import { sendDialog } from '../parts/send.js';
import { clock } from '../parts/text.js';
import { cards } from '../parts/transfer.js';
import { uploads } from '../parts/upload.js';
import { pairingWords } from '../parts/words.js';
import { state } from '../state.js';
import { attempt } from '../ui.js';

/** @type {Record<string, string>} */
const KINDS = { contact: 'Contact code', link: 'Device code', file: 'File code' };

export function codes() {
  const live = [...state.pairings.values()].filter((p) => !ended(p)).reverse();
  const sent = [...state.transfers.values()].filter((t) => t.one_shot || (t.contact === '' && t.conversation === '')).reverse();
  return html`${head('Codes')}<div class="stack">
    <div class="pair">
      <div class="card tall"><span class="round">${icon('up')}</span><h2>Send by a code</h2><p class="dim">You get a few words. Whoever types them first gets the file, once; you need not know each other.</p><div class="row"><button class="main" @click=${() => sendDialog([], 'code')}>Choose files</button></div></div>
      <div class="card tall"><span class="round">${icon('down')}</span><h2>Receive</h2><p class="dim">Somebody told you words, or showed you a picture. Type what it says and the file comes to your downloads.</p><div class="row"><button class="main" @click=${() => enterCode('file')}>Type the code</button></div></div>
    </div>
    ${live.length > 0 ? html`<section aria-labelledby="live"><h2 id="live">Codes in use</h2><ul class="cards">${live.map((p) => html`<li class="card"><span class="round">${icon('codes')}</span>
      <div class="grow"><p class="title">${KINDS[p.purpose] ?? 'Code'}</p><p class="dim">${pairingWords(p)} Until ${clock(p.expires)}.</p></div>
      <div class="row buttons">${p.code || p.qr ? html`<button @click=${() => showCode(p)}>Show</button>` : nothing}<button @click=${() => attempt(() => cancelPairing(p.id))}>Burn</button></div></li>`)}</ul></section>` : nothing}
    ${uploads()}
    ${sent.length > 0 ? html`<section aria-labelledby="bycode"><h2 id="bycode">Files by code</h2>${cards(sent)}</section>` : live.length > 0 ? nothing : empty('codes', 'No code in use', 'A code works once, for ten minutes unless you say otherwise. One wrong guess burns it, so nobody can try them out.')}
  </div>`;
}
