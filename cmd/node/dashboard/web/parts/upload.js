// Files on their way from the browser to the node, one after the other, and then to
// whom they are for.
import { html, nothing } from '../lib/lit-html/lit-html.js';
import { send, sendByCode } from '../actions.js';
import { Problem, upload } from '../api.js';
import { changed } from '../state.js';
import { say } from '../ui.js';
import { name } from './bits.js';
import { icon } from './icons.js';
import { percent, size, visible } from './text.js';
import { problemWords } from './words.js';

/** Where files go: to a contact or conversation, or to whoever enters a code. @typedef {{ ref: string, label: string } | { code: true, lifetime: string, shown: (p: import('../types').Pairing) => void }} Goal */
/** @typedef {{ n: number, file: File, label: string, sent: number, stop: AbortController }} Going */

/** @type {Going[]} */ const going = [];
let count = 0;
/** @type {Promise<void>} */ let line = Promise.resolve();

/** @param {File[]} files @param {Goal} to */
export function sendFiles(files, to) {
  const label = 'ref' in to ? to.label : 'a code';
  const all = files.map((file) => ({ n: ++count, file, label, sent: 0, stop: new AbortController() }));
  going.push(...all);
  changed();
  line = line.then(() => ('ref' in to ? each(all, to.ref) : together(all, to)));
}

/** Each file is offered by itself, as soon as the node has it. @param {Going[]} all @param {string} ref */
async function each(all, ref) {
  for (const g of all) await guarded([g], async () => { await send({ contact: ref, uploads: [await bytes(g)] }); });
}

/** Several files go by one code, as a folder. @param {Going[]} all @param {Extract<Goal, { code: true }>} to */
async function together(all, to) {
  await guarded(all, async () => {
    const uploads = [];
    for (const g of all) uploads.push(await bytes(g));
    to.shown(await sendByCode({ uploads, lifetime: to.lifetime }));
  });
}

/** @param {Going} g */
async function bytes(g) {
  const answer = await upload(g.file, (sent) => { g.sent = sent; changed(); }, g.stop.signal);
  return answer.id;
}

/** @param {Going[]} all @param {() => Promise<void>} what */
async function guarded(all, what) {
  if (all.every((g) => g.stop.signal.aborted)) return;
  try {
    await what();
  } catch (err) {
    if (!(err instanceof Problem && err.code === 'stopped')) say(`${all.map((g) => visible(g.file.name)).join(', ')} was not sent: ${problemWords(err)}`, true);
  } finally {
    all.forEach(drop);
    changed();
  }
}

/** @param {Going} g */
function stop(g) {
  g.stop.abort();
  if (g.sent === 0) drop(g);
  changed();
}

/** Takes a file off the list, if it is there still. @param {Going} g */
function drop(g) {
  const at = going.indexOf(g);
  if (at >= 0) going.splice(at, 1);
}

/** What is on its way to the node. */
export function uploads() {
  if (going.length === 0) return nothing;
  return html`<ul class="cards">${going.map((g) => html`<li class="card transfer uploading">
    <span class="round">${icon('up')}</span>
    <div class="grow">
      <p class="title">${name(g.file.name)}</p>
      <p class="dim">handing it to your node, for <bdi>${visible(g.label)}</bdi></p>
      <progress max="100" .value=${percent(g.sent, g.file.size)} aria-label="Handing ${visible(g.file.name)} to the node"></progress>
      <p class="line facts"><span>${percent(g.sent, g.file.size)} % · ${size(g.sent)} of ${size(g.file.size)}</span></p>
    </div>
    <div class="row buttons"><button @click=${() => stop(g)}>Stop<span class="unseen"> handing over ${visible(g.file.name)}</span></button></div>
  </li>`)}</ul>`;
}
