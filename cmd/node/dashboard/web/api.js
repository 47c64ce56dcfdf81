// How the page talks to its node: JSON under /v1, with the token on every request.
import { token } from './session.js';

/** An error that the node answered (RFC 9457), or that there was no answer: code "gone". */
export class Problem extends Error {
  /** @param {number} status @param {string} code @param {string} detail */
  constructor(status, code, detail) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

const gone = () => new Problem(0, 'gone', 'the node does not answer');

/** @param {number} status @param {string} text the body of the answer */
function problemOf(status, text) {
  try {
    const { code, detail, title } = JSON.parse(text);
    return new Problem(status, code ?? '', detail || title || `the node answered with status ${status}`);
  } catch {
    return new Problem(status, '', `the node answered with status ${status}`);
  }
}

export function authorization() { return { Authorization: `Bearer ${token()}` }; }

/**
 * @template T
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body] sent as JSON
 * @param {Record<string, string>} [headers]
 * @returns {Promise<T>} the answer's JSON, undefined if it has none
 */
export async function call(method, path, body, headers = {}) {
  /** @type {Response} */ let answer;
  /** @type {string} */ let text;
  /** @type {Record<string, string>} */ const type = body === undefined ? {} : { 'Content-Type': 'application/json' };
  try {
    answer = await fetch(path, {
      method, headers: { ...authorization(), ...type, ...headers }, cache: 'no-store',
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    text = await answer.text();
  } catch {
    throw gone();
  }
  if (!answer.ok) throw problemOf(answer.status, text);
  return text === '' ? /** @type {T} */ (undefined) : JSON.parse(text);
}

/**
 * Hands a file's bytes to the node. XMLHttpRequest, since fetch tells no progress.
 * @param {File} file
 * @param {(sent: number) => void} progress
 * @param {AbortSignal} signal
 * @returns {Promise<import('./types').Upload>}
 */
export function upload(file, progress, signal) {
  return new Promise((done, fail) => {
    const stopped = () => fail(new Problem(0, 'stopped', 'stopped'));
    if (signal.aborted) return stopped(); // before its turn came: no event tells of that any more
    const x = new XMLHttpRequest();
    x.open('PUT', '/v1/uploads/' + encodeURIComponent(file.name));
    for (const [key, value] of Object.entries(authorization())) x.setRequestHeader(key, value);
    x.setRequestHeader('Content-Type', 'application/octet-stream');
    x.upload.onprogress = (e) => progress(e.loaded);
    x.onload = () => (x.status < 300 ? done(JSON.parse(x.responseText)) : fail(problemOf(x.status, x.responseText)));
    x.onerror = () => fail(gone());
    x.onabort = stopped;
    signal.addEventListener('abort', () => x.abort());
    x.send(file);
  });
}
