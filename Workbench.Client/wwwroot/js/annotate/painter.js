// Draws what is marked: tints and bars for entities with their names and letters, arcs for relations, in one SVG over the text. Places come from the
// passage, which has measured them before; only what looks different from the last time is written.

import { labelWidth, layArcs, layBars } from './arc-layout.js';

const ROW = 16;
const BAR = 17;
const MOST_TRACKS = 7;

export class Painter {
  #passage;
  #svg;
  #schema;
  #marks;
  #arcs;

  constructor(passage, svg, schema) {
    this.#passage = passage;
    this.#svg = svg;
    this.#schema = schema;
    this.gutter = 0;
    svg.replaceChildren();
    this.#marks = new Layer(svg);
    this.#arcs = new Layer(svg);
  }

  /** @param look selected {kind, id}, relations (those to draw), badges (id → letter), lit (ids that may be picked, or null), suggested */
  paint(graph, look) {
    const passage = this.#passage;
    const spans = look.suggested?.spans ?? [...graph.spans.values()];
    const levels = layBars(spans);
    const count = passage.lines.length;
    const below = new Array(count).fill(0);
    const drawn = spans.map(span => ({ span, level: levels.get(span.id), pieces: passage.pieces(span.start, span.end) }));
    for (const { level, pieces } of drawn)
      for (const piece of pieces)
        below[piece.line] = Math.max(below[piece.line], level + 1);
    const ends = this.#ends(drawn, [...look.relations, ...look.suggested?.relations ?? []]);
    const { paths, rows } = layArcs(ends, count, this.gutter);
    passage.room(rows.map(row => row === 0 ? 2 : row * ROW + 8), below.map(level => level === 0 ? 2 : level * BAR + 5));
    this.#svg.setAttribute('height', passage.height);
    // Far from the chosen one they fade; one class on the whole does that.
    this.#svg.classList.toggle('wb-has-choice', Boolean(look.selected));
    const starts = this.#starts(drawn);
    this.#marks.write(new Map(drawn.map(mark => [mark.span.id, this.#mark(mark, look, starts)])));
    this.#arcs.write(new Map(paths.map(path => [path.arc.relation.id, this.#arc(path, look)])));
  }

  #hint(id, look) {
    return !look.suggested?.ids.has(id) ? '' : id === look.suggested.current ? ' wb-suggested wb-current' : ' wb-suggested';
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

  #mark({ span, level, pieces }, look, starts) {
    const out = [];
    const { lines, textHeight } = this.#passage;
    const chosen = look.selected?.kind === 'span' && look.selected.id === span.id;
    const state = (chosen ? ' wb-chosen' : '') + (look.lit ? look.lit.has(span.id) ? ' wb-lit' : ' wb-dim' : '') + (span.type ? '' : ' wb-untyped') + this.#hint(span.id, look);
    out.push(`<g class="wb-mark${state}" style="--entity:${this.#schema.color(span)}" data-span="${escape(span.id)}">`);
    const badge = look.badges?.get(span.id);
    const name = span.type || '?';
    const all = labelWidth(name) + (badge ? 14 : 0);
    // The name stands under the first piece that leaves room for it before the text's edge.
    const named = Math.max(0, pieces.findIndex(piece => this.#passage.width - piece.left >= all));
    pieces.forEach((piece, i) => {
      const line = lines[piece.line];
      const width = Math.max(3, piece.right - piece.left);
      out.push(`<rect class="wb-tint" x="${piece.left}" y="${line.baseline - textHeight + 1}" width="${width}" height="${textHeight - 1}" rx="2"/>`);
      const y = line.baseline + level * BAR + 1;
      out.push(`<rect class="wb-bar-of" x="${piece.left + 0.5}" y="${y}" width="${width - 1}" height="3" rx="1.5"/>`);
      if (i !== named)
        return;
      out.push(`<rect class="wb-grip" x="${piece.left}" y="${y - 1}" width="${Math.max(width, all)}" height="${BAR}"/>`);
      let x = piece.left + 1;
      if (badge) {
        out.push(`<rect class="wb-badge" x="${x}" y="${y + 4}" width="12" height="12" rx="3"/><text class="wb-badge-letter" x="${x + 6}" y="${y + 13.5}">${badge}</text>`);
        x += 14;
      }
      const right = starts[piece.line].find(left => left > piece.left) ?? this.#passage.width + 8;
      const room = right - piece.left - (badge ? 14 : 0);
      out.push(`<text class="wb-type-name" x="${x}" y="${y + 14}">${escape(fit(name, room))}</text>`);
    });
    out.push('</g>');
    return out.join('');
  }

  /** Where entities begin on every line: a name ends before the next one. */
  #starts(drawn) {
    const starts = this.#passage.lines.map(() => []);
    for (const { pieces } of drawn)
      if (pieces.length > 0)
        starts[pieces[0].line].push(pieces[0].left);
    for (const line of starts)
      line.sort((a, b) => a - b);
    return starts;
  }

  #arc({ arc, head, tail, center, track }, look) {
    const { lines, textHeight } = this.#passage;
    const chosen = look.selected?.kind === 'relation' && look.selected.id === arc.relation.id;
    const near = look.selected?.kind === 'span' && (arc.relation.head === look.selected.id || arc.relation.tail === look.selected.id);
    const state = (chosen ? ' wb-chosen' : near ? ' wb-near' : '') + this.#hint(arc.relation.id, look);
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
    return `<g class="wb-arc-of${state}" style="--entity:${arc.hue}" data-relation="${escape(arc.relation.id)}"><path class="wb-arc-hit" d="${d}"/><path class="wb-arc-line" d="${d}"/>`
      + `<path class="wb-arc-tip" d="M${to.x - 4} ${tip - 5}h8l-4 6z"/><text class="wb-arc-name" x="${center}" y="${y1 + 4}">${escape(arc.name)}</text></g>`;
  }
}

/** Pictures by name; those that look as before stay. */
class Layer {
  #group;
  #shown = new Map();

  constructor(svg) {
    this.#group = document.createElementNS(svg.namespaceURI, 'g');
    svg.append(this.#group);
  }

  write(pictures) {
    for (const [name, { element }] of this.#shown) {
      if (pictures.has(name))
        continue;
      element.remove();
      this.#shown.delete(name);
    }
    const changed = [...pictures].filter(([name, html]) => this.#shown.get(name)?.html !== html);
    if (changed.length === 0)
      return;
    const fresh = document.createElementNS(this.#group.namespaceURI, 'g');
    fresh.innerHTML = changed.map(([, html]) => html).join('');
    for (const [name, html] of changed) {
      const element = fresh.firstElementChild;
      const old = this.#shown.get(name)?.element;
      if (old)
        old.replaceWith(element);
      else
        this.#group.append(element);
      this.#shown.set(name, { html, element });
    }
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
