// What happens at the node, as server-sent events. EventSource cannot send a token,
// so the stream is read by fetch. It goes on where it broke (Last-Event-ID), and is
// let go while nobody looks: browsers have six connections to a host.
import { authorization } from './api.js';

const SILENCE = 45_000; // ms; the node says something every 15 s
const PAUSES = [500, 1000, 2000, 4000, 8000]; // ms between attempts

/**
 * @typedef {object} Listener
 * @property {(e: import('./types').NodeEvent) => void} event
 * @property {() => Promise<void>} reset what was known is out of date: read all of it anew
 * @property {(state: 'open' | 'lost' | 'denied') => void} link
 */

/** @param {Listener} to @returns {() => void} starts from the beginning, with the token of now */
export function follow(to) {
  /** @type {AbortController | undefined} */ let now;
  let last = '';
  const restart = () => {
    now?.abort();
    now = undefined;
    if (document.hidden) return;
    now = new AbortController();
    keep(to, now.signal, { get: () => last, set: (id) => { last = id; } });
  };
  document.addEventListener('visibilitychange', restart);
  return () => { last = ''; restart(); };
}

/**
 * @param {Listener} to
 * @param {AbortSignal} signal
 * @param {{ get: () => string, set: (id: string) => void }} last
 */
async function keep(to, signal, last) {
  for (let attempt = 0; !signal.aborted; attempt++) {
    const end = await once(to, signal, last, () => { attempt = 0; });
    if (signal.aborted) return;
    to.link(end);
    if (end === 'denied') return;
    await pause(PAUSES[Math.min(attempt, PAUSES.length - 1)] ?? 0, signal);
  }
}

/**
 * @param {Listener} to
 * @param {AbortSignal} signal
 * @param {{ get: () => string, set: (id: string) => void }} last
 * @param {() => void} opened
 * @returns {Promise<'lost' | 'denied'>}
 */
async function once(to, signal, last, opened) {
  const known = last.get();
  const broken = new AbortController();
  let watch = setTimeout(() => broken.abort(), SILENCE);
  try {
    const answer = await fetch('/v1/events', {
      headers: { ...authorization(), Accept: 'text/event-stream', ...(known ? { 'Last-Event-ID': known } : {}) },
      cache: 'no-store', signal: AbortSignal.any([signal, broken.signal]),
    });
    if (answer.status === 401) return 'denied';
    if (!answer.ok || !answer.body) return 'lost';
    if (known === '') await to.reset();
    opened();
    to.link('open');
    for await (const e of messages(answer.body)) {
      clearTimeout(watch);
      watch = setTimeout(() => broken.abort(), SILENCE);
      if (e.kind === 'reset') {
        last.set(''); // until all is read: else the next stream would go on after what was missed
        await to.reset();
        if (signal.aborted) return 'lost'; // another stream is read by now
      }
      if (e.id) last.set(e.id);
      if (e.kind !== 'reset' && e.data) to.event(JSON.parse(e.data));
    }
  } catch {
    // the connection broke, or the lists could not be read: the same from the start
    if (known === '') last.set('');
  } finally {
    clearTimeout(watch);
    broken.abort();
  }
  return 'lost';
}

/**
 * The messages of a stream (HTML Standard, 9.2.6), comments as empty ones.
 * @param {ReadableStream<Uint8Array<ArrayBuffer>>} body
 */
async function* messages(body) {
  /** @type {ReadableWritablePair<string, Uint8Array<ArrayBuffer>>} */
  const text = new TextDecoderStream();
  const reader = body.pipeThrough(text).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) yield parse(block);
  }
}

/** @param {string} block */
function parse(block) {
  const e = { id: '', kind: '', data: '' };
  for (const line of block.split('\n')) {
    const [, key, value] = /^(id|event|data): ?(.*)$/.exec(line) ?? [];
    if (key === 'id') e.id = value ?? '';
    if (key === 'event') e.kind = value ?? '';
    if (key === 'data') e.data += value;
  }
  return e;
}

/** @param {number} ms @param {AbortSignal} signal */
function pause(ms, signal) {
  return new Promise((done) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', () => { clearTimeout(timer); done(undefined); });
  });
}
