// Arcs from head to tail over a passage, measured from where the words stand, drawn anew when they move.

const SVG = 'http://www.w3.org/2000/svg';

export function drawArcs(host) {
  let layer = null;
  const redraw = () => {
    layer?.remove();
    layer = paint(host);
  };
  const observer = new ResizeObserver(redraw);
  observer.observe(host);
  document.fonts?.ready.then(redraw);
  return {
    redraw,
    dispose() {
      observer.disconnect();
      layer?.remove();
    },
  };
}

function paint(host) {
  const arcs = JSON.parse(host.dataset.arcs || '[]');
  const frame = host.getBoundingClientRect();
  if (arcs.length === 0 || frame.width === 0)
    return null;
  const svg = node('svg', { class: 'wb-arcs', width: frame.width, height: frame.height, 'aria-hidden': 'true' });
  const levels = new Map();
  for (const [head, tail, label] of arcs) {
    const ends = nearest(places(host, head, frame), places(host, tail, frame));
    if (ends)
      svg.append(...arc(...ends, label, levels));
  }
  host.append(svg);
  return svg;
}

function places(host, index, frame) {
  return [...host.querySelectorAll(`[data-entity="${index}"]`)].map(mark => {
    const box = mark.getClientRects()[0];
    return { x: box.left - frame.left + box.width / 2, y: box.top - frame.top, hue: getComputedStyle(mark).color };
  });
}

/** The two mentions that stand closest, rather on one line: an arc across lines would cut through words. */
function nearest(heads, tails) {
  let best = null;
  for (const from of heads) {
    for (const to of tails) {
      const apart = Math.abs(from.x - to.x) + 20 * Math.abs(from.y - to.y);
      if (!best || apart < best.apart)
        best = { apart, ends: [from, to] };
    }
  }
  return best?.ends;
}

/** Arcs that leave the same line rise one step higher each, so that their labels stay apart. */
function arc(from, to, label, levels) {
  const line = Math.round(Math.min(from.y, to.y));
  const level = levels.get(line) ?? 0;
  levels.set(line, level + 1);
  const top = line - 12 - 13 * (level % 3);
  const inset = from.x < to.x ? 4 : -4;
  const x1 = from.x + inset;
  const x2 = to.x - inset;
  const bend = Math.min(8, Math.abs(x2 - x1) / 2) * Math.sign(x2 - x1 || 1);
  const path = node('path', {
    d: `M${x1} ${from.y} V${top + 6} Q${x1} ${top} ${x1 + bend} ${top} H${x2 - bend} Q${x2} ${top} ${x2} ${top + 6} V${to.y - 4}`,
    class: 'wb-arc', stroke: from.hue,
  });
  const tip = node('path', { d: `M${x2 - 4} ${to.y - 5} h8 l-4 5z`, fill: from.hue });
  const text = node('text', { x: (x1 + x2) / 2, y: top + 4, class: 'wb-arc-label', fill: from.hue });
  text.textContent = label;
  return [path, tip, text];
}

function node(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes))
    element.setAttribute(key, value);
  return element;
}
