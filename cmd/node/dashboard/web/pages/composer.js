// Where a message is written, or one's own is changed.
import { html, nothing } from '../lib/lit-html/lit-html.js';
import { edit, write } from '../actions.js';
import { icon } from '../parts/icons.js';
import { visible } from '../parts/text.js';
import { changed } from '../state.js';
import { attempt, submitted } from '../ui.js';

/** the message that is changed, if one is */
/** @type {{ edits: import('../types').Message | null }} */
export const writing = { edits: null };

/** @type {Map<string, string>} what was typed and not sent, by conversation */
const drafts = new Map();

/** @param {import('../types').Conversation} c */
export function composer(c) {
  const edits = writing.edits?.conversation === c.id ? writing.edits : null;
  const go = async (/** @type {FormData} */ fields, /** @type {HTMLFormElement} */ form) => {
    const text = String(fields.get('text') ?? '');
    if (text.trim() === '') return;
    const sent = await attempt(async () => { await (edits ? edit(edits, text) : write(c.id, text)); return true; });
    if (!sent) return;
    writing.edits = null;
    drafts.delete(c.id);
    /** @type {HTMLTextAreaElement} */ (form.elements.namedItem('text')).value = '';
    changed();
  };
  return html`<form class="composer" data-of=${c.id} @submit=${submitted(go)}>
    ${edits ? html`<p class="line dim">Changing your message <button type="button" class="link" @click=${stop}>leave it as it is</button></p>` : nothing}
    <label for="compose" class="unseen">Message to ${visible(c.name)}</label>
    <textarea id="compose" name="text" rows="1" placeholder="Write a message" @keydown=${keys} @input=${(/** @type {Event} */ e) => { drafts.set(c.id, /** @type {HTMLTextAreaElement} */ (e.target).value); }} .value=${edits?.text ?? drafts.get(c.id) ?? ''}></textarea>
    <button class="main">${icon('send')}<span class="unseen">${edits ? 'Change' : 'Send'}</span></button>
    <p class="hint dim">Enter sends, Shift and Enter begins a new line.</p>
  </form>`;
}

function stop() {
  writing.edits = null;
  changed();
}

/** @param {KeyboardEvent} e */
function keys(e) {
  if (e.key === 'Escape' && writing.edits) return stop();
  if (e.key !== 'Enter' || e.shiftKey || e.isComposing) return;
  e.preventDefault();
  /** @type {HTMLTextAreaElement} */ (e.target).form?.requestSubmit();
}
