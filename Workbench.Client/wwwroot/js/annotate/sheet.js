// The paper with one text: its lines, what is drawn over them, the selection in it. Laid anew when text or width change, painted after every change.

import { Badges } from './badges.js';
import { Characters } from './characters.js';
import { Painter } from './painter.js';
import { Passage } from './passage.js';
import { TextSelection } from './text-selection.js';

export class Sheet {
  #parts;
  #badges = new Badges();
  #observer;
  #painter = null;

  constructor(parts, selectionChanged) {
    this.#parts = parts;
    this.passage = new Passage(parts.text);
    this.selection = new TextSelection(this.passage, parts.caret, selectionChanged);
    this.selection.reset(new Characters('', []));
    this.#observer = new ResizeObserver(() => {
      if (this.#painter && this.graph && parts.text.clientWidth !== this.passage.width)
        this.lay();
    });
    this.#observer.observe(parts.text);
    document.fonts?.ready.then(() => this.lay());
  }

  /** @param repaint called when the sheet was laid by itself */
  start(schema, repaint) {
    this.#painter = new Painter(this.passage, this.#parts.svg, schema);
    this.repaint = repaint;
  }

  dispose() {
    this.#observer.disconnect();
    this.selection.dispose();
  }

  /** Another graph; a fresh one begins with the caret at its start. */
  show(graph, longClusters, fresh) {
    this.graph = graph;
    this.longClusters = longClusters;
    if (fresh) {
      this.#badges.clear();
      this.selection.reset(new Characters('', []));
    }
    this.lay();
  }

  lay() {
    if (!this.#painter || !this.graph)
      return;
    const { anchor, focus } = this.selection;
    const { text } = this.graph;
    this.#painter.gutter = parseFloat(getComputedStyle(this.#parts.text).marginLeft) || 0;
    this.passage.lay(text);
    this.selection.reset(new Characters(text, this.longClusters));
    this.repaint();
    this.selection.set(Math.min(anchor, text.length), Math.min(focus, text.length), false);
  }

  paint(look) {
    this.#painter.paint(this.graph, look);
    this.selection.show(false);
  }

  badges(picker) {
    return this.#badges.of(this.graph, picker, this.selection.focus);
  }

  reveal(span) {
    this.passage.lines[this.passage.lineOf(span.start)].element.scrollIntoView({ block: 'nearest' });
    this.selection.set(span.start, span.start, false);
  }

  visible(span) {
    const line = this.passage.lines[this.passage.lineOf(span.start)];
    const top = this.#parts.text.getBoundingClientRect().top + line.baseline;
    return top > 0 && top - this.passage.textHeight < innerHeight;
  }

  /** Puts the menu under an entity. */
  place(menu, span) {
    const piece = this.passage.pieces(span.start, span.end)[0];
    const line = this.passage.lines[piece.line];
    const left = Math.min(piece.left + this.#painter.gutter, this.#parts.paper.clientWidth - menu.offsetWidth - 4);
    menu.style.transform = `translate(${Math.max(0, left)}px, ${line.baseline + line.below + 2}px)`;
    menu.scrollIntoView({ block: 'nearest' });
  }
}
