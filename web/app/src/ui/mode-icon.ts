import type { ModeKind } from '../model.ts';
import type { IconName } from './icon.tsx';

const icons: Record<ModeKind, IconName> = {
  computer: 'web',
  mobile: 'mob',
  pstn: 'phone',
  sip: 'cam',
  h323: 'cam',
  isdn: 'pad',
  atm: 'pad',
  gateway: 'link',
};

export function modeIcon(kind: ModeKind): IconName {
  return icons[kind];
}
