// What the page's components call. Points never pass through here on their way in: charts fetch them as binary columns.

import { ChartView } from './chart-view.js';

export function create(host, listener, options) {
  const call = (name, ...values) => listener.invokeMethodAsync(name, ...values);
  const chart = new ChartView(host, {
    viewChanged: (from, to) => call('OnViewChanged', from, to),
    loaded: error => call('OnLoaded', error),
  }, options);
  return {
    update: next => chart.update(next),
    append: batches => batches.forEach(batch => chart.append(batch.key, batch.x, batch.y)),
    reload: () => chart.reload(),
    zoomBy: factor => chart.zoomBy(factor),
    reset: () => chart.zoomTo(null),
    table: rows => table(chart, rows),
    summary: () => chart.lines.map(summarize),
    dispose: () => chart.dispose(),
  };
}

/** Values of every curve at evenly spaced x of the range in view: the chart as a table. */
function table(chart, rows) {
  const { min, max } = chart.range();
  const extent = chart.extent();
  if (!extent)
    return [];
  const whole = chart.options.axis !== 'time';
  const places = new Set();
  for (let i = 0; i < rows; i++) {
    const x = min + (max - min) * i / Math.max(1, rows - 1);
    places.add(whole ? Math.round(x) : x);
  }
  return [...places].map(x => ({
    x,
    values: chart.lines.map(line => {
      const point = x >= (line.base.x[0] ?? Infinity) && x <= line.base.lastX ? line.valueAt(x) : null;
      return point && Number.isFinite(point.y) ? point.y : null;
    }),
  }));
}

function summarize(line) {
  const { base } = line;
  const result = { key: line.key, label: line.label, points: base.length, first: null, last: null, min: null, max: null, lastX: null };
  for (let i = 0; i < base.length; i++) {
    if (!Number.isFinite(base.y[i]))
      continue;
    result.first ??= base.y[i];
    result.last = base.y[i];
    result.lastX = base.x[i];
    result.min = result.min === null ? base.min[i] : Math.min(result.min, base.min[i]);
    result.max = result.max === null ? base.max[i] : Math.max(result.max, base.max[i]);
  }
  return result;
}
