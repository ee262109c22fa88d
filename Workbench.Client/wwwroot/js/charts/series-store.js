// One curve in typed arrays: x ascending, y the mean of its bucket, min and max of its bucket. A raw point is a bucket of one.

export class SeriesStore {
  constructor(capacity = 256) {
    this.length = 0;
    this.#allocate(capacity);
  }

  static from({ x, y, min, max }) {
    const store = new SeriesStore(Math.max(256, x.length * 2));
    store.x.set(x);
    store.y.set(y);
    store.min.set(min);
    store.max.set(max);
    store.length = x.length;
    return store;
  }

  get lastX() {
    return this.length > 0 ? this.x[this.length - 1] : -Infinity;
  }

  /** Takes points in order and leaves out those it already has, so a batch may overlap with what was fetched. */
  append(xs, ys) {
    let taken = 0;
    for (let i = 0; i < xs.length; i++) {
      if (!(xs[i] > this.lastX))
        continue;
      if (this.length === this.x.length)
        this.#grow();
      this.x[this.length] = xs[i];
      this.y[this.length] = this.min[this.length] = this.max[this.length] = ys[i];
      this.length++;
      taken++;
    }
    return taken;
  }

  /** First index whose x is not below the given one. */
  lowerBound(x) {
    let low = 0, high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.x[middle] < x)
        low = middle + 1;
      else
        high = middle;
    }
    return low;
  }

  nearest(x) {
    if (this.length === 0)
      return -1;
    const right = Math.min(this.lowerBound(x), this.length - 1);
    return right > 0 && x - this.x[right - 1] <= this.x[right] - x ? right - 1 : right;
  }

  /** Merges neighbours until about so many buckets are left. Minimum and maximum of each bucket survive, so a spike does. */
  compact(target) {
    if (this.length <= target * 2)
      return;
    const width = (this.lastX - this.x[0]) / target;
    let out = 0, i = 0;
    while (i < this.length) {
      const start = this.x[i];
      let sum = 0, weight = 0, min = Infinity, max = -Infinity;
      do {
        const gap = i + 1 < this.length ? this.x[i + 1] - this.x[i] : 1;
        if (Number.isFinite(this.y[i])) {
          sum += this.y[i] * gap;
          weight += gap;
        }
        min = Math.min(min, Number.isNaN(this.min[i]) ? min : this.min[i]);
        max = Math.max(max, Number.isNaN(this.max[i]) ? max : this.max[i]);
        i++;
      } while (i < this.length && this.x[i] - start < width);
      this.x[out] = start;
      this.y[out] = weight > 0 ? sum / weight : NaN;
      this.min[out] = weight > 0 ? min : NaN;
      this.max[out] = weight > 0 ? max : NaN;
      out++;
    }
    this.length = out;
  }

  #allocate(capacity) {
    this.x = new Float64Array(capacity);
    this.y = new Float32Array(capacity);
    this.min = new Float32Array(capacity);
    this.max = new Float32Array(capacity);
  }

  #grow() {
    const { x, y, min, max } = this;
    this.#allocate(x.length * 2);
    this.x.set(x);
    this.y.set(y);
    this.min.set(min);
    this.max.set(max);
  }
}
