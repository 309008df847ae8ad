/**
 * What fields mean to DMA. A meaning is plain data that hangs on a field; engine, checks, dump and generator all go by it.
 */

/**
 * What an address points to. `data` is the one buffer; `source` and `destination` are its two where there are two. `list`
 * is a list of pages or segments; a `last-list` leads to no further one.
 */
export type AddressTarget = 'data' | 'source' | 'destination' | 'next' | 'table' | 'list' | 'last-list';

/** A number that the queue's set-up decides and no entry holds: the size of a block, of a page. */
export interface Parameter {
  readonly kind: 'parameter';
  readonly name: string;
  /** Its value where nobody says otherwise. */
  readonly otherwise: number;
}

/** Values of parameters by name. */
export type Parameters = Readonly<Record<string, number>>;

/** Which way data moves, seen from memory. */
export type Movement = 'from-memory' | 'to-memory' | 'nothing';

/** An I/O address, in bytes. A field that starts above bit 0 of its word holds the address's bits at their places. */
export interface AddressMeaning {
  readonly kind: 'address';
  readonly of: AddressTarget;
  /** What the address must be a multiple of, in bytes; a power of two. */
  readonly align: number;
  /** A power of two that what it points to may not cross, in bytes; 0: none. */
  readonly boundary: number;
}

/** How much data there is. */
export interface LengthMeaning {
  readonly kind: 'length';
  /** Bytes that 1 stands for; the field that holds their log2; or a parameter of the queue. */
  readonly unit: number | string | Parameter;
  /** The field holds one less than the count. */
  readonly minusOne: boolean;
  /** The count that a field of zero stands for, where zero is not zero. */
  readonly zeroMeans: number;
  /** The most bytes that the format allows; 0: whatever the field can hold. */
  readonly max: number;
  /** The address that it belongs to. */
  readonly of: LengthTarget;
}

/** What there is a length of. */
export type LengthTarget = 'data' | 'table' | 'list';

/** Bits that say one thing. */
export type MarkRole =
  | 'first'
  | 'last'
  | 'more'
  | 'device-writes'
  | 'indirect'
  | 'jump'
  | 'toggle'
  | 'source-fixed'
  | 'destination-fixed'
  | 'interrupt'
  | 'owner'
  | 'phase'
  | 'used-phase'
  | 'done'
  | 'error'
  | 'no-event'
  | 'by-event'
  | 'event-phase';

/** A bit (or a field of one value) that says something: it does when it holds `when`. */
export interface MarkMeaning {
  readonly kind: 'mark';
  readonly role: MarkRole;
  /** Default 1. For `owner`: the value that gives the entry to the device. */
  readonly when: number;
}

/** Numbers that say something. */
export type CountRole = 'id' | 'next-index' | 'status' | 'written' | 'index' | 'head' | 'queue' | 'position' | 'event';

/** A number with a part in the format: an identifier, the index of the next entry, a status, bytes written. */
export interface CountMeaning {
  readonly kind: 'count';
  readonly role: CountRole;
  /** Bytes that 1 stands for, of `written` and `position`. */
  readonly unit: number;
}

/** Names of values. `moves` says which way data goes for each, where this is the field that decides it. */
export interface ValuesMeaning<N extends string = string> {
  readonly kind: 'values';
  readonly names: Readonly<Record<N, number>>;
  readonly moves: Readonly<Partial<Record<N, Movement>>> | undefined;
}

/** Any meaning. */
export type Meaning = AddressMeaning | LengthMeaning | MarkMeaning | CountMeaning | ValuesMeaning;

/** An address field. @param of what it points to. Default limits: none but what the field's lowest bit implies. */
export const addressOf = (
  of: AddressTarget,
  { align = 1, boundary = 0 }: { readonly align?: number; readonly boundary?: number } = {},
): AddressMeaning => ({ kind: 'address', of, align, boundary });

/** A number that the queue's set-up decides. @param otherwise its value where nobody says */
export const parameter = (name: string, otherwise: number): Parameter => ({ kind: 'parameter', name, otherwise });

/** The value of a number or of a parameter. One that is no positive number counts as if nobody had said it. */
export const valueOf = (number: number | Parameter, parameters: Parameters = {}): number => {
  if (typeof number === 'number') return number;
  const said = parameters[number.name];
  return said !== undefined && Number.isSafeInteger(said) && said > 0 ? said : number.otherwise;
};

/** A length field. @param unit bytes that 1 stands for, a parameter, or the name of the field that holds their log2. */
export const lengthIn = (
  unit: number | string | Parameter,
  options: {
    readonly minusOne?: boolean;
    readonly zeroMeans?: number;
    readonly max?: number;
    readonly of?: LengthTarget;
  } = {},
): LengthMeaning => ({
  kind: 'length',
  unit,
  minusOne: options.minusOne ?? false,
  zeroMeans: options.zeroMeans ?? 0,
  max: options.max ?? 0,
  of: options.of ?? 'data',
});

/** A field that marks something. @param when the value that does; for `owner`, the device's. */
export const marks = (role: MarkRole, when = 1): MarkMeaning => ({ kind: 'mark', role, when });

/** A number with a part in the format. @param unit bytes that 1 stands for, of `written` and `position`. */
export const counts = (role: CountRole, unit = 1): CountMeaning => ({ kind: 'count', role, unit });

/** Names for values; others can still be read and written, as numbers. */
export const values = <const N extends string>(names: Readonly<Record<N, number>>): ValuesMeaning<N> => ({
  kind: 'values',
  names,
  moves: undefined,
});

/** Names for values that decide which way data goes; a value without a movement moves nothing. */
export const opcodes = <const N extends string>(
  names: Readonly<Record<N, number>>,
  moves: Readonly<Partial<Record<N, Movement>>>,
): ValuesMeaning<N> => ({ kind: 'values', names, moves });
