import { expect, it } from 'vitest';
import type { Mode, ModeKind } from '../model.ts';
import { addressFor, isAddress, isTaken, placeAt, withAgain } from './mode-rules.ts';

const mode = (kind: ModeKind, address?: string): Mode => ({
  id: `${kind} ${address ?? ''}`,
  kind,
  ...(address ? { address } : {}),
  video: true,
  origin: 'by-hand',
});

it.each([
  ['sip', 'room@video.example', true],
  ['sip', 'sip:room@video.example', true],
  ['sip', 'room', false],
  ['sip', 'a b@video.example', false],
  ['h323', '4711', true],
  ['h323', 'room@video.example:1720', true],
  ['h323', 'a b', false],
  ['isdn', '+49 30 12345', true],
  ['isdn', '12', false],
  ['atm', '39'.repeat(20), true],
  ['atm', 'zz', false],
  ['gateway', '*71#4711', true],
  ['gateway', '', false],
  ['pstn', '+1 555 0107', true],
  ['mobile', 'none', false],
  ['computer', '', true],
] as const)('%s %s: %s', (kind, text, fits) => {
  expect(isAddress(kind, text)).toBe(fits);
});

it('writes addresses as the server takes them', () => {
  expect(addressFor('sip', ' Room@video.example ')).toBe('sip:Room@video.example');
  expect(addressFor('sip', 'SIP:room@video.example')).toBe('sip:room@video.example');
  expect(addressFor('isdn', 'isdn:+49 30 12345')).toBe('+493012345');
  expect(addressFor('h323', 'h323:room-1')).toBe('room-1');
});

it('knows one that is there already, however it is written', () => {
  const list = [mode('isdn', 'isdn:+493012345'), mode('pstn', '+15550107')];
  expect(isTaken(list, { kind: 'isdn', address: '+49 30 12345', video: true })).toBe(true);
  expect(isTaken(list, { kind: 'atm', address: '+49 30 12345', video: true })).toBe(false);
  expect(isTaken(list, { kind: 'pstn', address: '+1 555 0107', video: false })).toBe(true);
});

it('puts one back where it stood, once', () => {
  const [a, b] = [mode('computer'), mode('h323', '4711')];
  expect(withAgain([a], b, 0)).toEqual([b, a]);
  expect(withAgain([b], b, 0)).toEqual([b]);
});

it('goes past those whose middles were passed', () => {
  expect([5, 15, 40, 99].map((y) => placeAt([10, 30, 50], y))).toEqual([0, 1, 2, 3]);
  expect(placeAt([], 7)).toBe(0);
});
