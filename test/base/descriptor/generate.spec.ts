import { expect } from 'chai';
import {
  invalidCompletions,
  invalidSample,
  validCompletions,
  validSample,
  walk,
  walkCompletions,
  wordsOfBytes,
  type CompletionSample,
  type FindingKind,
  type Format,
  type Sample,
  type Walk,
} from '../../../base/descriptor';
import { Prng } from '../../../base/prng';
import { virtioSplit } from '../../../devices/formats/virtio-split';
import { FORMATS, SHIPPED } from './formats';

const ROUNDS = 400;

const walkSample = (format: Format, { base, bytes, start, live, visible }: Sample): Walk =>
  walk(format, wordsOfBytes(bytes, base), start, { live, visible });

const LISTS: readonly FindingKind[] = [
  'indirect',
  'loop',
  'misaligned',
  'overlap',
  'reserved',
  'too-long',
  'too-short',
  'unknown-opcode',
  'unknown-value',
];

/** What can be wrong with samples of each format. */
const KINDS: Readonly<Record<string, readonly FindingKind[]>> = {
  'plain-ring': ['boundary', 'misaligned', 'overlap', 'reserved', 'too-long', 'unknown-value'],
  'frame-ring': ['frame', 'reserved', 'too-long', 'unterminated'],
  'packed-ring': ['indirect', 'overlap', 'reserved', 'unterminated'],
  'marked-list': ['boundary', 'loop', 'misaligned', 'overlap', 'reserved', 'unterminated'],
  'null-list': ['boundary', 'loop', 'misaligned', 'overlap', 'reserved'],
  'tail-list': ['frame', 'overlap', 'overrun', 'reserved', 'unterminated'],
  commands: ['misaligned', 'overlap', 'reserved', 'too-long', 'unknown-opcode'],
  'many-buffers': ['misaligned', 'overlap', 'overrun', 'reserved'],
  'jump-ring': ['loop', 'misaligned', 'overlap', 'overrun', 'reserved', 'too-long'],
  'jump-frames': ['frame', 'loop', 'reserved', 'too-long', 'unterminated'],
  'transfer-ring': ['boundary', 'loop', 'misaligned', 'overlap', 'reserved', 'too-long', 'unterminated'],
  'virtio-split': ['index', 'indirect', 'loop', 'order', 'overlap', 'reserved'],
  'virtio-packed': ['indirect', 'order', 'overlap', 'reserved', 'unterminated'],
  'dw-axi-dmac': ['overlap', 'reserved', 'unterminated'],
  'nvme-io': [...LISTS],
  'nvme-admin': [...LISTS],
  'xilinx-axi-dma-mm2s': ['frame', 'overrun', 'reserved', 'stale', 'unterminated'],
  'xilinx-axi-dma-s2mm': ['overlap', 'overrun', 'reserved', 'stale', 'unterminated'],
};

describe('descriptors: the generator and the checks agree', () => {
  for (const format of [...FORMATS, ...SHIPPED]) {
    it(`${format.name}: what is valid is clean`, () => {
      const prng = new Prng(7);
      for (let round = 0; round < ROUNDS; round++) {
        const { entries, findings } = walkSample(format, validSample(format, prng));
        expect(findings, `round ${round}`).to.deep.equal([]);
        expect(entries.some(({ owned }) => owned)).to.equal(true);
      }
    });

    it(`${format.name}: what is spoiled is found, at its entry and by its kind`, () => {
      const prng = new Prng(11);
      const kinds = new Set<FindingKind>();
      for (let round = 0; round < ROUNDS; round++) {
        const sample = invalidSample(format, prng);
        const { kind, where, what } = sample.spoiled!;
        kinds.add(kind);
        const { findings } = walkSample(format, sample);
        const told = findings.some(
          (one) => one.kind === kind && (one.where === where || (kind === 'overlap' && one.message.endsWith(where))),
        );
        const heard = JSON.stringify(findings.map((one) => ({ ...one, address: one.address.toString(16) })));
        expect(told, `round ${round}: ${kind} in ${where} (${what}); found ${heard}`).to.equal(true);
      }
      expect([...kinds].sort()).to.deep.equal([...KINDS[format.name]!, 'too-early', 'unmapped'].sort());
    });
  }

  for (const format of [...FORMATS, ...SHIPPED].filter(({ completion: { kind } }) => kind !== 'in-place')) {
    const look = ({ base, bytes, start, given }: CompletionSample): Walk =>
      walkCompletions(format, wordsOfBytes(bytes, base), start, { given });

    it(`${format.name}: ends of requests that are valid are clean, and what is spoiled is found`, () => {
      const prng = new Prng(5);
      const kinds = new Set<FindingKind>();
      for (let round = 0; round < ROUNDS; round++) {
        const { entries, findings } = look(validCompletions(format, prng)!);
        expect(findings, `round ${round}`).to.deep.equal([]);
        expect(entries.length).to.be.above(0);
        const sample = invalidCompletions(format, prng)!;
        const { kind, where } = sample.spoiled!;
        kinds.add(kind);
        expect(
          look(sample).findings.map((one) => `${one.kind} ${one.where}`),
          `round ${round}`,
        ).to.include(`${kind} ${where}`);
      }
      const { completion } = format;
      const tells = (role: string): boolean =>
        completion.kind === 'queue' && completion.entry.fieldsThat('count', role).length > 0;
      const index = completion.kind === 'used-ring' || tells('head') ? ['index'] : [];
      const overrun = completion.kind !== 'queue' || tells('written') ? ['overrun'] : [];
      expect([...kinds].sort()).to.deep.equal(['completed-twice', ...index, 'not-given', ...overrun]);
    });
  }

  it('the same seed gives the same bytes, another one others', () => {
    const bytes = (seed: number) => validSample(virtioSplit, new Prng(seed)).bytes;
    expect(bytes(1)).to.deep.equal(bytes(1));
    expect(bytes(1)).not.to.deep.equal(bytes(2));
  });
});
