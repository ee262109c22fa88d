// Colours of a chart, read from the theme's CSS variables so that a switch of the theme is a redraw.

export const PALETTE = 12;

export function readLook(host, options) {
  const style = getComputedStyle(host);
  const variable = (name, fallback) => style.getPropertyValue(name).trim() || fallback;
  const text = variable('--mud-palette-text-secondary', style.color);
  return {
    text,
    grid: variable('--mud-palette-lines-default', text),
    surface: variable('--mud-palette-surface', 'Canvas'),
    alert: variable('--mud-palette-warning', text),
    best: variable('--mud-palette-success', text),
    faint: text,
    labelWidth: 108,
    smoothing: options.smoothing,
    marks: options.marks ?? [],
    color: line => line.color < 0 ? text : variable(`--run-${line.color % PALETTE}`, text),
  };
}

/** Calls back when the theme's colours change: a hidden element takes part in a transition of the text colour. */
export function watchTheme(host, changed) {
  const probe = document.createElement('span');
  probe.setAttribute('aria-hidden', 'true');
  probe.style.cssText = 'position:absolute;width:0;height:0;overflow:hidden;color:var(--mud-palette-text-primary);transition:color 1ms linear !important';
  host.append(probe);
  probe.addEventListener('transitionend', changed);
  return () => {
    probe.removeEventListener('transitionend', changed);
    probe.remove();
  };
}
