// Operations that people make, each with what it replaces; and why one would be refused before it is made.

import { newId } from './graph.js';

const operation = (kind, spans, relations, more) => ({ id: newId(), kind, spans, relations, ...more });

export const mark = (start, end, type) => operation('mark', [{ before: null, after: { id: newId(), start, end, type } }], []);

export const retype = (span, type) => operation('retype', [{ before: span, after: { ...span, type } }], []);

export const relate = (head, tail, type) => operation('relate', [], [{ before: null, after: { id: newId(), head: head.id, tail: tail.id, type } }]);

export const retypeRelation = (relation, type) => operation('retype', [], [{ before: relation, after: { ...relation, type } }]);

export const removeRelation = relation => operation('delete', [], [{ before: relation, after: null }]);

/** An entity goes with its relations: none may lose an end. */
export const removeSpan = (graph, span) =>
  operation('delete', [{ before: span, after: null }], graph.relationsOf(span.id).map(relation => ({ before: relation, after: null })));

export const setState = (graph, name, reason = '') => operation('state', [], [], { state: { before: graph.state, after: { name, reason } } });

/** Every other mention of the same words gets the same type. Null where there is none. */
export function propagate(graph, characters, span) {
  const words = graph.words(span);
  const spans = [];
  for (let at = graph.text.indexOf(words); at >= 0; at = graph.text.indexOf(words, at + words.length)) {
    const end = at + words.length;
    if (characters.floor(at) === at && characters.floor(end) === end && !markRefusal(graph, at, end, span.type))
      spans.push({ before: null, after: { id: newId(), start: at, end, type: span.type } });
  }
  return spans.length > 0 ? operation('propagate', spans, []) : null;
}

/** Head and tail exchanged; where the type does not allow that, its inverse does it. Null with nothing legal. */
export function reverse(graph, schema, relation) {
  const [head, tail] = [graph.spans.get(relation.tail), graph.spans.get(relation.head)];
  const type = schema.relation(relation.type);
  for (const name of [relation.type, type?.inverse]) {
    const wanted = name && schema.relation(name);
    if (wanted && !schema.refusalIn(graph, wanted, head, tail, relation.id))
      return operation('reverse', [], [{ before: relation, after: { ...relation, head: head.id, tail: tail.id, type: name } }]);
  }
  return null;
}

/** Why a stretch cannot be marked with a type; null when it can. */
export function markRefusal(graph, start, end, type) {
  const twice = [...graph.spans.values()].some(span => span.start === start && span.end === end && span.type === type);
  return twice ? ['markTwice', graph.text.slice(start, end), type] : null;
}

/** Why an entity cannot have another type; null when it can. */
export function retypeRefusal(graph, schema, span, type) {
  const twice = markRefusal(graph, span.start, span.end, type);
  if (twice)
    return twice;
  for (const relation of graph.relationsOf(span.id)) {
    const named = schema.relation(relation.type);
    const [head, tail] = [graph.spans.get(relation.head), graph.spans.get(relation.tail)];
    const illegal = named && schema.refusal(named, head.id === span.id ? { ...span, type } : head, tail.id === span.id ? { ...span, type } : tail);
    if (illegal)
      return ['retypeBreaks', graph.words(head), relation.type, graph.words(tail), type];
  }
  return null;
}
