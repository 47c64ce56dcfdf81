// What is looked at again and again, but only while a view shows it.

/**
 * @param {number} ms between two looks
 * @param {() => boolean} shown
 * @param {() => Promise<void>} look
 * @returns {() => void} to be called by each drawing of the view
 */
export function every(ms, shown, look) {
  let busy = false, last = -ms;
  const step = async () => {
    if (busy || !shown() || document.hidden || performance.now() - last < ms) return;
    busy = true;
    last = performance.now();
    await look();
    busy = false;
    setTimeout(step, ms);
  };
  return step;
}
