// Draws curves, bands, marks and end labels into the plotting area that uPlot has laid out.

import { smooth, smoothingUnit } from './smoothing.js';

const DASHES = [[], [8, 4], [2, 3], [12, 3, 2, 3]];

export function paint(u, lines, look) {
  const { ctx, bbox } = u;
  const ratio = devicePixelRatio || 1;
  const px = projection(u);
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.lineJoin = 'round';
  for (const line of lines) {
    const part = line.visible(u.scales.x.min, u.scales.x.max);
    if (part.to <= part.from)
      continue;
    const color = look.color(line);
    if (line.kind === 'points')
      paintJoinedPoints(ctx, px, part, color, look, ratio);
    else
      paintCurve(ctx, px, part, line, color, look, ratio);
    paintBeyond(ctx, px, bbox, part, color, ratio);
  }
  paintMarks(ctx, px, bbox, look, ratio);
  ctx.restore();
  if (look.labels)
    paintEndLabels(ctx, px, bbox, lines, look, ratio);
}

export function projection(u) {
  const { bbox, scales } = u;
  const log = scales.y.distr === 3;
  const lift = log ? value => Math.log10(Math.max(value, scales.y.min)) : value => value;
  const low = lift(scales.y.min), high = lift(scales.y.max);
  const spanX = scales.x.max - scales.x.min || 1, spanY = high - low || 1;
  return {
    x: value => bbox.left + (value - scales.x.min) / spanX * bbox.width,
    y: value => bbox.top + (1 - (lift(value) - low) / spanY) * bbox.height,
    top: scales.y.max,
  };
}

function paintCurve(ctx, px, part, line, color, look, ratio) {
  const { store, from, to } = part;
  const smoothing = line.smooth ? look.smoothing : 0;
  ctx.strokeStyle = ctx.fillStyle = color;
  paintBand(ctx, px, part, ratio);
  ctx.globalAlpha = smoothing > 0 ? 0.3 : 1;
  ctx.lineWidth = (smoothing > 0 ? 1 : 1.6) * ratio;
  ctx.setLineDash(smoothing > 0 ? [] : dash(line, ratio));
  trace(ctx, px, store.x, store.y, from, to, 0);
  if (smoothing > 0) {
    const warm = Math.max(0, from - 200);
    const values = smooth(store.x, store.y, warm, to, smoothing, smoothingUnit(line.base));
    ctx.globalAlpha = 1;
    ctx.lineWidth = 2 * ratio;
    ctx.setLineDash(dash(line, ratio));
    trace(ctx, px, store.x, values, from, to, warm);
  }
  ctx.globalAlpha = 1;
  ctx.setLineDash([]);
}

/** The space between minimum and maximum of every bucket, with an edge: a spike of one step stays a visible line. */
function paintBand(ctx, px, { store, from, to }, ratio) {
  let banded = false;
  for (let i = from; i < to && !banded; i++)
    banded = store.max[i] > store.min[i];
  if (!banded)
    return;
  ctx.beginPath();
  for (let i = from; i < to; i++)
    ctx.lineTo(px.x(store.x[i]), px.y(Number.isNaN(store.max[i]) ? store.y[i] : store.max[i]));
  for (let i = to - 1; i >= from; i--)
    ctx.lineTo(px.x(store.x[i]), px.y(Number.isNaN(store.min[i]) ? store.y[i] : store.min[i]));
  ctx.closePath();
  ctx.globalAlpha = 0.14;
  ctx.fill();
  ctx.globalAlpha = 0.45;
  ctx.lineWidth = 1 * ratio;
  ctx.setLineDash([]);
  ctx.stroke();
}

function trace(ctx, px, x, y, from, to, shift) {
  ctx.beginPath();
  let pen = false, alone = true;
  for (let i = from; i < to; i++) {
    const value = y[i - shift];
    if (!Number.isFinite(value)) {
      pen = false;
      continue;
    }
    if (pen) {
      ctx.lineTo(px.x(x[i]), px.y(value));
      alone = false;
    } else {
      ctx.moveTo(px.x(x[i]), px.y(value));
    }
    pen = true;
  }
  ctx.stroke();
  if (alone && pen)
    dot(ctx, px.x(x[to - 1]), px.y(y[to - 1 - shift]), ctx.lineWidth * 1.5, true);
}

