// One chart: uPlot lays out axes, cursor and drag selection; this class owns the curves, the range in view and what follows new points.

import uPlot from '../../third_party/uplot/uPlot.esm.js';
import { ChartLine } from './chart-line.js';
import { Legend } from './legend.js';
import { formatValue, formatX } from './formats.js';
import { readLook, watchTheme } from './look.js';
import { paint } from './painter.js';
import { yRange } from './ranges.js';
import { bindKeys } from './keys.js';

const groups = new Map();

export class ChartView {
  #plot = null;
  #drawing = 0;
  #wanted = 0;
  #abort = new AbortController();
  #zoom = null;

  constructor(host, callbacks, options) {
    this.host = host;
    this.callbacks = callbacks;
    this.options = options;
    this.lines = [];
    this.view = Number.isFinite(options.from) && Number.isFinite(options.to) ? { min: options.from, max: options.to } : null;
    this.cursorX = null;
    this.canvas = host.querySelector('[data-chart-canvas]');
    this.legend = new Legend(host.querySelector('[data-chart-legend]'), host.querySelector('[data-chart-announce]'));
    this.unwatchTheme = watchTheme(host, () => this.redraw());
    this.unbindKeys = bindKeys(this.canvas, this);
    this.resizer = new ResizeObserver(() => this.#resize());
    this.resizer.observe(this.canvas);
    this.#join(options.group);
    this.#build();
    this.update(options);
  }

  /** Takes new parameters; only curves that are new, or another x axis, are fetched. */
  update(options) {
    const before = this.options;
    this.options = options;
    if (before.group !== options.group) {
      this.#leave(before.group);
      this.#join(options.group);
    }
    const axisChanged = before.axis !== options.axis;
    if (axisChanged)
      this.#show(null);
    const known = new Map(axisChanged ? [] : this.lines.map(line => [line.key, line]));
    const missing = [];
    this.lines = options.lines.map(definition => {
      const line = known.get(definition.key);
      if (line) {
        line.describe(definition);
        return line;
      }
      const fresh = new ChartLine(definition);
      missing.push(fresh);
      return fresh;
    });
    if (before.log !== options.log || before.labels !== options.labels || axisChanged)
      this.#build();
    this.legend.describe(this.lines);
    this.redraw();
    if (missing.length > 0)
      this.#load(missing);
  }

  /** Fetches everything again: after a resumed run has replaced its last points, or after a long silence of the connection. */
  reload() {
    for (const line of this.lines)
      line.clear();
    return this.#load(this.lines, true);
  }

  append(key, xs, ys) {
    const line = this.lines.find(candidate => candidate.key === key);
    if (!line)
      return;
    const end = this.extent()?.max;
    line.append(xs, ys);
    const now = this.extent()?.max;
    if (this.view && end !== undefined && now > end && this.view.max >= end)
      this.#shift(now - end);
    this.redraw();
  }

  extent() {
    let min = Infinity, max = -Infinity;
    for (const line of this.lines) {
      if (line.base.length === 0)
        continue;
      min = Math.min(min, line.base.x[0]);
      max = Math.max(max, line.base.lastX);
    }
    if (min > max)
      return null;
    return min === max ? { min: min - 1, max: max + 1 } : { min, max };
  }

  range() {
    return this.view ?? this.extent() ?? { min: 0, max: 1 };
  }

  /** Zooms around the cursor, or the middle. A factor below one shows less. */
  zoomBy(factor) {
    const all = this.extent();
    if (!all)
      return;
    const { min, max } = this.range();
    const centre = this.cursorX ?? (min + max) / 2;
    const from = Math.max(all.min, centre - (centre - min) * factor), to = Math.min(all.max, centre + (max - centre) * factor);
    this.zoomTo(from <= all.min && to >= all.max ? null : { min: from, max: to });
  }

  panBy(share) {
    const all = this.extent();
    if (!all || !this.view)
      return;
    const width = this.view.max - this.view.min;
    const min = Math.min(Math.max(all.min, this.view.min + width * share), all.max - width);
    this.zoomTo({ min, max: min + width });
  }

  zoomTo(view) {
    if (view && !(view.max > view.min))
      return;
    this.#show(view);
    this.redraw();
    this.callbacks.viewChanged(view?.min ?? null, view?.max ?? null);
  }

  /** Moves the cursor to an x and tells the charts of the same group. Null takes it away. */
  setCursor(x, tellOthers = true) {
    this.cursorX = x;
    this.legend.show(this.lines, x, this.options);
    if (this.#plot)
      this.#plot.setCursor(x === null ? { left: -10, top: -10 } : { left: this.#plot.valToPos(x, 'x'), top: this.#plot.bbox.height / 3 }, false);
    if (tellOthers)
      for (const other of groups.get(this.options.group) ?? [])
        if (other !== this)
          other.setCursor(x, false);
  }

  /** Steps the cursor over points of the longest curve. */
  stepCursor(count) {
    const line = this.lines.reduce((best, next) => !best || next.base.length > best.base.length ? next : best, null);
    if (!line || line.base.length === 0)
      return;
    const { min, max } = this.range();
    const { store } = line.visible(min, max);
    const start = this.cursorX === null ? store.nearest(count > 0 ? min : max) : store.nearest(this.cursorX) + count;
    const x = store.x[Math.min(Math.max(start, 0), store.length - 1)];
    if (this.view && (x < min || x > max))
      this.panBy(x < min ? -0.5 : 0.5);
    this.setCursor(x);
    this.legend.announce(this.lines, x, this.options);
  }

  redraw() {
    if (this.#drawing === 0)
      this.#drawing = requestAnimationFrame(() => this.#draw());
  }

  dispose() {
    cancelAnimationFrame(this.#drawing);
    clearTimeout(this.#zoom);
    this.#abort.abort();
    this.resizer.disconnect();
    this.unwatchTheme();
    this.unbindKeys();
    this.#leave(this.options.group);
    this.#plot?.destroy();
    this.#plot = null;
    this.lines = [];
  }

  #draw() {
    this.#drawing = 0;
    if (!this.#plot)
      return;
    const { min, max } = this.range();
    const y = yRange(this.lines, min, max, this.options);
    this.#plot.batch(() => {
      this.#plot.setScale('x', { min, max });
      this.#plot.setScale('y', y);
    });
    this.#plot.redraw(false, true);
    if (this.cursorX === null)
      this.legend.show(this.lines, null, this.options);
    const loaded = this.lines.every(line => line.loaded);
    this.host.dataset.chartState = loaded ? 'drawn' : 'loading';
    this.host.dataset.chartPoints = String(this.lines.reduce((sum, line) => sum + line.base.length, 0));
  }

  async #load(lines, again = false) {
    const ticket = this.#wanted;
    const { signal } = this.#abort;
    const points = this.#points();
    const results = await Promise.allSettled(lines.map(line => line.load(this.options.axis, points, null, signal).finally(() => this.redraw())));
    if (signal.aborted)
      return;
    for (const line of lines)
      line.loaded = true;
    this.redraw();
    const failed = results.find(result => result.status === 'rejected');
    this.callbacks.loaded(failed ? String(failed.reason?.message ?? failed.reason) : null);
    if (this.view && (again || ticket === this.#wanted))
      this.#refine();
  }

  #show(view) {
    this.view = view;
    clearTimeout(this.#zoom);
    if (view)
      this.#zoom = setTimeout(() => this.#refine(), 60);
  }

  async #refine() {
    const view = this.view;
    if (!view)
      return;
    const ticket = ++this.#wanted;
    const points = this.#points();
    const coarse = this.lines.filter(line => line.loaded && line.isCoarse(view, points));
    if (coarse.length === 0)
      return;
    const results = await Promise.allSettled(coarse.map(line => line.load(this.options.axis, Math.round(points * 1.2), view, this.#abort.signal)));
    if (this.#abort.signal.aborted || ticket !== this.#wanted)
      return;
    const failed = results.find(result => result.status === 'rejected');
    if (failed)
      this.callbacks.loaded(String(failed.reason?.message ?? failed.reason));
    this.redraw();
  }

  #shift(distance) {
    this.view = { min: this.view.min + distance, max: this.view.max + distance };
  }

  #points() {
    return Math.min(2000, Math.max(300, Math.round(this.canvas.clientWidth)));
  }

  #resize() {
    const width = this.canvas.clientWidth, height = this.canvas.clientHeight;
    if (this.#plot && width > 0 && height > 0 && (width !== this.#plot.width || height !== this.#plot.height))
      this.#plot.setSize({ width, height });
  }

  #build() {
    this.#plot?.destroy();
    const look = () => readLook(this.host, this.options);
    const font = '11px system-ui, "PingFang SC", "Noto Sans SC", sans-serif';
    const axis = { font, stroke: () => look().text, grid: { stroke: () => look().grid, width: 1 }, ticks: { stroke: () => look().grid, width: 1, size: 4 } };
    const labelled = this.options.labels && this.canvas.clientWidth >= 560;
    this.#plot = new uPlot({
      width: Math.max(this.canvas.clientWidth, 50),
      height: Math.max(this.canvas.clientHeight, 50),
      padding: [10, labelled ? 120 : 12, 0, 0],
      legend: { show: false },
      scales: {
        x: { time: false, auto: false, range: (_, min, max) => [min, max] },
        y: { auto: false, distr: this.options.log ? 3 : 1, range: (_, min, max) => [min, max] },
      },
      axes: [
        { ...axis, size: 28, values: (_, splits) => splits.map(value => value === null ? '' : formatX(value, this.options.axis, false)) },
        { ...axis, size: 58, values: (_, splits) => splits.map(value => value === null ? '' : formatValue(value, this.options.format)) },
      ],
      series: [{}, { points: { show: false }, paths: () => null }],
      cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false }, bind: { dblclick: () => () => this.zoomTo(null) } },
      hooks: {
        draw: [u => paint(u, this.lines, { ...look(), labels: labelled && this.lines.length > 1 })],
        setSelect: [u => this.#select(u)],
        setCursor: [u => this.#cursorMoved(u)],
      },
    }, [[0, 1], [0, 1]], this.canvas);
  }

  #select(u) {
    const { left, width } = u.select;
    if (width > 4)
      this.zoomTo({ min: u.posToVal(left, 'x'), max: u.posToVal(left + width, 'x') });
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  }

  #cursorMoved(u) {
    const outside = u.cursor.left === null || u.cursor.left < 0;
    const x = outside ? null : u.posToVal(u.cursor.left, 'x');
    this.cursorX = x;
    this.legend.show(this.lines, x, this.options);
    for (const other of groups.get(this.options.group) ?? [])
      if (other !== this)
        other.setCursor(x, false);
  }

  #join(group) {
    if (group)
      groups.set(group, (groups.get(group) ?? new Set()).add(this));
  }

  #leave(group) {
    groups.get(group)?.delete(this);
  }
}
