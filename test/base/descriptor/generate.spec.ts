import { expect } from 'chai';
import {
  invalidSample,
  validSample,
  walk,
  wordsOfBytes,
  type FindingKind,
  type Format,
  type Sample,
  type Walk,
} from '../../../base/descriptor';
import { Prng } from '../../../base/prng';
import { dwAxiDmacList } from '../../../devices/dw-axi-dmac/lli-format';
import { virtioSplit } from '../../../devices/formats/virtio-split';
import { FORMATS } from './formats';

const ROUNDS = 400;

const walkSample = (format: Format, { base, bytes, start, live, visible }: Sample): Walk =>
  walk(format, wordsOfBytes(bytes, base), start, { live, visible });

/** What can be wrong with samples of each format. */
const KINDS: Readonly<Record<string, readonly FindingKind[]>> = {
  'plain-ring': ['boundary', 'misaligned', 'overlap', 'reserved', 'too-long', 'unknown-value'],
  'frame-ring': ['frame', 'reserved', 'too-long', 'unterminated'],
  'packed-ring': ['indirect', 'overlap', 'reserved', 'unterminated'],
  'marked-list': ['boundary', 'loop', 'misaligned', 'overlap', 'reserved', 'unterminated'],
  'null-list': ['boundary', 'loop', 'misaligned', 'overlap', 'reserved'],
  'tail-list': ['frame', 'overlap', 'reserved', 'unterminated'],
  commands: ['misaligned', 'overlap', 'reserved', 'too-long', 'unknown-opcode'],
  'virtio-split': ['index', 'indirect', 'loop', 'overlap', 'reserved'],
  'dw-axi-dmac': ['overlap', 'reserved', 'unterminated'],
};

describe('descriptors: the generator and the checks agree', () => {
  for (const format of [...FORMATS, virtioSplit, dwAxiDmacList]) {
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

  it('the same seed gives the same bytes, another one others', () => {
    const bytes = (seed: number) => validSample(virtioSplit, new Prng(seed)).bytes;
    expect(bytes(1)).to.deep.equal(bytes(1));
    expect(bytes(1)).not.to.deep.equal(bytes(2));
  });
});
