import { expect } from 'chai';
import type { AnyDescriptor } from '../../../base/descriptor';

/** A field as a specification tells it: its first byte, and its bits within the word there. */
export type Figure = readonly [path: string, offset: number, high: number, low: number];

/** Compares fields with what a specification says, the bits counted from the named byte on. */
export const expectFigures = (descriptor: AnyDescriptor, figures: readonly Figure[]): void => {
  for (const [path, offset, high, low] of figures) {
    const field = descriptor.field(path);
    const at = 8 * field.offset + field.low;
    expect([at, field.high - field.low], `${descriptor.typeName}.${path}`).to.deep.equal([
      8 * offset + low,
      high - low,
    ]);
  }
};
