import type { AnyDescriptor } from './any-descriptor';
import type { PlacedField } from './placed';

/** An entry, header or element that lies in memory. */
export interface Built {
  readonly descriptor: AnyDescriptor;
  readonly address: bigint;
  readonly lanes: Int32Array;
  readonly where: string;
  /** Its addresses of data in lists, and how many bytes lie there. */
  readonly data: { readonly field: PlacedField; readonly bytes: number; readonly length?: PlacedField }[];
}
