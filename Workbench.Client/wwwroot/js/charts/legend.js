// Names, colours and values under the cursor, at places that do not move while values change.

import { formatValue, formatX } from './formats.js';
import { dashArray } from './painter.js';
import { PALETTE } from './look.js';

const SVG = 'http://www.w3.org/2000/svg';

export class Legend {
  constructor(list, live) {
    this.list = list;
    this.live = live;
    this.rows = [];
  }

  describe(lines) {
    const place = document.createElement('li');
    place.className = 'wb-chart-x';
    this.place = place;
    this.rows = lines.map(row);
    this.list.replaceChildren(place, ...this.rows.map(entry => entry.item));
  }

  /** Values at x, or the newest ones where there is no cursor. */
  show(lines, x, options) {
    if (this.rows.length !== lines.length)
      this.describe(lines);
    this.place.textContent = x === null ? '' : `${options.axisLabel} ${formatX(x, options.axis, true)}`;
    lines.forEach((line, index) => {
      this.rows[index].value.textContent = text(line, x, options);
    });
  }

  announce(lines, x, options) {
    const values = lines.map(line => `${line.label} ${text(line, x, options)}`);
    this.live.textContent = `${options.axisLabel} ${formatX(x, options.axis, true)}: ${values.join(', ')}`;
  }
}

function text(line, x, options) {
  const point = x === null ? line.valueAt(Infinity) : inside(line, x) ? line.valueAt(x) : null;
  if (!point)
    return '–';
  const mean = formatValue(point.y, options.format);
  const wide = point.max > point.min && line.kind !== 'points' && x !== null;
  return wide ? `${mean} (${formatValue(point.min, options.format)} … ${formatValue(point.max, options.format)})` : mean;
}

/** Beyond its last point a curve has no value; a reader must not take the end of a short run for its course. */
function inside(line, x) {
  if (line.base.length === 0)
    return false;
  const reach = line.base.length > 1 ? (line.base.lastX - line.base.x[0]) / (line.base.length - 1) : 1;
  return x >= line.base.x[0] - reach && x <= line.base.lastX + reach;
}

function row(line) {
  const item = document.createElement('li');
  const swatch = document.createElementNS(SVG, 'svg');
  swatch.setAttribute('width', '22');
  swatch.setAttribute('height', '10');
  swatch.setAttribute('aria-hidden', 'true');
  const stroke = document.createElementNS(SVG, 'line');
  for (const [name, value] of Object.entries({ x1: 0, y1: 5, x2: 22, y2: 5, 'stroke-width': 2.5, 'stroke-dasharray': dashArray(line) }))
    stroke.setAttribute(name, String(value));
  stroke.style.stroke = line.color < 0 ? 'var(--mud-palette-text-secondary)' : `var(--run-${line.color % PALETTE})`;
  swatch.append(stroke);
  const name = document.createElement('span');
  name.className = 'wb-chart-name';
  name.textContent = line.label;
  name.title = line.label;
  const value = document.createElement('span');
  value.className = 'wb-chart-value';
  item.append(swatch, name, value);
  return { item, value };
}