function paintJoinedPoints(ctx, px, { store, from, to }, color, look, ratio) {
  ctx.strokeStyle = color;
  ctx.lineWidth = 1.5 * ratio;
  ctx.setLineDash([3 * ratio, 3 * ratio]);
  trace(ctx, px, store.x, store.y, from, to, 0);
  ctx.setLineDash([]);
  if (to - from > 200)
    return;
  for (let i = from; i < to; i++) {
    if (!Number.isFinite(store.y[i]))
      continue;
    ctx.fillStyle = look.surface;
    dot(ctx, px.x(store.x[i]), px.y(store.y[i]), 3.5 * ratio, true);
    dot(ctx, px.x(store.x[i]), px.y(store.y[i]), 3.5 * ratio, false);
  }
}

function dot(ctx, x, y, radius, filled) {
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, 2 * Math.PI);
  if (filled)
    ctx.fill();
  else
    ctx.stroke();
}

/** What lies above the chosen range is not hidden: an arrow at the upper edge says so. */
function paintBeyond(ctx, px, bbox, { store, from, to }, color, ratio) {
  ctx.fillStyle = color;
  let last = -Infinity;
  for (let i = from; i < to; i++) {
    const beyond = store.max[i] > px.top * (1 + 1e-9) || store.y[i] === Infinity;
    const x = px.x(store.x[i]);
    if (!beyond || x - last < 8 * ratio)
      continue;
    last = x;
    const top = bbox.top + 1 * ratio, size = 5 * ratio;
    ctx.beginPath();
    ctx.moveTo(x, top);
    ctx.lineTo(x - size, top + size * 1.4);
    ctx.lineTo(x + size, top + size * 1.4);
    ctx.closePath();
    ctx.fill();
  }
}

function paintMarks(ctx, px, bbox, look, ratio) {
  for (const mark of look.marks) {
    const x = px.x(mark.x);
    if (x < bbox.left - 1 || x > bbox.left + bbox.width + 1)
      continue;
    const bottom = bbox.top + bbox.height;
    const color = mark.kind === 'alert' ? look.alert : mark.kind === 'best' ? look.best : look.faint;
    ctx.strokeStyle = ctx.fillStyle = color;
    ctx.lineWidth = 1 * ratio;
    if (mark.kind !== 'checkpoint') {
      ctx.setLineDash([2 * ratio, 4 * ratio]);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bottom);
      ctx.stroke();
      ctx.setLineDash([]);
    }
    ctx.font = `${(mark.kind === 'checkpoint' ? 9 : 13) * ratio}px system-ui, sans-serif`;
    ctx.textAlign = 'center';
    ctx.textBaseline = mark.kind === 'checkpoint' ? 'bottom' : 'top';
    const glyph = mark.kind === 'alert' ? '⚠' : mark.kind === 'best' ? '★' : '◆';
    ctx.fillText(glyph, x, mark.kind === 'checkpoint' ? bottom - 1 * ratio : bbox.top + 1 * ratio);
  }
}

/** Names at the right end of the curves, pushed apart where they would cover each other. */
function paintEndLabels(ctx, px, bbox, lines, look, ratio) {
  const height = 13 * ratio;
  const ends = [];
  for (const line of lines) {
    const part = line.visible(-Infinity, Infinity);
    let i = part.to - 1;
    while (i >= part.from && !Number.isFinite(part.store.y[i]))
      i--;
    if (i < part.from)
      continue;
    const y = px.y(part.store.y[i]);
    ends.push({ line, y: Math.min(Math.max(y, bbox.top), bbox.top + bbox.height) });
  }
  ends.sort((a, b) => a.y - b.y);
  for (let i = 1; i < ends.length; i++)
    ends[i].y = Math.max(ends[i].y, ends[i - 1].y + height);
  const floor = bbox.top + bbox.height;
  for (let i = ends.length - 1, limit = floor; i >= 0; i--, limit -= height)
    ends[i].y = Math.min(ends[i].y, limit);
  ctx.save();
  ctx.font = `600 ${11 * ratio}px system-ui, "PingFang SC", "Noto Sans SC", sans-serif`;
  ctx.textBaseline = 'middle';
  ctx.textAlign = 'left';
  for (const end of ends) {
    ctx.fillStyle = look.color(end.line);
    ctx.fillText(shorten(ctx, end.line.label, look.labelWidth * ratio), bbox.left + bbox.width + 6 * ratio, end.y);
  }
  ctx.restore();
}

function shorten(ctx, text, width) {
  if (ctx.measureText(text).width <= width)
    return text;
  let length = text.length;
  while (length > 1 && ctx.measureText(text.slice(0, length) + '…').width > width)
    length--;
  return text.slice(0, length) + '…';
}

function dash(line, ratio) {
  return DASHES[line.dash % DASHES.length].map(part => part * ratio);
}

/** The same dash as a CSS-free SVG attribute, for the legend. */
export function dashArray(line) {
  return line.kind === 'points' ? '3 3' : DASHES[line.dash % DASHES.length].join(' ');
}
