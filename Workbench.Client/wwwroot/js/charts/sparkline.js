// A curve the size of a word. It is fetched when it scrolls into view and then grows by the points it is given.

import { fetchSeries } from './series-source.js';
import { SeriesStore } from './series-store.js';

const POINTS = 60;
const SVG = 'http://www.w3.org/2000/svg';

export function create(host, run) {
  const picture = document.createElementNS(SVG, 'svg');
  picture.setAttribute('viewBox', '0 0 100 24');
  picture.setAttribute('preserveAspectRatio', 'none');
  const path = document.createElementNS(SVG, 'polyline');
  path.setAttribute('fill', 'none');
  path.setAttribute('stroke', 'currentColor');
  path.setAttribute('stroke-width', '1.5');
  path.setAttribute('vector-effect', 'non-scaling-stroke');
  picture.append(path);
  host.append(picture);

  let store = new SeriesStore();
  const abort = new AbortController();
  const draw = () => path.setAttribute('points', outline(store));
  const seen = new IntersectionObserver(async entries => {
    if (!entries.some(entry => entry.isIntersecting))
      return;
    seen.disconnect();
    try {
      const late = store;
      store = SeriesStore.from(await fetchSeries({ run, metric: 'loss', axis: 'step', points: POINTS }, abort.signal));
      store.append(late.x.subarray(0, late.length), late.y.subarray(0, late.length));
      draw();
    } catch (error) {
      // The number beside it stays; a missing decoration is told to the console, not to the reader.
      if (!abort.signal.aborted)
        console.warn(`sparkline of ${run}: ${error.message}`);
    }
  });
  seen.observe(host);

  return {
    append: (x, y) => {
      store.append([x], [y]);
      store.compact(POINTS);
      draw();
    },
    dispose: () => {
      abort.abort();
      seen.disconnect();
      picture.remove();
    },
  };
}

function outline(store) {
  let low = Infinity, high = -Infinity;
  for (let i = 0; i < store.length; i++) {
    if (!Number.isFinite(store.y[i]))
      continue;
    low = Math.min(low, store.y[i]);
    high = Math.max(high, store.y[i]);
  }
  const spanX = store.lastX - store.x[0] || 1, spanY = high - low || 1;
  const points = [];
  for (let i = 0; i < store.length; i++)
    if (Number.isFinite(store.y[i]))
      points.push(`${((store.x[i] - store.x[0]) / spanX * 100).toFixed(1)},${(22 - (store.y[i] - low) / spanY * 20).toFixed(1)}`);
  return points.join(' ');
}
