// Time from a key to the picture on the annotation page that is open, in milliseconds: median and 95th percentile of each key. Run it in the console of
// the browser, or through the end-to-end test of the same name. Beside it a calibration: an empty key, which only waits for the next frame.
async () => {
  const text = document.querySelector('.wb-annotate-text');
  const press = (key, options = {}) => text.dispatchEvent(new KeyboardEvent('keydown', {
    key, code: key.length > 1 ? key : /\d/.test(key) ? `Digit${key}` : `Key${key.toUpperCase()}`, bubbles: true, cancelable: true, ...options,
  }));
  const pause = ms => new Promise(done => setTimeout(done, ms));
  const painted = () => new Promise(done => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = done;
    channel.port2.postMessage(0);
  }));
  const keys = {
    'calibration (F13)': () => press('F13'),
    'caret': () => press('ArrowRight'),
    'select a character': () => press('ArrowRight', { shiftKey: true }),
    'next entity': () => press('n'),
    'another type': i => press(i % 2 ? '1' : '2'),
    'relation begins': () => press('r'),
    'cancel': () => press('Escape'),
    'delete': () => press('Delete'),
    'undo': () => press('z', { ctrlKey: true }),
  };
  const result = {};
  for (const [name, act] of Object.entries(keys)) {
    const times = [];
    for (let i = 0; i < 20; i++) {
      if (name === 'another type' || name === 'delete')
        press('n');
      await pause(120);
      const before = performance.now();
      act(i);
      await painted();
      times.push(performance.now() - before);
      if (name === 'relation begins')
        press('Escape');
    }
    times.sort((a, b) => a - b);
    result[name] = [times[10], times[18]].map(time => Math.round(time * 10) / 10);
  }
  return result;
}
