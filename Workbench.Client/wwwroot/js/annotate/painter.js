// Draws what is marked: tints and bars for entities with their names and letters, arcs for relations. Everything in one SVG over the text, written
// anew as a whole; places come from the passage, which has measured them before.

import { labelWidth, layArcs, layBars } from './arc-layout.js';

const ROW = 16;
const BAR = 17;
const MOST_TRACKS = 7;

export class Painter {
  #passage;
  #svg;
  #schema;

  constructor(passage, svg, schema) {
    this.#passage = passage;
    this.#svg = svg;
    this.#schema = schema;
    this.gutter = 0;
  }

  /** @param look selected {kind, id}, relations (those to draw), badges (id → letter), lit (ids that may be picked, or null), suggested */
  paint(graph, look) {
    const passage = this.#passage;
    const spans = [...graph.spans.values()];
    const levels = layBars(spans);
    const count = passage.lines.length;
    const below = new Array(count).fill(0);
    const drawn = spans.map(span => ({ span, level: levels.get(span.id), pieces: passage.pieces(span.start, span.end) }));
    for (const { level, pieces } of drawn)
      for (const piece of pieces)
        below[piece.line] = Math.max(below[piece.line], level + 1);
    const ends = this.#ends(drawn, look.relations);
    const { paths, rows } = layArcs(ends, count, this.gutter);
    passage.room(rows.map(row => row === 0 ? 2 : row * ROW + 8), below.map(level => level === 0 ? 2 : level * BAR + 5));
    const out = [];
    for (const mark of drawn)
      this.#mark(out, graph, mark, look);
    for (const path of paths)
      this.#arc(out, path, look);
    this.#svg.setAttribute('height', passage.height);
    this.#svg.innerHTML = out.join('');
  }

  /** Where arcs leave and arrive: side by side on their entity, in the order of the other ends, so that they do not cross at once. */
  #ends(drawn, relations) {
    const byId = new Map(drawn.filter(mark => mark.pieces.length > 0).map(mark => [mark.span.id, mark]));
    const whole = relations.filter(relation => byId.has(relation.head) && byId.has(relation.tail));
    const at = new Map();
    for (const relation of whole) {
      for (const [id, other] of [[relation.head, relation.tail], [relation.tail, relation.head]]) {
        if (!at.has(id))
          at.set(id, []);
        at.get(id).push({ relation, other: byId.get(other).span.start });
      }
    }
    const place = (id, relation) => {
      const list = at.get(id);
      if (!list.sorted) {
        list.sort((a, b) => a.other - b.other);
        list.sorted = true;
      }
      const { line, left, right } = byId.get(id).pieces[0];
      const index = list.findIndex(one => one.relation === relation);
      return { line, x: left + (right - left) * (index + 1) / (list.length + 1) };
    };
    return whole.map(relation => ({ relation, name: relation.type, from: place(relation.head, relation), to: place(relation.tail, relation), hue: this.#schema.color(byId.get(relation.head).span) }));
  }

  #mark(out, graph, { span, level, pieces }, look) {
    const { lines, textHeight } = this.#passage;
    const chosen = look.selected?.kind === 'span' && look.selected.id === span.id;
    const state = (chosen ? ' wb-chosen' : '') + (look.lit ? look.lit.has(span.id) ? ' wb-lit' : ' wb-dim' : '') + (span.type ? '' : ' wb-untyped');
    out.push(`<g class="wb-mark${state}" style="--entity:${this.#schema.color(span)}" data-span="${escape(span.id)}">`);
    pieces.forEach((piece, i) => {
      const line = lines[piece.line];
      const width = Math.max(3, piece.right - piece.left);
      out.push(`<rect class="wb-tint" x="${piece.left}" y="${line.baseline - textHeight + 1}" width="${width}" height="${textHeight - 1}" rx="2"/>`);
      const y = line.baseline + level * BAR + 1;
      out.push(`<rect class="wb-bar-of" x="${piece.left + 0.5}" y="${y}" width="${width - 1}" height="3" rx="1.5"/>`);
      if (i > 0)
        return;
      const badge = look.badges?.get(span.id);
      const name = span.type || '?';
      const all = labelWidth(name) + (badge ? 14 : 0);
      out.push(`<rect class="wb-grip" x="${piece.left}" y="${y - 1}" width="${Math.max(width, all)}" height="${BAR}"/>`);
      let x = piece.left + 1;
      if (badge) {
        out.push(`<rect class="wb-badge" x="${x}" y="${y + 4}" width="12" height="12" rx="3"/><text class="wb-badge-letter" x="${x + 6}" y="${y + 13.5}">${badge}</text>`);
        x += 14;
      }
      const room = this.#roomFor(graph, span, piece) - (badge ? 14 : 0);
      out.push(`<text class="wb-type-name" x="${x}" y="${y + 14}">${escape(fit(name, room))}</text>`);
    });
    out.push('</g>');
  }

  /** Width until the next entity of the line begins. */
  #roomFor(graph, span, piece) {
    let right = this.#passage.width + this.gutter;
    for (const other of graph.spans.values()) {
      if (other.start <= span.start || other.start >= this.#passage.lines[piece.line].end)
        continue;
      const first = this.#passage.pieces(other.start, other.end)[0];
      if (first?.line === piece.line && first.left > piece.left)
        right = Math.min(right, first.left);
    }
    return right - piece.left;
  }

  #arc(out, { arc, head, tail, center, track }, look) {
    const { lines, textHeight } = this.#passage;
    const chosen = look.selected?.kind === 'relation' && look.selected.id === arc.relation.id;
    const near = look.selected?.kind === 'span' && (arc.relation.head === look.selected.id || arc.relation.tail === look.selected.id);
    const state = chosen ? ' wb-chosen' : near ? ' wb-near' : look.selected ? ' wb-far' : '';
    const y = (line, run) => lines[line].top + lines[line].above - 8 - run.row * ROW;
    const foot = line => lines[line].baseline - textHeight + 2;
    const [from, to] = [arc.from, arc.to];
    const [y1, y2] = [y(from.line, head), y(to.line, tail)];
    let d;
    if (track < 0) {
      d = `M${from.x} ${foot(from.line)}V${y1}H${to.x}V${foot(to.line) - 4}`;
    } else {
      const x = -5 - (track % MOST_TRACKS) * ((this.gutter - 8) / MOST_TRACKS);
      d = `M${from.x} ${foot(from.line)}V${y1}H${x}V${y2}H${to.x}V${foot(to.line) - 4}`;
    }
    const tip = foot(to.line);
    out.push(`<g class="wb-arc-of${state}" style="--entity:${arc.hue}" data-relation="${escape(arc.relation.id)}"><path class="wb-arc-hit" d="${d}"/><path class="wb-arc-line" d="${d}"/>`
      + `<path class="wb-arc-tip" d="M${to.x - 4} ${tip - 5}h8l-4 6z"/><text class="wb-arc-name" x="${center}" y="${y1 + 4}">${escape(arc.name)}</text></g>`);
  }
}

function fit(name, room) {
  if (labelWidth(name) <= room + 6)
    return name;
  let cut = name;
  while (cut.length > 0 && labelWidth(cut) + 4 > room)
    cut = [...cut].slice(0, -1).join('');
  return cut.length > 0 ? `${cut}…` : '';
}

export function escape(text) {
  return text.replace(/[&<>"]/g, letter => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[letter]);
}
