// A QR code as a drawing, dark on light whatever the page's colours are.
import { html } from '../lib/lit-html/lit-html.js';
import { generate } from '../lib/lean-qr/index.mjs';

const MARGIN = 3; // modules

/** @param {string} text @param {string} label */
export function qr(text, label) {
  const code = generate(text);
  let d = '';
  for (let y = 0; y < code.size; y++) {
    for (let x = 0; x < code.size; x++) if (code.get(x, y)) d += `M${x} ${y}h1v1h-1z`;
  }
  const whole = code.size + 2 * MARGIN;
  return html`<svg class="qr" role="img" aria-label=${label} viewBox="${-MARGIN} ${-MARGIN} ${whole} ${whole}" shape-rendering="crispEdges">
    <rect x=${-MARGIN} y=${-MARGIN} width=${whole} height=${whole} fill="#fff"></rect><path d=${d} fill="#000"></path></svg>`;
}
