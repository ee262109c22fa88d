// Exponential moving average over unevenly spaced points, without the pull of an arbitrary first value.

/**
 * Smooths y[from..to). `weight` in [0, 1) is what one `unit` of x keeps of the past; a gap of two units keeps weight squared, so the
 * curve looks the same whether it is drawn from raw points or from buckets. Not-a-number breaks the line and is left out of the mean.
 */
export function smooth(x, y, from, to, weight, unit) {
  const out = new Float32Array(Math.max(0, to - from));
  let sum = 0, mass = 0;
  for (let i = from; i < to; i++) {
    const value = y[i];
    if (!Number.isFinite(value)) {
      out[i - from] = NaN;
      continue;
    }
    const gap = i > from ? Math.max(0, x[i] - x[i - 1]) : unit;
    const keep = weight <= 0 ? 0 : Math.pow(weight, gap / unit);
    sum = sum * keep + value * (1 - keep);
    mass = mass * keep + (1 - keep);
    out[i - from] = mass > 0 ? sum / mass : value;
  }
  return out;
}

/** The unit that a smoothing weight refers to: one point of a short run, a thousandth of a long one. */
export function smoothingUnit(store) {
  if (store.length < 2)
    return 1;
  const span = store.lastX - store.x[0];
  return Math.max(span / (store.length - 1), span / 1000) || 1;
}
