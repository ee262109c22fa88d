// A curve of a chart: what it is, the points of its whole length, and finer points of the range in view.

import { SeriesStore } from './series-store.js';
import { fetchSeries } from './series-source.js';

const KEEP = 2000;

export class ChartLine {
  constructor(definition) {
    this.base = new SeriesStore();
    this.detail = null;
    this.complete = false;
    this.loaded = false;
    this.describe(definition);
  }

  describe(definition) {
    this.key = definition.key;
    this.run = definition.run;
    this.metric = definition.metric;
    this.label = definition.label;
    this.color = definition.color;
    this.dash = definition.dash;
    this.kind = definition.kind;
    this.smooth = definition.smooth;
  }

  /** Fetches the whole curve, or finer points between two x. */
  async load(axis, points, range, signal) {
    const wide = range ? (range.max - range.min) * 0.1 : 0;
    const from = range ? range.min - wide : undefined;
    const to = range ? range.max + wide : undefined;
    const columns = await fetchSeries({ run: this.run, metric: this.metric, axis, from, to, points }, signal);
    const store = SeriesStore.from(columns);
    if (range) {
      this.detail = { store, from, to };
      return;
    }
    const late = this.base;
    this.base = store;
    this.base.append(late.x.subarray(0, late.length), late.y.subarray(0, late.length));
    // Fewer points than asked for may still be buckets: their width is rounded up.
    this.complete = !columns.bucketed;
    this.loaded = true;
    this.detail = null;
  }

  clear() {
    this.base = new SeriesStore();
    this.detail = null;
    this.loaded = false;
  }

  append(xs, ys) {
    if (this.detail && this.detail.to >= this.base.lastX)
      this.detail.store.append(xs, ys);
    const taken = this.base.append(xs, ys);
    if (this.base.length > KEEP * 3) {
      this.base.compact(KEEP);
      this.complete = false;
    }
    return taken;
  }

  /** The points to draw for a range of x, with one neighbour on each side so that lines run to the edge. */
  visible(min, max) {
    const fine = this.detail && this.detail.from <= min && (this.detail.to >= max || this.detail.to >= this.base.lastX);
    const store = fine ? this.detail.store : this.base;
    if (store.length === 0)
      return { store, from: 0, to: 0 };
    const from = Number.isFinite(min) ? Math.max(0, store.lowerBound(min) - 1) : 0;
    const to = Number.isFinite(max) ? Math.min(store.length, store.lowerBound(max) + 1) : store.length;
    return { store, from, to };
  }

  /** Does a range show fewer points than it could? */
  isCoarse(range, points) {
    if (this.complete)
      return false;
    if (this.detail && this.detail.from <= range.min && this.detail.to >= range.max &&
        this.detail.to - this.detail.from < (range.max - range.min) * 2)
      return false;
    return this.base.lowerBound(range.max) - this.base.lowerBound(range.min) < points;
  }

  valueAt(x) {
    const { store } = this.visible(x, x);
    const index = store.nearest(x);
    return index < 0 ? null : { x: store.x[index], y: store.y[index], min: store.min[index], max: store.max[index] };
  }
}
