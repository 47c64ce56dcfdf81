// The dialog that sends: which files, and to whom.
import { html, nothing } from '../lib/lit-html/lit-html.js';
import { send, sendByCode } from '../actions.js';
import { changed, state, talkWith } from '../state.js';
import { attempt, close, open, say, submitted } from '../ui.js';
import { name, sign } from './bits.js';
import { icon } from './icons.js';
import { showCode } from './pairing.js';
import { size, visible } from './text.js';
import { sendFiles } from './upload.js';

/** @typedef {{ ref: string, label: string, key: string }} Receiver */

/** Whom files can go to: accepted contacts, and groups one is in. @returns {Receiver[]} */
export function receivers() {
  const people = state.contacts.filter((c) => c.state === 'accepted').map((c) => ({ ref: c.account, label: c.name, key: c.account }));
  const groups = state.conversations.filter((c) => c.mode === 'group' && c.renewed === '' && ['owner', 'admin', 'member'].includes(c.status))
    .map((c) => ({ ref: c.id, label: c.name, key: c.id }));
  return [...people, ...groups];
}

/** Whom a conversation's files go to. @param {import('../types').Conversation} c @returns {Receiver} */
export function receiverOf(c) {
  const contact = state.contacts.find((o) => o.state === 'accepted' && talkWith(o.account)?.id === c.id);
  return contact ? { ref: contact.account, label: contact.name, key: contact.account } : { ref: c.id, label: c.name, key: c.id };
}

const FOLDERS = 'A browser does not hand over folders. Give the folder’s path on the node’s machine instead, or use “passeur send FOLDER NAME”.';

/** What was dropped or picked: files, and whether folders were among it. @param {DataTransfer} data */
export function dropped(data) {
  const entries = [...data.items].filter((i) => i.kind === 'file').map((i) => ({ file: i.getAsFile(), folder: i.webkitGetAsEntry()?.isDirectory === true }));
  if (entries.some((e) => e.folder)) say(FOLDERS, true);
  return entries.filter((e) => !e.folder).map((e) => e.file).filter((f) => f !== null);
}

/** @param {File[]} files @param {string} [to] key of a receiver, or "code" */
export function sendDialog(files, to = '') {
  let chosen = files, path = '';
  const all = receivers();
  const first = to || (all.length === 1 ? all[0]?.key ?? '' : all.length === 0 ? 'code' : '');

  const add = (/** @type {Event} */ e) => {
    const input = /** @type {HTMLInputElement} */ (e.target);
    chosen = [...chosen, ...(input.files ?? [])];
    input.value = '';
    changed();
  };
  const go = (/** @type {FormData} */ fields) => {
    const goal = String(fields.get('to') ?? '');
    const whom = all.find((r) => r.key === goal);
    path = String(fields.get('path') ?? '').trim();
    if (chosen.length === 0 && path === '') return say('Choose at least one file, or give a path.', true);
    if (!whom && goal !== 'code') return say('Choose who is to get it.', true);
    close();
    const lifetime = String(fields.get('lifetime') ?? '10m');
    if (chosen.length > 0) sendFiles(chosen, whom ?? { code: true, lifetime, shown: showCode });
    if (path !== '' && whom) attempt(() => send({ file: path, contact: whom.ref }));
    if (path !== '' && !whom) attempt(async () => showCode(await sendByCode({ file: path, lifetime })));
  };

  open({
    title: 'Send files',
    body: () => html`<form class="stack" @submit=${submitted(go)}>
      <fieldset><legend>What</legend>
        ${chosen.length === 0 ? nothing : html`<ul class="rows chosen">${chosen.map((f) => html`<li>${icon('file')}<span class="grow">${name(f.name)}</span><span class="dim">${size(f.size)}</span>
          <button type="button" class="bare" @click=${() => { chosen = chosen.filter((o) => o !== f); changed(); }}>${icon('cross')}<span class="unseen">Leave out ${visible(f.name)}</span></button></li>`)}</ul>`}
        <div class="row"><label class="button pick">${icon('plus')}${chosen.length === 0 ? 'Choose files' : 'More files'}<input id="pick" type="file" multiple @change=${add}></label></div>
        <details><summary>From a path on the node’s machine</summary>
          <label>Path <input name="path" autocomplete="off" spellcheck="false" placeholder="/home/me/photos" aria-describedby="path-help"></label>
          <p id="path-help" class="dim">Absolute. Folders go this way, and large files are not copied.</p></details>
      </fieldset>
      <fieldset><legend>To</legend><div class="choices">
        ${all.map((r) => html`<label><input type="radio" name="to" value=${r.key} ?checked=${r.key === first}>${sign(r.label, r.key)}${name(r.label)}</label>`)}
        <label><input type="radio" name="to" value="code" ?checked=${first === 'code'}><span class="sign">${icon('codes')}</span>Somebody else, by a code</label>
      </div>
      <label class="lifetime">The code works for <select name="lifetime"><option value="10m">10 minutes</option><option value="1h">1 hour</option><option value="24h">1 day</option></select></label>
      </fieldset>
      <div class="row end"><button type="button" @click=${close}>Not now</button><button class="main">${icon('send')}Send</button></div>
    </form>`,
  });
}
