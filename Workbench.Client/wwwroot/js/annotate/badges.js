// Letters of entities. One keeps its letter as long as it stands there, so that the hand learns it; where there are more entities than letters, the
// picker deals them out to what can be picked.

import { LETTERS } from './keys.js';

export class Badges {
  #letters = new Map();

  clear() {
    this.#letters.clear();
  }

  /** Entity → letter. */
  of(graph, picker, caret) {
    for (const id of this.#letters.keys())
      if (!graph.spans.has(id))
        this.#letters.delete(id);
    if (graph.spans.size > LETTERS.length) {
      this.#letters.clear();
      return picker.active && picker.step !== 'type' ? picker.letters(picker.head?.start ?? caret) : new Map();
    }
    const taken = new Set(this.#letters.values());
    const free = [...LETTERS].filter(letter => !taken.has(letter));
    for (const span of graph.ordered())
      if (!this.#letters.has(span.id))
        this.#letters.set(span.id, free.shift());
    return this.#letters;
  }
}
