// Files can be dropped anywhere: onto a conversation for its people, elsewhere the
// page asks whom they are for.
import { changed, conversation } from '../state.js';
import { ui } from '../ui.js';
import { dropped, receiverOf, sendDialog } from './send.js';
import { sendFiles } from './upload.js';

/** @param {DragEvent} e */
const hasFiles = (e) => e.dataTransfer?.types.includes('Files') === true && ui.dialog === null;

/** @param {boolean} now */
function hover(now) {
  if (ui.dragging === now) return;
  ui.dragging = now;
  changed();
}

export function watchDrops() {
  addEventListener('dragenter', (e) => { if (hasFiles(e)) { e.preventDefault(); hover(true); } });
  addEventListener('dragover', (e) => { if (hasFiles(e)) e.preventDefault(); });
  addEventListener('dragleave', (e) => { if (e.relatedTarget === null) hover(false); });
  addEventListener('drop', (e) => {
    if (e.dataTransfer?.types.includes('Files')) e.preventDefault(); // the browser would open it
    hover(false);
    if (hasFiles(e) && e.dataTransfer) take(dropped(e.dataTransfer));
  });
}

/** @param {File[]} files */
function take(files) {
  if (files.length === 0) return;
  const talk = ui.route.view === 'talk' ? conversation(ui.route.arg) : undefined;
  if (talk) sendFiles(files, receiverOf(talk));
  else sendDialog(files);
}
