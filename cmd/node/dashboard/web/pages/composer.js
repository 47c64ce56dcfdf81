// Where a message is written, or one's own is changed.
import { live } from '../lib/lit-html/directives/live.js';
import { html, nothing } from '../lib/lit-html/lit-html.js';
import { edit, write } from '../actions.js';
import { icon } from '../parts/icons.js';
import { visible } from '../parts/text.js';
import { changed } from '../state.js';
import { attempt, submitted } from '../ui.js';

/** the message that is changed, if one is */
/** @type {{ edits: import('../types').Message | null }} */
export const writing = { edits: null };

/** @type {Map<string, string>} what was typed and not sent, by conversation or message that is changed */
const drafts = new Map();

/** The message of a conversation that is changed now. @param {import('../types').Conversation} c */
const changing = (c) => (writing.edits?.conversation === c.id ? writing.edits : null);

/** @param {import('../types').Conversation} c */
export function composer(c) {
  const shown = changing(c);
  const go = async (/** @type {FormData} */ fields) => {
    const edits = changing(c), key = edits?.id ?? c.id; // of now: there may have been no drawing since
    const text = String(fields.get('text') ?? '');
    if (text.trim() === '') return;
    drafts.delete(key); // at once: who presses Enter twice says it once
    writing.edits = null;
    changed();
    const sent = await attempt(async () => { await (edits ? edit(edits, text) : write(c.id, text)); return true; });
    if (sent || drafts.has(key)) return;
    drafts.set(key, text);
    changed();
  };
  return html`<form class="composer" @submit=${submitted(go)}>
    ${shown ? html`<p class="line dim">Changing your message <button type="button" class="link" @click=${stop}>leave it as it is</button></p>` : nothing}
    <label for="compose" class="unseen">Message to ${visible(c.name)}</label>
    <textarea id="compose" name="text" rows="1" placeholder="Write a message" @keydown=${keys} @input=${(/** @type {Event} */ e) => { drafts.set(changing(c)?.id ?? c.id, /** @type {HTMLTextAreaElement} */ (e.target).value); }} .value=${live(drafts.get(shown?.id ?? c.id) ?? shown?.text ?? '')}></textarea>
    <button class="main">${icon('send')}<span class="unseen">${shown ? 'Change' : 'Send'}</span></button>
    <p class="hint dim">Enter sends, Shift and Enter begins a new line.</p>
  </form>`;
}

function stop() {
  if (writing.edits) drafts.delete(writing.edits.id);
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
