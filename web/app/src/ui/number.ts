/** Whether a text can be a telephone number: the server decides what may be called. */
export function isNumber(text: string): boolean {
  const digits = text.replace(/[\s().\-/]/g, '');
  return /^\+?[0-9]{2,15}$/.test(digits);
}
