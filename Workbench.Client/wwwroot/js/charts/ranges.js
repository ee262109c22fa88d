// The range of y that a chart shows for a range of x.

const SAMPLES = 4000;

export function yRange(lines, from, to, { log, fit }) {
  const values = [];
  let low = Infinity, high = -Infinity, smallest = Infinity, typical = Infinity;
  for (const line of lines) {
    const part = line.visible(from, to);
    const stride = Math.max(1, Math.ceil((part.to - part.from) * lines.length / SAMPLES));
    for (let i = part.from; i < part.to; i++) {
      const { min, max } = part.store;
      if (!Number.isFinite(min[i]) || !Number.isFinite(max[i]))
        continue;
      low = Math.min(low, min[i]);
      high = Math.max(high, max[i]);
      if (min[i] > 0)
        smallest = Math.min(smallest, min[i]);
      if (part.store.y[i] > 0)
        typical = Math.min(typical, part.store.y[i]);
      if (fit === 'bulk' && i % stride === 0)
        values.push(part.store.y[i]);
    }
  }
  if (low > high)
    return log ? { min: 0.1, max: 1 } : { min: 0, max: 1 };
  if (fit === 'bulk' && values.length > 20) {
    values.sort((a, b) => a - b);
    const bulk = values[Math.floor(values.length * 0.98)];
    if (bulk > low && bulk < high)
      high = bulk + (bulk - values[Math.floor(values.length * 0.01)]) * 0.15;
  }
  return log ? logarithmic(Math.max(smallest, typical / 4), high) : linear(low, high);
}

function linear(low, high) {
  const span = high - low || Math.abs(high) * 0.2 || 1;
  const min = low - span * 0.05, max = high + span * 0.05;
  return { min: low >= 0 && min < 0 ? 0 : min, max };
}

function logarithmic(smallest, high) {
  if (!(smallest < Infinity) || !(high > 0))
    return { min: 0.1, max: 1 };
  const max = high > smallest ? high * 1.1 : smallest * 2;
  return { min: smallest / 1.1, max };
}
