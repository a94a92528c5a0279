import { describe, expect, it } from 'vitest';
import { callKey } from './keys.ts';

const press = (key: string, code: string, held: Partial<Record<'ctrlKey' | 'shiftKey' | 'altKey' | 'metaKey', boolean>> = {}) => ({
  key,
  code,
  ctrlKey: false,
  shiftKey: false,
  altKey: false,
  metaKey: false,
  ...held,
});

describe('keys of the call', () => {
  it('are single letters when the call has the focus', () => {
    expect(callKey(press('m', 'KeyM'), true)).toBe('mute');
    expect(callKey(press(' ', 'Space'), true)).toBe('talk');
    expect(callKey(press('v', 'KeyV'), true)).toBe('camera');
    expect(callKey(press('h', 'KeyH'), true)).toBe('hand');
    expect(callKey(press('p', 'KeyP'), true)).toBe('people');
    expect(callKey(press('?', 'Slash', { shiftKey: true }), true)).toBe('help');
    expect(callKey(press('?', 'Minus', { shiftKey: true }), true)).toBe('help');
  });
  it('need Ctrl Shift elsewhere', () => {
    expect(callKey(press('m', 'KeyM'), false)).toBeUndefined();
    expect(callKey(press('M', 'KeyM', { ctrlKey: true, shiftKey: true }), false)).toBe('mute');
    expect(callKey(press(' ', 'Space', { ctrlKey: true, shiftKey: true }), false)).toBe('talk');
    expect(callKey(press('?', 'Slash', { ctrlKey: true, shiftKey: true }), false)).toBe('help');
  });
  it('lead to who calls, from everywhere', () => {
    expect(callKey(press('L', 'KeyL', { ctrlKey: true, shiftKey: true }), false)).toBe('ring');
    expect(callKey(press('l', 'KeyL'), true)).toBeUndefined();
  });
  it('leave other shortcuts alone', () => {
    expect(callKey(press('m', 'KeyM', { ctrlKey: true }), true)).toBeUndefined();
    expect(callKey(press('h', 'KeyH', { metaKey: true }), true)).toBeUndefined();
    expect(callKey(press('v', 'KeyV', { ctrlKey: true }), true)).toBeUndefined();
    expect(callKey(press('x', 'KeyX'), true)).toBeUndefined();
    expect(callKey(press('M', 'KeyM', { shiftKey: true }), true)).toBeUndefined();
  });
});
