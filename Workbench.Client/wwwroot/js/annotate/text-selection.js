// The selected stretch of the text: the browser's own selection, kept on whole characters, and a caret for the keyboard.

export class TextSelection {
  #passage;
  #caret;
  #changed;
  #column = null;
  #listen = () => this.sync();

  constructor(passage, caret, changed) {
    this.#passage = passage;
    this.#caret = caret;
    this.#changed = changed;
    this.anchor = this.focus = 0;
    this.words = false;
    document.addEventListener('selectionchange', this.#listen);
  }

  /** Start and end without blanks at the ends; null for a caret. */
  get range() {
    if (this.anchor === this.focus)
      return null;
    let [start, end] = this.characters.snap(Math.min(this.anchor, this.focus), Math.max(this.anchor, this.focus));
    if (this.words)
      [start, end] = this.characters.growToWords(start, end);
    return this.characters.trim(start, end);
  }

  dispose() {
    document.removeEventListener('selectionchange', this.#listen);
  }

  reset(characters) {
    this.characters = characters;
    this.anchor = this.focus = 0;
  }

  /** Moves the caret, or with extend the free end of the selection. */
  set(anchor, focus, reveal = true) {
    [this.anchor, this.focus] = [anchor, focus];
    this.show(reveal);
    this.#changed();
  }

  move(key, extend, byWord) {
    const characters = this.characters;
    const [start, end] = [Math.min(this.anchor, this.focus), Math.max(this.anchor, this.focus)];
    const line = this.#passage.lineOf(this.focus);
    const rightToLeft = this.#passage.lines[line].element.dir === 'rtl';
    const forward = (key === 'ArrowRight') !== rightToLeft;
    let to;
    if (key === 'ArrowLeft' || key === 'ArrowRight') {
      if (!extend && start !== end && !byWord)
        to = forward ? end : start;
      else if (byWord)
        to = forward ? characters.nextWord(this.focus) : characters.previousWord(this.focus);
      else
        to = forward ? characters.next(this.focus) : characters.previous(this.focus);
      this.#column = null;
    } else if (key === 'Home' || key === 'End') {
      const { lines } = this.#passage;
      to = byWord ? (key === 'Home' ? 0 : characters.text.length) : key === 'Home' ? lines[line].start : lines[line].shown;
      this.#column = null;
    } else {
      this.#column ??= this.#passage.caret(this.focus).x;
      const target = line + (key === 'ArrowDown' ? 1 : -1);
      to = target < 0 ? 0 : target >= this.#passage.lines.length ? characters.text.length : this.#inLine(target, this.#column);
    }
    const column = this.#column;
    this.set(extend ? this.anchor : to, to);
    this.#column = column;
  }

  /** Gives the browser the selection and puts the caret there. */
  show(reveal) {
    const { lines } = this.#passage;
    if (lines.length === 0)
      return;
    const selection = getSelection();
    const [node, at] = this.#passage.place(this.anchor);
    const [focusNode, focusAt] = this.#passage.place(this.focus);
    if (this.#free && (selection.anchorNode !== node || selection.anchorOffset !== at || selection.focusNode !== focusNode || selection.focusOffset !== focusAt))
      selection.setBaseAndExtent(node, at, focusNode, focusAt);
    const { line, x } = this.#passage.caret(this.focus);
    const top = lines[line].baseline - this.#passage.textHeight;
    this.#caret.style.transform = `translate(${x}px, ${top}px)`;
    this.#caret.style.height = `${this.#passage.textHeight}px`;
    if (reveal)
      lines[line].element.scrollIntoView({ block: 'nearest' });
  }

  #inLine(index, x) {
    const line = this.#passage.lines[index];
    let best = line.start;
    let nearest = Infinity;
    for (let at = line.start; ; at = this.characters.next(at)) {
      const apart = Math.abs(this.#passage.caret(at).x - x);
      if (apart < nearest && (at < line.end || index === this.#passage.lines.length - 1))
        [nearest, best] = [apart, at];
      if (at >= line.shown)
        return best;
    }
  }

  /** Where somebody types or walks through a list, the browser's selection is not this one. */
  get #free() {
    const active = document.activeElement;
    return !active || active === document.body || this.#passage.host.parentElement.contains(active);
  }

  /** Takes over what the browser selected; a fast key may come before the browser has told. */
  sync() {
    const selection = getSelection();
    if (!this.#free || this.#passage.lines.length === 0 || !selection.anchorNode || !this.#passage.host.contains(selection.anchorNode) || !this.#passage.host.contains(selection.focusNode))
      return;
    const anchor = this.#passage.offset(selection.anchorNode, selection.anchorOffset);
    const focus = this.#passage.offset(selection.focusNode, selection.focusOffset);
    if (anchor === null || focus === null)
      return;
    const [node, at] = this.#passage.place(this.anchor);
    const [focusNode, focusAt] = this.#passage.place(this.focus);
    if (node === selection.anchorNode && at === selection.anchorOffset && focusNode === selection.focusNode && focusAt === selection.focusOffset)
      return;
    [this.anchor, this.focus] = [anchor, focus];
    this.#column = null;
    this.#changed();
  }
}
