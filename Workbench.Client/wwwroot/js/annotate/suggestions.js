// What rules, other records or an adapter suggest for the record on the sheet: shown beside what is marked, taken or turned down by key, and part of
// the record only when somebody took it.

import { newId } from './graph.js';

/** A suggestion is taken together with the others when at least this share of people's decisions spoke for it. */
export const SURE = 0.8;

export class Suggestions {
  #view;
  #turnedDown = new Set();

  constructor(view) {
    this.#view = view;
    this.clear();
  }

  get count() {
    return this.spans.size + this.relations.size;
  }

  clear() {
    this.spans = new Map();
    this.relations = new Map();
  }

  show({ spans, relations }) {
    this.clear();
    for (const span of spans)
      if (!this.#turnedDown.has(this.#name(span)))
        this.spans.set(span.id, span);
    const there = id => this.spans.has(id) || this.#view.graph.spans.has(id);
    for (const relation of relations)
      if (there(relation.head) && there(relation.tail) && !this.#turnedDown.has(this.#name(relation)))
        this.relations.set(relation.id, relation);
  }

  /** The one that the next key decides about: entities in reading order, then relations. */
  get current() {
    const order = [...this.spans.values()].sort((a, b) => a.start - b.start);
    return order[0] ?? this.relations.values().next().value;
  }

  /** Everything to draw, with the names of what is only suggested; null when nothing is. */
  look() {
    this.#prune();
    if (this.count === 0)
      return null;
    const { graph } = this.#view;
    return {
      spans: [...graph.spans.values(), ...this.spans.values()], relations: [...this.relations.values()],
      ids: new Set([...this.spans.keys(), ...this.relations.keys()]), current: this.current.id,
    };
  }

  accept() {
    const { current } = this;
    if (current)
      this.#take([current]);
    else
      this.#view.refuse(['noSuggestions']);
  }

  acceptSure() {
    const sure = [...this.spans.values(), ...this.relations.values()].filter(one => (one.score ?? 0) >= SURE);
    if (sure.length > 0)
      this.#take(sure);
    else
      this.#view.refuse(['noSureSuggestions', Math.round(SURE * 100)]);
  }

  turnDown() {
    const { current } = this;
    if (!current) {
      this.#view.refuse(['noSuggestions']);
      return;
    }
    this.#turnedDown.add(this.#name(current));
    this.spans.delete(current.id);
    this.relations.delete(current.id);
    for (const relation of [...this.relations.values()])
      if (relation.head === current.id || relation.tail === current.id)
        this.relations.delete(relation.id);
    this.#view.say('turnedDown', this.count);
    this.#view.changed();
  }

  /** What somebody marked or removed in the meantime is not suggested any more. */
  #prune() {
    const { graph } = this.#view;
    for (const span of [...this.spans.values()]) {
      const marked = [...graph.spans.values()].find(one => one.start === span.start && one.end === span.end && (one.type === span.type || !span.type));
      if (!marked)
        continue;
      this.spans.delete(span.id);
      for (const relation of this.relations.values()) {
        const end = id => id === span.id ? marked.id : id;
        this.relations.set(relation.id, { ...relation, head: end(relation.head), tail: end(relation.tail) });
      }
    }
    const there = id => this.spans.has(id) || graph.spans.has(id);
    for (const relation of [...this.relations.values()]) {
      const twice = [...graph.relations.values()].some(one => one.head === relation.head && one.tail === relation.tail && one.type === relation.type);
      if (twice || !there(relation.head) || !there(relation.tail))
        this.relations.delete(relation.id);
    }
  }

  #take(chosen) {
    const { graph } = this.#view;
    const spans = new Map();
    const relations = [];
    for (const one of chosen) {
      if (one.head) {
        relations.push({ before: null, after: { id: one.id, head: one.head, tail: one.tail, type: one.type } });
        for (const end of [one.head, one.tail])
          if (this.spans.has(end))
            spans.set(end, this.spans.get(end));
      } else {
        spans.set(one.id, one);
      }
    }
    if ([...spans.values()].some(span => !span.type)) {
      this.#view.refuse(['suggestionUntyped']);
      return;
    }
    const added = [...spans.values()].map(({ id, start, end, type }) => ({ before: null, after: { id, start, end, type } }));
    const words = chosen.length === 1 && !chosen[0].head ? graph.text.slice(chosen[0].start, chosen[0].end) : '';
    if (!this.#view.perform({ id: newId(), kind: 'accept', spans: added, relations }, 'accepted', added.length + relations.length, words))
      return;
    for (const one of [...spans.values(), ...chosen]) {
      this.spans.delete(one.id);
      this.relations.delete(one.id);
    }
    this.#view.changed();
  }

  #name(one) {
    const { record } = this.#view.graph;
    return one.head ? `${record}|${one.head}|${one.tail}|${one.type}` : `${record}|${one.start}|${one.end}|${one.type}`;
  }
}
