import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from 'react';
import { en, type Words } from './en.ts';
import { createFormat, type Format } from './format.ts';

/** The languages there are; each but the first is loaded when it is needed. */
export const languages = { en: 'English', de: 'Deutsch' } as const;
export type Language = keyof typeof languages;

export function isLanguage(text: string | undefined | null): text is Language {
  return text !== undefined && text !== null && Object.hasOwn(languages, text);
}

/** The first language of the browser that is one of ours. */
export function browserLanguage(): Language {
  for (const wanted of navigator.languages ?? []) {
    const base = wanted.split('-')[0]?.toLowerCase();
    if (isLanguage(base)) return base;
  }
  return 'en';
}

/** The locale for times and numbers: the browser's kind of the language, so that British people get British dates. */
function localeOf(language: Language): string {
  return navigator.languages?.find((l) => l.toLowerCase().startsWith(language)) ?? language;
}

async function load(language: Language): Promise<Words> {
  if (language === 'de') return (await import('./de.ts')).de;
  return en;
}

interface I18n {
  readonly t: Words;
  readonly format: Format;
  readonly language: Language;
}

const Context = createContext<I18n>({ t: en, format: createFormat('en'), language: 'en' });

/** The words and formats of the person's language. */
export function useI18n(): I18n {
  return useContext(Context);
}

/** Shows its children once the words are there, so that no word of another language flashes by. */
export function I18nProvider({ language, children }: { language: Language; children: ReactNode }) {
  const [loaded, setLoaded] = useState<{ language: Language; t: Words } | undefined>(language === 'en' ? { language, t: en } : undefined);
  useEffect(() => {
    let current = true;
    document.documentElement.lang = language;
    void load(language).then((t) => current && setLoaded({ language, t }));
    return () => {
      current = false;
    };
  }, [language]);
  const value = useMemo(() => loaded && { ...loaded, format: createFormat(localeOf(loaded.language)) }, [loaded]);
  return value ? <Context value={value}>{children}</Context> : null;
}
