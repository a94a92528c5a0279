import type { Mode, ModeKind, WantedMode } from '../model.ts';
import { isNumber } from '../ui/number.ts';

/** What can be written in; one's own clients are known by themselves. */
export const kindsByHand = ['sip', 'h323', 'isdn', 'atm', 'gateway', 'mobile', 'pstn'] as const satisfies readonly ModeKind[];

/** As long as an address may be, also with its scheme. */
export const ADDRESS_MAX = 250;

/** Addresses as the server takes them, without their scheme; it decides in the end. */
const RULES: Record<Exclude<ModeKind, 'computer' | 'mobile' | 'pstn'>, RegExp> = {
  sip: /^sips?:[^\s@<>"]+@[^\s@<>"]+$/,
  h323: /^[A-Za-z0-9._~+\-@:#*]{1,128}$/,
  isdn: /^\+?[0-9]{3,20}$/,
  atm: /^(\+?[0-9]{3,20}|[0-9A-Fa-f]{40})$/,
  gateway: /^[A-Za-z0-9._+\-@#*]{1,128}$/,
};

/** As it is sent: numbers of ISDN and ATM without the marks that people write in them, a SIP address with its scheme. */
export function addressFor(kind: ModeKind, typed: string): string {
  const text = typed.trim();
  if (kind === 'sip') return /^sips?:/i.test(text) ? text.replace(/^sips?:/i, (scheme) => scheme.toLowerCase()) : `sip:${text}`;
  const bare = text.startsWith(`${kind}:`) ? text.slice(kind.length + 1) : text;
  return kind === 'isdn' || kind === 'atm' ? bare.replace(/[\s().\-/]/g, '') : bare;
}

/** Whether it can be one of this kind. */
export function isAddress(kind: ModeKind, typed: string): boolean {
  if (kind === 'computer') return typed.trim() === '';
  if (kind === 'mobile' || kind === 'pstn') return isNumber(typed);
  const address = addressFor(kind, typed);
  return address.length <= ADDRESS_MAX && RULES[kind].test(address);
}

/** Whether somebody has this way already. */
export function isTaken(list: readonly Mode[], { kind, address = '' }: WantedMode): boolean {
  const plain = (text: string) => text.replace(new RegExp(`^${kind}:`), '').replace(/[\s().\-/]/g, '');
  return list.some((one) => one.kind === kind && plain(one.address ?? '') === plain(address));
}

/** With one that was taken away, where it stood: whatever was changed meanwhile stays. */
export function withAgain(list: readonly Mode[], gone: Mode, index: number): readonly Mode[] {
  return list.some((one) => one.id === gone.id) ? list : list.toSpliced(index, 0, gone);
}

/** Where something that is dragged goes: past those whose middles it has passed. `middles` are those of the others, from top to bottom. */
export function placeAt(middles: readonly number[], y: number): number {
  const below = middles.findIndex((middle) => y < middle);
  return below < 0 ? middles.length : below;
}
