import { useI18n } from '../i18n/index.tsx';
import type { Place, PlaceKind } from '../model.ts';
import type { IconName } from './icon.tsx';

const icons: Record<PlaceKind, IconName> = {
  work: 'desk',
  home: 'home',
  mobile: 'mob',
  other: 'phone',
  browser: 'web',
  number: 'pad',
};

export function placeIcon(kind: PlaceKind): IconName {
  return icons[kind];
}

/** A place in the person's language: labels that are our own words are translated, what somebody named stays. */
export function usePlaceWord(): (place: Place, mine?: boolean) => string {
  const { t } = useI18n();
  return (place, mine) => {
    if (place.kind === 'browser') return mine ? t.placeHere : t.place.browser;
    // Of others' numbers the server tells the end alone, `number …07`; that it is one, the picture says.
    if (place.kind === 'number') return place.number ?? place.label.replace(/^number /i, '');
    const label = place.label.trim();
    return label.toLowerCase() === place.kind || label === '' ? t.place[place.kind] : label;
  };
}
