// Which row over a line every relation takes. Within one line an arc spans from head to tail; between lines it leaves to a gutter at the left, runs
// down there and comes back on the tail's line, so that no line in between is crossed. Short ones lie low; none covers another's name.

const LABEL = 11.5;

/** Width of a name as it is painted: letters of Chinese are square, others about half as wide. */
export function labelWidth(text) {
  let width = 0;
  for (const letter of text)
    width += letter > '\u2e7f' ? LABEL : LABEL * 0.58;
  return width + 8;
}

/**
 * @param arcs relation, from {line, x}, to {line, x}; x where the arc leaves and arrives
 * @param gutter width of the gutter left of the text
 * @returns paths with rows, and the number of rows over every line
 */
export function layArcs(arcs, lineCount, gutter) {
  const runs = Array.from({ length: lineCount }, () => []);
  const paths = arcs.map(arc => {
    const width = labelWidth(arc.name);
    if (arc.from.line === arc.to.line) {
      const [left, right] = [Math.min(arc.from.x, arc.to.x), Math.max(arc.from.x, arc.to.x)];
      const center = Math.max((left + right) / 2, width / 2 - gutter + 4);
      const run = { left: Math.min(left, center - width / 2), right: Math.max(right, center + width / 2), span: right - left };
      runs[arc.from.line].push(run);
      return { arc, head: run, tail: run, center, track: -1 };
    }
    const center = Math.max(arc.from.x - width / 2 - 6, width / 2 - gutter + 4);
    const head = { left: -gutter, right: Math.max(arc.from.x, center + width / 2), span: 2000 + arc.from.x };
    const tail = { left: -gutter, right: arc.to.x + 2, span: 2000 + arc.to.x };
    runs[arc.from.line].push(head);
    runs[arc.to.line].push(tail);
    return { arc, head, tail, center, track: 0 };
  });
  const rows = runs.map(giveRows);
  giveTracks(paths.filter(path => path.track >= 0));
  return { paths, rows };
}

function giveRows(line) {
  line.sort((a, b) => a.span - b.span);
  const rows = [];
  for (const run of line) {
    run.row = rows.findIndex(row => row.every(other => run.right + 4 < other.left || other.right + 4 < run.left));
    if (run.row < 0)
      run.row = rows.push([]) - 1;
    rows[run.row].push(run);
  }
  return rows.length;
}

function giveTracks(paths) {
  const tracks = [];
  const reach = path => [Math.min(path.arc.from.line, path.arc.to.line), Math.max(path.arc.from.line, path.arc.to.line)];
  paths.sort((a, b) => (reach(a)[1] - reach(a)[0]) - (reach(b)[1] - reach(b)[0]));
  for (const path of paths) {
    const [top, bottom] = reach(path);
    path.track = tracks.findIndex(track => track.every(([from, to]) => bottom < from || to < top));
    if (path.track < 0)
      path.track = tracks.push([]) - 1;
    tracks[path.track].push([top, bottom]);
  }
}

/** Bars under a line: the inner one lies closer to its words. */
export function layBars(spans) {
  const levels = new Map();
  const placed = [];
  for (const span of [...spans].sort((a, b) => (a.end - a.start) - (b.end - b.start) || a.start - b.start)) {
    const taken = new Set(placed.filter(other => other.start < span.end && span.start < other.end).map(other => levels.get(other.id)));
    let level = 0;
    while (taken.has(level))
      level++;
    levels.set(span.id, level);
    placed.push(span);
  }
  return levels;
}
