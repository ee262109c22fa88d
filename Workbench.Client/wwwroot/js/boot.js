// Runs before the first paint: language and theme as the person last chose them. Later the pages talk to the browser through it.
(() => {
  const root = document.documentElement;
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const read = name => {
    try {
      return localStorage.getItem(name);
    } catch (refused) {
      console.info('No storage in this browser profile; choices last until the page is closed.', refused.name);
      return null;
    }
  };
  const write = (name, value) => {
    try {
      localStorage.setItem(name, value);
    } catch (refused) {
      console.info('The choice could not be kept.', refused.name);
    }
  };
  const asked = new URLSearchParams(location.search).get('lang');
  const known = value => value === 'zh-CN' || value === 'en' ? value : null;
  const language = known(asked) ?? known(read('wb-language')) ?? (navigator.language.toLowerCase().startsWith('zh') ? 'zh-CN' : 'en');
  const theme = read('wb-theme') ?? 'system';
  const isDark = choice => choice === 'dark' || (choice === 'system' && dark.matches);
  const apply = (chosenLanguage, chosenTheme) => {
    root.lang = root.dataset.language = chosenLanguage;
    root.dataset.theme = isDark(chosenTheme) ? 'dark' : 'light';
  };
  apply(language, theme);

  let service = null;
  let wanted = new Set();
  const editable = target => target instanceof HTMLElement &&
    (target.isContentEditable || target.matches('textarea, select, input:not([type=checkbox]):not([type=radio]):not([type=button]):not([type=range])'));
  const nameOf = event => {
    const mod = event.ctrlKey || event.metaKey ? 'Ctrl+' : '';
    const key = event.key.length === 1 && (mod || /[a-z]/i.test(event.key)) ? event.key.toLowerCase() : event.key;
    return mod + (event.shiftKey && (mod || event.key.length > 1) ? 'Shift+' : '') + (event.altKey ? 'Alt+' : '') + key;
  };
  document.addEventListener('keydown', event => {
    if (!service || event.isComposing || event.keyCode === 229 || event.defaultPrevented)
      return;
    const name = nameOf(event);
    if (editable(event.target)) {
      // Escape first leaves the field; what was typed there stays.
      if (name === 'Escape')
        event.target.blur();
      if (!(name === 'Ctrl+Enter' && wanted.has(name)))
        return;
    }
    if ((name === 'Enter' || name === ' ') && event.target.closest('a, button, summary, [role=button]'))
      return;
    if (!wanted.has(name))
      return;
    if (name !== 'Escape')
      event.preventDefault();
    service.invokeMethodAsync('OnKey', name);
  });
  document.addEventListener('click', event => {
    for (const menu of document.querySelectorAll('details.wb-menu[open]'))
      if (!menu.contains(event.target) || event.target.closest('.wb-menu-item, .wb-activity a'))
        menu.open = false;
  });
  document.addEventListener('keydown', event => {
    if (event.key !== 'Escape')
      return;
    for (const menu of document.querySelectorAll('details.wb-menu[open]')) {
      menu.open = false;
      menu.querySelector('summary').focus();
    }
  });

  window.workbench = {
    language: () => root.dataset.language,
    theme: () => read('wb-theme') ?? 'system',
    isDark: () => isDark(read('wb-theme') ?? 'system'),
    choose(chosenLanguage, chosenTheme) {
      write('wb-language', chosenLanguage);
      write('wb-theme', chosenTheme);
      apply(chosenLanguage, chosenTheme);
      return isDark(chosenTheme);
    },
    listen(reference) {
      service = reference;
      dark.addEventListener('change', () => {
        apply(root.dataset.language, read('wb-theme') ?? 'system');
        reference.invokeMethodAsync('OnSystemTheme', isDark(read('wb-theme') ?? 'system'));
      });
    },
    keys(names) {
      wanted = new Set(names);
    },
    focusSearch() {
      const field = document.querySelector('main [data-search]');
      field?.focus();
      field?.select?.();
      return Boolean(field);
    },
    focus(id) {
      document.getElementById(id)?.focus();
    },
    /** The words a person selected inside an element, or nothing. */
    selectionIn(id) {
      const host = document.getElementById(id);
      if (host instanceof HTMLTextAreaElement)
        return host.value.slice(host.selectionStart, host.selectionEnd);
      const selection = getSelection();
      return host && selection.rangeCount && host.contains(selection.anchorNode) && host.contains(selection.focusNode) ? selection.toString() : '';
    },
    scrollTo(id) {
      document.getElementById(id)?.scrollIntoView({ block: 'nearest' });
    },
  };
})();
