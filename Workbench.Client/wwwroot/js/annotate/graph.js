// What is marked in one text, the operations that change it, and the way back through them.

export function newId() {
  if (crypto.randomUUID)
    return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), byte => byte.toString(16).padStart(2, '0')).join('');
}

const same = (a, b) => a && b && Object.keys(a).every(key => a[key] === b[key]);

export class Graph {
  constructor(view) {
    this.record = view.record;
    this.text = view.text;
    this.spans = new Map(view.spans.map(span => [span.id, span]));
    this.relations = new Map(view.relations.map(relation => [relation.id, relation]));
    this.state = { name: view.state.name, reason: view.state.reason ?? '' };
  }

  words(span) {
    return this.text.slice(span.start, span.end);
  }

  relationsOf(id) {
    return [...this.relations.values()].filter(relation => relation.head === id || relation.tail === id);
  }

  /** In reading order, outer before inner. */
  ordered() {
    return [...this.spans.values()].sort((a, b) => a.start - b.start || b.end - a.end || (a.type < b.type ? -1 : 1));
  }

  /** The innermost first. */
  at(offset) {
    return [...this.spans.values()].filter(span => span.start <= offset && offset < span.end).sort((a, b) => (a.end - a.start) - (b.end - b.start));
  }

  /** False, with nothing changed, when something is no longer as the operation says. */
  apply(operation) {
    const fits = (map, changes) => (changes ?? []).every(({ before, after }) => before ? same(before, map.get(before.id)) : !map.has(after.id));
    if (!fits(this.spans, operation.spans) || !fits(this.relations, operation.relations) || (operation.state && !same(operation.state.before, this.state)))
      return false;
    for (const [map, changes] of [[this.spans, operation.spans], [this.relations, operation.relations]]) {
      for (const { before, after } of changes ?? []) {
        if (after)
          map.set(after.id, after);
        else
          map.delete(before.id);
      }
    }
    if (operation.state)
      this.state = operation.state.after;
    if (operation.texts)
      this.text = operation.texts.after.input || operation.texts.after.instruction;
    return true;
  }
}

/** An operation that takes another one back. */
export function inverse(operation) {
  const turn = changes => (changes ?? []).map(({ before, after }) => ({ before: after, after: before }));
  const swap = change => change && { before: change.after, after: change.before };
  return {
    id: newId(), kind: 'undo', undoes: operation.id, spans: turn(operation.spans), relations: turn(operation.relations),
    texts: swap(operation.texts), state: swap(operation.state),
  };
}

/** What can be taken back and brought back, over all records of a dataset. */
export class History {
  #undo = [];
  #redo = [];
  #kinds = new Map();

  constructor(steps) {
    for (const { record, operation } of steps)
      this.add(record, operation);
  }

  get canUndo() {
    return this.#undo.length > 0;
  }

  get canRedo() {
    return this.#redo.length > 0;
  }

  add(record, operation) {
    const step = { record, operation };
    this.#kinds.set(operation.id, this.#kinds.get(operation.undoes) ?? operation.kind);
    if (operation.undoes && this.#undo.at(-1)?.operation.id === operation.undoes) {
      this.#undo.pop();
      this.#redo.push(step);
    } else if (operation.undoes && this.#redo.at(-1)?.operation.id === operation.undoes) {
      this.#redo.pop();
      this.#undo.push(step);
    } else if (!operation.undoes) {
      this.#undo.push(step);
      this.#redo = [];
    }
  }

  /** The step that undo (or redo) has to take back. */
  next(redo) {
    return (redo ? this.#redo : this.#undo).at(-1);
  }

  /** Grows with everything that is done. */
  get length() {
    return this.#kinds.size;
  }

  knows(id) {
    return this.#kinds.has(id);
  }

  /** What an operation did in the first place, also when it took something back. */
  kindOf(operation) {
    return this.#kinds.get(operation.id) ?? operation.kind;
  }

  /** Leaves out a step that did not come to pass. */
  drop(id) {
    this.#undo = this.#undo.filter(step => step.operation.id !== id);
    this.#redo = this.#redo.filter(step => step.operation.id !== id);
  }
}
