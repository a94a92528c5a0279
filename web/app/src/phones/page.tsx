import { useMemo, useState } from 'react';
import { browserLanguage, I18nProvider } from '../i18n/index.tsx';
import { applyTheme } from '../shell/window.ts';
import { Tooltips } from '../ui/tooltip.tsx';
import { createPhones } from './model.ts';
import { PhonesPage } from './phones.tsx';
import { openSound } from './sound.ts';
import '../ui/tokens.css';
import '../ui/base.css';

/** `/phones`: without signing in, for the demo. */
export default function PhonesApp() {
  const phones = useMemo(() => createPhones(), []);
  const [, setDark] = useState(false);
  const turn = () =>
    setDark(() => {
      const set = document.documentElement.dataset.theme;
      const dark = set ? set === 'dark' : window.matchMedia('(prefers-color-scheme: dark)').matches;
      applyTheme(dark ? 'light' : 'dark');
      return !dark;
    });
  return (
    <I18nProvider language={browserLanguage()}>
      <PhonesPage phones={phones} openSound={openSound} onTheme={turn} />
      <Tooltips />
    </I18nProvider>
  );
}
