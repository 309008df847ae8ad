import { hex } from '../u64';
import { findingsByEntry, type Finding, type Walk, type WalkedRequest } from './findings';
import { readNumber, readWide, type PlacedField } from './placed';
import { activeFields } from './shapes';

/** A finding as plain data: addresses are text. */
export interface FindingData extends Omit<Finding, 'address'> {
  readonly address: string;
}

/** A field of an entry. */
export interface FieldData {
  /** Its path: `body.write.slba`. */
  readonly field: string;
  /** Byte offset of its word, and its bits there. */
  readonly offset: number;
  readonly bits: readonly [high: number, low: number];
  /** Text where a number would not hold it exactly: addresses, and numbers of more than 53 bits, as `0x…`. */
  readonly value: number | string;
  /** The value's name, if it has one. */
  readonly name?: string;
}

/** An entry of a queue. */
export interface EntryData {
  readonly where: string;
  readonly address: string;
  readonly descriptor: string;
  /** Whether it is the device's. */
  readonly owned: boolean;
  readonly fields: readonly FieldData[];
  readonly findings: readonly FindingData[];
}

/** A walk as plain data, for JSON. */
export interface WalkData {
  readonly entries: readonly EntryData[];
  readonly requests: readonly WalkedRequest[];
  /** Those that are about no entry which was read. */
  readonly findings: readonly FindingData[];
}

const fieldData = (field: PlacedField, lanes: Int32Array): FieldData => {
  const { path, offset, high, low, meaning } = field;
  const value = field.kind === 'wide' ? hex(readWide(field, lanes, 0)) : readNumber(field, lanes, 0);
  const names = meaning?.kind === 'values' ? Object.entries(meaning.names) : [];
  const name = names.find(([, number]) => number === value)?.[0];
  return { field: path, offset, bits: [high, low], value, ...(name === undefined ? {} : { name }) };
};

const findingData = (finding: Finding): FindingData => ({ ...finding, address: hex(finding.address) });

/** What a walk found, as plain data. */
export const dumpData = ({ entries, requests, findings }: Walk): WalkData => {
  const { of, elsewhere } = findingsByEntry({ entries, findings });
  return {
    entries: [...of].map(([entry, about]) => ({
      where: entry.where,
      address: hex(entry.address),
      descriptor: entry.descriptor.typeName,
      owned: entry.owned,
      fields: activeFields(entry.descriptor, entry.lanes)
        .sort((a, b) => a.offset - b.offset)
        .map((field) => fieldData(field, entry.lanes)),
      findings: about.map(findingData),
    })),
    requests,
    findings: elsewhere.map(findingData),
  };
};
