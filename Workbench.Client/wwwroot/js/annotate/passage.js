// The text as lines of known place: the browser breaks it once, then every line is an element of its own with room above for relations and below for
// entities. Where words stand within a line is measured once; painting after a key measures nothing.

export class Passage {
  #host;
  #lines = [];
  #extents = new Map();
  #carets = new Map();

  constructor(host) {
    this.#host = host;
    this.text = '';
  }

  /** The element that holds the lines. */
  get host() {
    return this.#host;
  }

  get lines() {
    return this.#lines;
  }

  /** Breaks the text anew; needed for a new text, width or font. */
  lay(text) {
    this.text = text;
    this.#extents.clear();
    this.#carets.clear();
    const starts = this.#breaks();
    const lines = [];
    for (let i = 0; i < starts.length; i++) {
      const end = starts[i + 1]?.start ?? text.length;
      const element = document.createElement('div');
      element.className = 'wb-line';
      element.dir = starts[i].rtl ? 'rtl' : 'ltr';
      const shown = text.slice(starts[i].start, end).replace(/\r?\n$/, '');
      const node = document.createTextNode(shown);
      element.append(node);
      lines.push({ start: starts[i].start, end, shown: starts[i].start + shown.length, element, node, above: -1, below: -1, top: 0, baseline: 0 });
    }
    this.#lines = lines;
    this.#host.replaceChildren(...lines.map(line => line.element));
    this.textHeight = parseFloat(getComputedStyle(this.#host).lineHeight) || 26;
    this.width = this.#host.clientWidth;
  }

  /** Gives every line its room; true when a line moved. */
  room(above, below) {
    let moved = false;
    let top = 0;
    this.#lines.forEach((line, i) => {
      if (line.above !== above[i] || line.below !== below[i]) {
        line.element.style.paddingTop = `${above[i]}px`;
        line.element.style.paddingBottom = `${below[i]}px`;
        [line.above, line.below, moved] = [above[i], below[i], true];
      }
      line.top = top;
      line.baseline = top + above[i] + this.textHeight;
      top += above[i] + this.textHeight + below[i];
    });
    this.height = top;
    return moved;
  }

  lineOf(offset) {
    let low = 0;
    let high = this.#lines.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#lines[middle].start <= offset)
        low = middle;
      else
        high = middle - 1;
    }
    return low;
  }

  /** Pieces of a stretch, one for each line (more in text of mixed direction): line, left, right. */
  pieces(start, end) {
    const key = start * 1_000_003 + end;
    let known = this.#extents.get(key);
    if (!known) {
      known = this.#measure(start, end);
      this.#extents.set(key, known);
    }
    return known;
  }

  /** Where a caret stands: line and distance from the left. */
  caret(offset) {
    const known = this.#carets.get(offset);
    if (known)
      return known;
    const index = this.lineOf(offset);
    const line = this.#lines[index];
    const at = Math.min(offset, line.shown) - line.start;
    const range = document.createRange();
    range.setStart(line.node, at);
    range.collapse(true);
    const box = range.getClientRects()[0] ?? line.element.getBoundingClientRect();
    const found = { line: index, x: box.left - this.#host.getBoundingClientRect().left };
    this.#carets.set(offset, found);
    return found;
  }

  /** The node and place in it of an offset, for the browser's own selection. */
  place(offset) {
    const line = this.#lines[this.lineOf(offset)];
    return [line.node, Math.min(offset, line.shown) - line.start];
  }

  /** The offset of a place that the browser names; null outside the text. */
  offset(node, at) {
    if (node === this.#host)
      return this.#lines[at]?.start ?? this.text.length;
    const line = this.#lines.find(one => one.element === node || one.node === node);
    if (!line)
      return null;
    return node === line.node ? line.start + at : at === 0 ? line.start : line.shown;
  }

  /** The offset under a point of the window; null where there is no text. */
  offsetAt(x, y) {
    if (document.caretPositionFromPoint) {
      const found = document.caretPositionFromPoint(x, y);
      return found && this.#host.contains(found.offsetNode) ? this.#under(found.offsetNode, found.offset, x, y) : null;
    }
    const range = document.caretRangeFromPoint?.(x, y);
    return range && this.#host.contains(range.startContainer) ? this.#under(range.startContainer, range.startOffset, x, y) : null;
  }

  /** Carets stand between characters; the pointer is on one of them. */
  #under(node, at, x, y) {
    const offset = this.offset(node, at);
    if (offset === null || node.nodeType !== Node.TEXT_NODE)
      return offset;
    const range = document.createRange();
    for (const place of [at - 1, at]) {
      if (place < 0 || place >= node.length)
        continue;
      range.setStart(node, place);
      range.setEnd(node, place + 1);
      for (const box of range.getClientRects())
        if (box.left <= x && x <= box.right && box.top <= y && y <= box.bottom)
          return offset - at + place;
    }
    return offset;
  }

  #measure(start, end) {
    const pieces = [];
    const left = this.#host.getBoundingClientRect().left;
    const range = document.createRange();
    for (let i = this.lineOf(start); i < this.#lines.length && this.#lines[i].start < end; i++) {
      const line = this.#lines[i];
      const [from, to] = [Math.max(start, line.start), Math.min(end, line.shown)];
      if (from >= to)
        continue;
      range.setStart(line.node, from - line.start);
      range.setEnd(line.node, to - line.start);
      let last = null;
      for (const box of range.getClientRects()) {
        if (box.width === 0)
          continue;
        if (last && Math.abs(last.right - (box.left - left)) < 1) {
          last.right = box.right - left;
          continue;
        }
        last = { line: i, left: box.left - left, right: box.right - left };
        pieces.push(last);
      }
    }
    return pieces;
  }

  /** Lets the browser break the paragraphs and reads where it did. */
  #breaks() {
    const starts = [];
    const paragraphs = this.text.split(/(?<=\n)/);
    const elements = paragraphs.map(paragraph => {
      const element = document.createElement('div');
      element.className = 'wb-paragraph';
      element.dir = 'auto';
      element.textContent = paragraph.replace(/\r?\n$/, '');
      return element;
    });
    this.#host.replaceChildren(...elements);
    const range = document.createRange();
    let offset = 0;
    paragraphs.forEach((paragraph, i) => {
      const node = elements[i].firstChild;
      const rtl = getComputedStyle(elements[i]).direction === 'rtl';
      starts.push({ start: offset, rtl });
      if (node) {
        const topOf = at => {
          range.setStart(node, at);
          range.setEnd(node, at + 1);
          return range.getBoundingClientRect().top;
        };
        let guess = 40;
        for (let from = 0; ;) {
          const top = topOf(from) + 2;
          // The first character that stands lower: look where the last line's length suggests, then halve.
          let low = from;
          let high = from + guess * 2;
          while (high < node.length && topOf(high) <= top + 4)
            [low, high] = [high, high + guess * 2];
          if (high >= node.length) {
            high = node.length;
            if (topOf(node.length - 1) <= top + 4)
              break;
          }
          while (high - low > 1) {
            const middle = (low + high) >> 1;
            if (topOf(middle) > top + 4)
              high = middle;
            else
              low = middle;
          }
          starts.push({ start: offset + high, rtl });
          guess = Math.max(8, high - from);
          from = high;
        }
      }
      offset += paragraph.length;
    });
    return starts;
  }
}
