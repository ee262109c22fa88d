// Places in a text that a reader would call characters, and words. The server says which characters are longer than one UTF-16 unit, so that page
// and engine never disagree about them.

const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;

export class Characters {
  #inside = new Map();
  #length = new Map();
  #words = null;

  /** @param {number[]} long place and length of every longer character, in pairs */
  constructor(text, long) {
    this.text = text;
    for (let i = 0; i < long.length; i += 2) {
      this.#length.set(long[i], long[i + 1]);
      for (let at = 1; at < long[i + 1]; at++)
        this.#inside.set(long[i] + at, long[i]);
    }
  }

  next(at) {
    return Math.min(this.text.length, at + (this.#length.get(at) ?? 1));
  }

  previous(at) {
    return at <= 0 ? 0 : this.floor(at - 1);
  }

  floor(at) {
    return this.#inside.get(at) ?? at;
  }

  ceiling(at) {
    const start = this.#inside.get(at);
    return start === undefined ? at : start + this.#length.get(start);
  }

  /** The smallest stretch of whole characters. */
  snap(start, end) {
    return [this.floor(start), this.ceiling(end)];
  }

  /** Without blanks at its ends; nothing where it holds nothing else. */
  trim(start, end) {
    while (start < end && /\s/u.test(this.text[start]))
      start = this.next(start);
    while (end > start && /\s/u.test(this.text[this.previous(end)]))
      end = this.previous(end);
    return start < end ? [start, end] : null;
  }

  /** The next place where a word begins or ends. */
  nextWord(at) {
    const found = this.#boundaries().find(place => place > at);
    return found ?? this.text.length;
  }

  previousWord(at) {
    const found = this.#boundaries().findLast(place => place < at);
    return found ?? 0;
  }

  /** Grown to whole words where the script writes blanks between them. */
  growToWords(start, end) {
    for (const word of this.#wordList()) {
      const to = word.index + word.segment.length;
      if (!word.isWordLike || UNSPACED.test(word.segment))
        continue;
      if (word.index < start && start < to)
        start = word.index;
      if (word.index < end && end < to)
        end = to;
    }
    return [start, end];
  }

  #wordList() {
    this.#words ??= [...new Intl.Segmenter(undefined, { granularity: 'word' }).segment(this.text)];
    return this.#words;
  }

  #boundaries() {
    const places = new Set([0, this.text.length]);
    for (const word of this.#wordList()) {
      if (word.segment.trim().length === 0)
        continue;
      places.add(this.floor(word.index));
      places.add(this.ceiling(word.index + word.segment.length));
    }
    return [...places].sort((a, b) => a - b);
  }
}
