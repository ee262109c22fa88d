// Which types there are, which keys choose them, and what may be related to what.

export class Schema {
  constructor(schema) {
    this.entities = schema.entities;
    this.relations = schema.relations;
    this.guideline = schema.guideline;
  }

  entity(name) {
    return this.entities.find(type => type.name === name);
  }

  relation(name) {
    return this.relations.find(type => type.name === name);
  }

  entityOfKey(key) {
    return this.entities.find(type => type.key === key);
  }

  color(span) {
    const type = this.entity(span.type);
    return type ? `var(--wb-type-${type.color})` : 'var(--wb-type-none)';
  }

  /** Why a relation may not stand there, as a text key with its parts; null when it may. An entity without a type fits everywhere. */
  refusal(relation, head, tail) {
    if (head.type && relation.domain.length && !relation.domain.includes(head.type))
      return ['illegalHead', relation.name, relation.domain.join(' / '), head.type];
    if (tail.type && relation.range.length && !relation.range.includes(tail.type))
      return ['illegalTail', relation.name, relation.range.join(' / '), tail.type];
    return null;
  }

  /** Why a relation cannot be added to a graph. */
  refusalIn(graph, relation, head, tail, but) {
    const illegal = this.refusal(relation, head, tail);
    if (illegal)
      return illegal;
    const others = [...graph.relations.values()].filter(other => other.type === relation.name && other.id !== but);
    if (others.some(other => (other.head === head.id && other.tail === tail.id) || (relation.symmetric && other.head === tail.id && other.tail === head.id)))
      return ['relationTwice', graph.words(head), relation.name, graph.words(tail)];
    if (relation.maxPerHead > 0 && others.filter(other => other.head === head.id).length >= relation.maxPerHead)
      return ['limitHead', graph.words(head), relation.name, relation.maxPerHead];
    if (relation.maxPerTail > 0 && others.filter(other => other.tail === tail.id).length >= relation.maxPerTail)
      return ['limitTail', graph.words(tail), relation.name, relation.maxPerTail];
    return null;
  }

  legal(head, tail) {
    return this.relations.filter(relation => !this.refusal(relation, head, tail));
  }

  canBeHead(span) {
    return this.relations.some(relation => !span.type || relation.domain.length === 0 || relation.domain.includes(span.type));
  }

  canBeTail(head, span) {
    return span.id !== head.id && this.legal(head, span).length > 0;
  }
}
