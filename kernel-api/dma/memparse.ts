const SHIFTS: Readonly<Record<string, number>> = { k: 10, m: 20, g: 30, t: 40, p: 50 };

/**
 * A number of bytes on the command line (`memparse`): decimal, octal (`0…`) or hexadecimal (`0x…`), with K, M, G, T or P
 * behind it. 0 if it does not begin with a digit.
 */
export const memparse = (text: string): number => {
  const match = /^(?:0[xX]([0-9a-fA-F]+)|(0[0-7]*)|([1-9]\d*))([kKmMgGtTpP])?/.exec(text);
  if (match === null) return 0;
  const [, hexadecimal, octal, decimal, suffix] = match;
  const digits = hexadecimal ?? octal ?? decimal!;
  const base = hexadecimal !== undefined ? 16 : octal !== undefined ? 8 : 10;
  return parseInt(digits, base) * 2 ** (suffix === undefined ? 0 : SHIFTS[suffix.toLowerCase()]!);
};
