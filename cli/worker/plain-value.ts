/** A field of a log record or an event as JSON can hold it: numbers too wide for it as hexadecimal text. */
export type PlainValue = string | number | boolean | null;

export const plainValue = (value: unknown): PlainValue => {
  if (typeof value === 'bigint') return `0x${value.toString(16)}`;
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string') return value;
  if (value === null || value === undefined) return null;
  return typeof value === 'object' ? JSON.stringify(value, (_key, inner: unknown) => widened(inner)) : typeof value;
};

const widened = (value: unknown): unknown => (typeof value === 'bigint' ? plainValue(value) : value);

/** All fields of an object, made plain. */
export const plainFields = (fields: object): Record<string, PlainValue> =>
  Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, plainValue(value)]));

/** What should be text, as text: a scenario in JavaScript can hand over anything. */
export const plainText = (value: unknown): string => (typeof value === 'string' ? value : String(plainValue(value)));
