// Always started with the Chinese resources and globalization data: those hold English too, so that the language switches without a reload.
Blazor.start({ applicationCulture: 'zh-CN' });
